"""The oracle on cases that can be checked by eye: what everything else is held against must itself be right."""

from __future__ import annotations

import math

import pytest

from rulecore.errors import ContextError
from rulecore.model import (
    Attr,
    Attribute,
    Bundle,
    Call,
    Cap,
    Const,
    Expr,
    Has,
    Holdout,
    InSegment,
    Layer,
    Placement,
    Quantifier,
    Rule,
    Segment,
    Source,
    Type,
    Var,
    Variant,
)
from tests.oracle import Answer, Oracle, share
from tests.oracle_context import parse_duration, parse_timestamp
from tests.oracle_values import (
    ERROR,
    INT64_MIN,
    YEAR_1,
    YEAR_10000,
    civil,
    contains_ip,
    divide,
    modulus,
    semantic_version,
    whole,
)

AGE = Attr("age", Type.INT)
SCORE = Attr("score", Type.DOUBLE)
DEVICE = Attr("device", Type.STRING)
TAGS = Attr("tags", Type.LIST_STRING)
ATTRIBUTES = tuple(
    Attribute(name, kind, purposes, Source.CONTEXT)
    for name, kind, purposes in (
        ("age", Type.INT, ("personalization",)),
        ("device", Type.STRING, ()),
        ("score", Type.DOUBLE, ()),
        ("session.shows.capped", Type.INT, ("personalization",)),
        ("session.sticky.kept", Type.STRING, ("personalization",)),
        ("tags", Type.LIST_STRING, ()),
        ("visitor_id", Type.STRING, ("personalization",)),
    )
)
VARIANTS = (Variant("red"), Variant("blue"))
AGREED: dict[str, object] = {"consent": ["personalization"]}


def rule(when: Expr | None = None, **fields: object) -> Rule:
    known: dict[str, object] = {"id": "r", "purposes": (), "unit": "visitor_id", "salt": "salt"}
    if "split" not in fields:
        known["serve"] = "red"
    return Rule(when=when, **(known | fields))  # type: ignore[arg-type]


def oracle(*rules: Rule, holdout: Holdout | None = None, segments: tuple[Segment, ...] = ()) -> Oracle:
    at = Placement("hero", VARIANTS, "blue", rules, holdout.name if holdout else None)
    layers = (Layer("layer", "layer salt", "visitor_id"),)
    return Oracle(Bundle("shop", "UTC", ATTRIBUTES, segments, (holdout,) if holdout else (), layers, (at,)))


def value(expr: Expr, context: dict[str, object]) -> object:
    made = oracle()
    return made.evaluate(expr, made.facts(context, 0))


def text(word: str) -> Const:
    return Const(Type.STRING, word)


def number(size: int) -> Const:
    return Const(Type.INT, size)


def test_a_side_that_decides_absorbs_an_error() -> None:
    absent = Call("eq", (DEVICE, text("mobile")), Type.BOOL)
    yes, no = Const(Type.BOOL, True), Const(Type.BOOL, False)
    assert value(Call("or", (absent, yes), Type.BOOL), {}) is True
    assert value(Call("and", (absent, no), Type.BOOL), {}) is False
    assert value(Call("or", (absent, no), Type.BOOL), {}) is ERROR
    assert value(Call("and", (absent, yes), Type.BOOL), {}) is ERROR
    assert value(Call("not", (absent,), Type.BOOL), {}) is ERROR
    assert value(Call("cond", (yes, no, absent), Type.BOOL), {}) is False
    assert value(Call("cond", (absent, yes, yes), Type.BOOL), {}) is ERROR


def test_a_masked_attribute_is_like_an_absent_one() -> None:
    assert value(Has("age"), {"age": 7}) is False
    assert value(AGE, {"age": 7}) is ERROR
    assert value(Has("age"), {"age": 7, **AGREED}) is True
    assert value(AGE, {"age": 7, **AGREED}) == 7


