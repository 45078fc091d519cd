"""Answers are JSON that parses and structured fields that other languages read."""

from __future__ import annotations

import json

from edge.answer import cache_key, decisions_headers, decisions_json, error_json
from rulecore import BundleImage, Decision, Engine, write_bundle
from rulecore.model import Bundle, Placement
from tests.edge.bundles import marked, placement


def decide(*placements: Placement) -> list[Decision]:
    bundle = Bundle("b", "UTC", (), (), (), (), tuple(sorted(placements, key=lambda each: each.name)))
    return Engine(BundleImage(write_bundle(bundle))).decide_all({}, 0)


def test_variants_are_a_dictionary_of_tokens_none_among_them() -> None:
    decisions = decide(placement("a_1-x", {"none": None}, "none"), placement("hero", {"sale": b"1"}, "sale"))
    assert dict(decisions_headers(decisions, "r-1"))[b"edgewise-variants"] == b"a_1-x=none, hero=sale"


def test_without_placements_there_is_no_dictionary_and_no_cache_key() -> None:
    assert decisions_headers([], "r-1", "unknown_placement") == [
        (b"edgewise-release", b"r-1"),
        (b"edgewise-error", b"unknown_placement"),
    ]


def test_the_cache_key_is_of_what_the_page_shows_and_of_nothing_else() -> None:
    first = decide(placement("a", {"x": b"1"}, "x"), placement("b", {"y": b"2"}, "y"))
    renamed = decide(placement("a", {"x": b"1", "z": b"9"}, "x"), placement("b", {"y": b"2"}, "y"))
    assert first[0].release != renamed[0].release
    assert cache_key(first) == cache_key(renamed) == cache_key(first[::-1])
    assert cache_key(first) != cache_key(decide(placement("a", {"x": b"1"}, "x"), placement("b", {"y": b"3"}, "y")))
    assert cache_key(first) != cache_key(first[:1])
    assert len(cache_key(first)) == 32


def test_errors_say_where() -> None:
    error = json.loads(error_json("bad_context", "expected int", attribute="age", offset=7))
    assert error == {"error": {"code": "bad_context", "message": "expected int", "attribute": "age", "offset": 7}}


def test_marks_of_the_fixtures_differ() -> None:
    assert cache_key(decide(*marked("a").placements)) != cache_key(decide(*marked("b").placements))


def test_payloads_go_out_as_they_are() -> None:
    decisions = decide(placement("hero", {"sale": b'{"z":1.0,"a":"\\u00e9"}'}, "sale"))
    body = decisions_json(decisions, explanations=None, release="r", age_seconds=1.25, decision_id="d")
    assert b'"payload":{"z":1.0,"a":"\\u00e9"}' in body
    assert json.loads(body)["release_age_seconds"] == 1.25


def test_defaults_after_an_error_say_so() -> None:
    decisions = decide(placement("hero", {"sale": None}, "sale"))
    body = json.loads(
        decisions_json(decisions, explanations=None, release="r", age_seconds=0, decision_id="d", error="internal")
    )
    assert body["error"] == "internal"
    assert body["decisions"]["hero"]["reason"] == "ERROR"
