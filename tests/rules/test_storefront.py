"""The storefront is an example that holds: it is checked, tested, whole, and shows what a retailer asks for."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from central.authoring.load import Loaded, load_bundle
from central.authoring.testing import DEFAULT_NOW, check_coverage, run_tests
from central.demo_visits import Visit
from central.segments.rfm import SEGMENTS
from rulecore import BundleImage, Engine, write_bundle
from rulecore.explanation import Outcome
from rulecore.model import Bundle

FOLDER = Path(__file__).parents[2] / "rules" / "storefront"
VOID = {"br", "hr", "img", "input", "link", "meta"}


@pytest.fixture(scope="module", name="loaded")
def load() -> Loaded:
    return load_bundle(FOLDER)


@pytest.fixture(scope="module", name="bundle")
def checked(loaded: Loaded) -> Bundle:
    assert loaded.bundle is not None
    return loaded.bundle


@pytest.fixture(scope="module", name="engine")
def link(bundle: Bundle) -> Engine:
    return Engine(BundleImage(write_bundle(bundle)))


def test_it_has_no_problems_and_its_tests_pass(loaded: Loaded, engine: Engine) -> None:
    assert loaded.bundle is not None
    assert loaded.source is not None
    tested = run_tests(engine, loaded.tests, loaded.problems)
    check_coverage(loaded.bundle, loaded.source, tested, loaded.problems)
    assert loaded.problems.render() == ""
    assert tested.passed == tested.tests > 0


def test_each_rule_is_reached_by_a_test_and_tried_in_vain_by_another(
    loaded: Loaded, bundle: Bundle, engine: Engine
) -> None:
    outcomes: dict[str, set[Outcome]] = {rule.id: set() for placement in bundle.placements for rule in placement.rules}
    for case in loaded.tests:
        for expectation in case.expect:
            for trace in engine.explain(expectation.placement, case.context, DEFAULT_NOW).rules:
                outcomes[trace.rule].add(trace.outcome)
    for rule, seen in outcomes.items():
        assert Outcome.WON in seen, rule
        assert seen - {Outcome.WON, Outcome.NOT_REACHED}, rule


def test_each_variant_is_shown_in_a_test(loaded: Loaded, bundle: Bundle, engine: Engine) -> None:
    shown = {(each.placement, each.variant) for case in loaded.tests for each in case.expect}
    for placement in bundle.placements:
        for variant in engine.bundle.variants(placement.name):
            assert (placement.name, variant) in shown


def test_no_two_of_its_tests_have_one_name(loaded: Loaded) -> None:
    names = [case.name for case in loaded.tests]
    assert len(set(names)) == len(names)


def test_compiling_it_twice_gives_the_same_bytes() -> None:
    first, second = load_bundle(FOLDER).bundle, load_bundle(FOLDER).bundle
    assert first is not None
    assert second is not None
    assert write_bundle(first) == write_bundle(second)


def test_its_rules_use_every_segment_that_purchases_give(bundle: Bundle, engine: Engine) -> None:
    assert set(engine.bundle.segments) == set(SEGMENTS)
    assert {segment.name for segment in bundle.segments if segment.when} == {
        "cart_abandoners",
        "cold_climate",
        "hesitant",
    }


def test_it_shows_every_part_of_the_language(bundle: Bundle) -> None:
    rules = [rule for placement in bundle.placements for rule in placement.rules]
    assert bundle.layers
    assert any(rule.layer for rule in rules)
    assert any(placement.holdout and any(rule.split for rule in placement.rules) for placement in bundle.placements)
    assert any(rule.percent is not None for rule in rules)
    assert any(rule.starts is not None and rule.ends is not None for rule in rules)
    assert any(rule.cap for rule in rules)
    assert any(rule.sticky for rule in rules)
    assert any("marketing" in rule.purposes for rule in rules)
    assert any(len(rule.split) > 2 for rule in rules)
    assert {str(attribute.source) for attribute in bundle.attributes} >= {"cookie", "header", "snapshot", "context"}


def test_every_block_is_html_whose_elements_are_closed(bundle: Bundle) -> None:
    blocks = [variant.block for placement in bundle.placements for variant in placement.variants if variant.block]
    assert len(blocks) == len(list(FOLDER.glob("blocks/**/*.html")))
    for block in blocks:
        assert _open_elements(block.content.decode()) == [], block.path


def test_every_visit_of_the_demo_is_to_a_placement_of_it(bundle: Bundle, engine: Engine) -> None:
    visits = msgspec.json.decode((FOLDER / "visits.json").read_bytes(), type=list[Visit])
    assert {visit.placement for visit in visits} <= {placement.name for placement in bundle.placements}
    for visit in visits:
        engine.decide_json(visit.placement, bytes(visit.context), DEFAULT_NOW)


def _open_elements(html: str) -> list[str]:
    """The elements that were opened and not closed in order."""
    opened: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
            if tag not in VOID:
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    reader = Reader()
    reader.feed(html)
    reader.close()
    return opened