def test_numbers_overflow_divide_and_compare_exactly() -> None:
    assert value(Call("add", (number(2**63 - 1), number(1)), Type.INT), {}) is ERROR
    assert value(Call("neg", (number(INT64_MIN),), Type.INT), {}) is ERROR
    assert divide(-7, 2) == -3
    assert modulus(-7, 2) == -1
    assert divide(INT64_MIN, -1) is ERROR
    assert modulus(INT64_MIN, -1) is ERROR
    assert modulus(1, 0) is ERROR
    assert divide(1.0, -0.0) == -math.inf
    assert math.isnan(divide(0.0, 0.0))  # type: ignore[arg-type]
    assert value(Call("lt", (SCORE, number(2**53 + 1)), Type.BOOL), {"score": 2.0**53}) is True
    assert value(Call("ne", (SCORE, SCORE), Type.BOOL), {"score": math.nan}) is True


def test_quantifiers_are_ors_and_ands_over_the_elements() -> None:
    item = Var("item", 0, Type.STRING)
    old, new = Call("semver", (item,), Type.SEMVER), Call("semver", (text("2.0.0"),), Type.SEMVER)
    a_or_error = Call("lt", (old, new), Type.BOOL)
    assert value(Quantifier("exists", TAGS, item, a_or_error), {"tags": ["x", "1.0.0"]}) is True
    assert value(Quantifier("exists", TAGS, item, a_or_error), {"tags": ["x", "3.0.0"]}) is ERROR
    assert value(Quantifier("all", TAGS, item, a_or_error), {"tags": ["x", "3.0.0"]}) is False
    assert value(Quantifier("all", TAGS, item, a_or_error), {"tags": []}) is True
    assert value(Quantifier("all", TAGS, item, a_or_error), {}) is ERROR


def test_local_times_follow_the_zone_and_reach_past_four_digit_years() -> None:
    spring = parse_timestamp("2026-03-08T07:00:00Z")
    assert spring is not None
    assert civil("get_hours", spring - 1, "America/New_York") == 1
    assert civil("get_hours", spring, "America/New_York") == 3
    assert civil("get_day_of_week", spring, "America/New_York") == 0
    assert civil("get_hours", spring, "+05:30") == 12
    assert civil("get_minutes", spring, "-05:30") == 30
    assert civil("get_hours", spring, "Mars/Olympus") is ERROR
    assert civil("get_full_year", YEAR_1, "-05:00") == 0
    assert civil("get_day_of_year", YEAR_1, "America/New_York") == 365  # the year 0 was a leap year
    assert civil("get_full_year", YEAR_10000 - 1, "Asia/Kathmandu") == 10_000
    assert whole("get_minutes", -90_000_000) == -1


def test_versions_and_addresses_are_strict() -> None:
    assert semantic_version("1.2") is ERROR
    assert semantic_version("1.2.3\n") is ERROR
    assert semantic_version("1.2.3+a") == semantic_version("1.2.3+b")
    assert contains_ip("10.0.0.0/8", "10.9.9.9") is True
    assert contains_ip("10.0.0.0/8", "::1") is False
    assert contains_ip("::/0", "fe80::1%eth0") is ERROR
    assert contains_ip("::/0", "::ffff:10.0.0.1") is ERROR


def test_times_and_durations_in_contexts() -> None:
    assert parse_timestamp("1970-01-01T01:00:00.0000019+01:00") == 1
    assert parse_timestamp("1970-01-01T00:00:60Z") is None
    assert parse_timestamp("1970-01-01 00:00:00Z") is None
    assert parse_duration("-1h30m0.5s") == -5_400_500_000
    assert parse_duration("0") == 0
    assert parse_duration("1") is None
    assert parse_duration("1h x") is None


@pytest.mark.parametrize(
    ("context", "attribute"),
    [
        ({"age": True}, "age"),
        ({"age": 1.5}, "age"),
        ({"age": 2**63}, "age"),
        ({"age": 2.0**53 + 2}, "age"),
        ({"device": "\ud800"}, "device"),
        ({"tags": ["a", None]}, "tags"),
        ({"now": "yesterday"}, "now"),
        ({"session.shows.capped": 1, "session": {"shows": {"capped": 1}}}, "session.shows.capped"),
        ({"session": {"shows.capped": None, "shows": {"capped": 1}}}, "session.shows.capped"),
    ],
)
def test_a_context_that_cannot_be_taken_names_the_attribute(context: dict[str, object], attribute: str) -> None:
    with pytest.raises(ContextError) as caught:
        oracle().facts(context, 0)
    assert caught.value.attribute == attribute


def test_segments_need_consent_and_something_to_look_in() -> None:
    vip = Segment("vip", ("personalization",))
    young = Segment("young", (), Call("lt", (AGE, number(18)), Type.BOOL))
    made = oracle(segments=(vip, young))
    known = Oracle(made.bundle, members={"v1": {"vip"}})
    test = InSegment("vip")
    assert made.evaluate(test, made.facts({**AGREED, "visitor_id": "v1"}, 0)) is ERROR
    assert known.evaluate(test, known.facts({"visitor_id": "v1"}, 0)) is ERROR
    assert known.evaluate(test, known.facts({**AGREED, "visitor_id": "v1"}, 0)) is True
    assert known.evaluate(test, known.facts({**AGREED, "visitor_id": "v2"}, 0)) is False
    assert known.evaluate(test, known.facts({**AGREED, "visitor_id": "v1", "segments": []}, 0)) is False
    assert made.matching_segments({**AGREED, "age": 7}, 0) == ["young"]
    assert made.matching_segments({"age": 7}, 0) == []


def test_rules_are_tried_in_order_until_one_matches() -> None:
    made = oracle(rule(starts=10, ends=20, id="later"), rule(DEVICE_IS_MOBILE, id="mobile"), rule(enabled=False))
    assert made.decide("hero", {"device": "mobile"}, 9) == Answer("red", "TARGETING_MATCH", "mobile")
    assert made.decide("hero", {"device": "mobile"}, 10).rule == "later"
    assert made.decide("hero", {}, 20) == Answer("blue", "DEFAULT")
    assert made.decide("hero", {"now": "1970-01-01T00:00:00.000019Z"}, 0).rule == "later"
    assert oracle().decide("hero", {}, 0) == Answer("blue", "STATIC")


DEVICE_IS_MOBILE = Call("eq", (DEVICE, text("mobile")), Type.BOOL)


def test_a_unit_is_needed_and_its_bucket_decides() -> None:
    bucket = share("salt", "percent", "v1", 100_000)
    assert oracle(rule(percent=bucket)).decide("hero", {"visitor_id": "v1"}, 0).reason == "DEFAULT"
    assert oracle(rule(percent=bucket + 1)).decide("hero", {"visitor_id": "v1"}, 0).rule == "r"
    assert oracle(rule(percent=100_000)).decide("hero", {"visitor_id": ""}, 0).reason == "DEFAULT"
    at = share("layer salt", "layer", "v1", 100_000)
    assert oracle(rule(layer="layer", layer_range=(at, at + 1))).decide("hero", {"visitor_id": "v1"}, 0).rule == "r"
    assert oracle(rule(layer="layer", layer_range=(at + 1, at + 2))).decide("hero", {"visitor_id": "v1"}, 0).rule != "r"


def test_a_split_follows_its_weights_and_what_was_kept() -> None:
    kept = oracle(rule(id="kept", split=(("red", 0), ("blue", 1)), sticky=True, experiment="e"))
    given: dict[str, object] = {"visitor_id": "v1", **AGREED}
    assert kept.decide("hero", given, 0) == Answer("blue", "SPLIT", "kept", "e")
    assert kept.decide("hero", {**given, "session.sticky.kept": "red"}, 0).variant == "blue"
    even = oracle(rule(id="kept", split=(("red", 1), ("blue", 1)), sticky=True))
    for variant in ("red", "blue"):
        assert even.decide("hero", {**given, "session.sticky.kept": variant}, 0).variant == variant


def test_a_cap_counts_shows_and_needs_consent() -> None:
    made = oracle(rule(id="capped", cap=Cap(1, "session")))
    assert made.decide("hero", AGREED, 0).rule == "capped"
    assert made.decide("hero", {**AGREED, "session.shows.capped": 1}, 0).rule is None
    assert made.decide("hero", {}, 0).rule is None


def test_a_holdout_keeps_what_would_have_been() -> None:
    everyone = Holdout("global", 100_000, "salt", "visitor_id", ("personalization",))
    made = oracle(rule(split=(("red", 1),), experiment="e"), holdout=everyone)
    held = Answer("blue", "SPLIT", None, "e", "global", ("r", "red"))
    assert made.decide("hero", {"visitor_id": "v1", **AGREED}, 0) == held
    assert made.decide("hero", {"visitor_id": "v1"}, 0) == Answer("red", "SPLIT", "r", "e")
