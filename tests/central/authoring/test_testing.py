"""The tests beside the rules are run by the real engine; what fails says why, and what they leave untried is found."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from central.authoring import testing
from central.authoring.testing import DEFAULT_NOW, check_coverage, run_tests
from rulecore import BundleImage, Engine, write_bundle
from tests.central.authoring.written import load

BUNDLE: Final = """\
bundle: shop
attributes: {age: {type: int, purpose: none}}
holdouts: {everyone: {percent: 100, purpose: none}}
placements:
  hero:
    default: plain
    variants: {plain: {}, sale: {}, extra: {}}
    rules:
      - {id: mobile, when: "device == 'mobile' && (city == 'Rome' || bot)", serve: sale}
      - {id: late, when: "now > timestamp('2026-06-01T00:00:00Z')", serve: extra}
  held:
    default: plain
    variants: {plain: {}, sale: {}}
    holdout: everyone
    rules: [{id: test, when: "device == 'mobile'", split: {sale: 1}, salt: s, purpose: none}]
  fixed: {default: none}
  closed: {default: none, enabled: false, rules: [{id: unseen, when: bot, serve: none}]}
  partly: {default: none, rules: [{id: "off", enabled: false, serve: none}, {id: "on", when: bot, serve: none}]}
"""
PHONE: Final = "device: mobile, city: Rome, visitor_id: v"


def run(directory: Path, *tests: str) -> tuple[testing.Tested, list[str], list[str]]:
    """What came of tests written as `context | expectation`: the counts, what fails, and what is not covered."""
    cases = []
    for number, test in enumerate(tests):
        context, _, expect = test.partition(" | ")
        cases.append(f"- {{name: test {number}, context: {{{context}}}, expect: {{{expect}}}}}\n")
    loaded = load(directory, bundle=BUNDLE, shop_test="".join(cases) or "[]")
    assert loaded.problems.render() == ""
    assert loaded.bundle is not None
    assert loaded.source is not None
    tested = run_tests(Engine(BundleImage(write_bundle(loaded.bundle))), loaded.tests, loaded.problems)
    failed = [one.render().partition("error: ")[2] for one in loaded.problems.all]
    places = {one.position for one in loaded.problems.all}
    check_coverage(loaded.bundle, loaded.source, tested, loaded.problems)
    uncovered = [
        f"{one.position.line}:{one.position.column}: {one.message}"
        for one in loaded.problems.all
        if one.position not in places
    ]
    return tested, failed, uncovered


def test_a_variant_a_reason_and_a_rule_are_compared(tmp_path: Path) -> None:
    tested, failed, _ = run(
        tmp_path,
        f"{PHONE} | hero: sale",
        f"{PHONE} | hero: {{variant: sale, reason: TARGETING_MATCH, rule: mobile}}",
        "device: desktop | hero: {variant: plain, reason: DEFAULT, rule: none}",
        f"{PHONE} | held: {{variant: plain, reason: SPLIT}}",
        " | fixed: {variant: none, reason: STATIC, rule: none}",
        " | closed: {variant: none, reason: DISABLED}",
        f"{PHONE} | hero: sale, fixed: none",
    )
    assert failed == []
    assert (tested.tests, tested.passed) == (7, 7)
    assert tested.asked == {"hero": 4, "held": 1, "fixed": 2, "closed": 1}
    assert {rule: count for rule, count in tested.decided.items() if count} == {"mobile": 3, "test": 1}


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ("hero: plain", "hero is sale, reason TARGETING_MATCH, rule mobile"),
        ("hero: {variant: plain}", "hero is sale, reason TARGETING_MATCH, rule mobile"),
        ("hero: {variant: sale, reason: SPLIT}", "hero is sale, reason TARGETING_MATCH, rule mobile"),
        ("hero: {variant: sale, rule: late}", "hero is sale, reason TARGETING_MATCH, rule mobile"),
        ("hero: {variant: sale, rule: none}", "hero is sale, reason TARGETING_MATCH, rule mobile"),
        ("fixed: {variant: none, reason: DEFAULT}", "fixed is none, reason STATIC, rule none"),
    ],
)
def test_each_of_them_can_fail_a_test(tmp_path: Path, expect: str, message: str) -> None:
    tested, failed, _ = run(tmp_path, f"{PHONE} | {expect}")
    assert tested.passed == 0
    assert [one.splitlines()[0] for one in failed] == [f"test 0: {message}"]


def test_a_failure_shows_the_place_what_was_expected_and_why(tmp_path: Path) -> None:
    _, failed, _ = run(tmp_path, "device: desktop, city: Oslo | hero: {variant: sale, reason: SPLIT, rule: mobile}")
    context = "{device: desktop, city: Oslo}"
    why = (
        "mobile: device == 'mobile' is false (device is 'desktop') and city == 'Rome' is false (city is 'Oslo')"
        " and bot is an error (bot is absent); late: now > timestamp('2026-06-01T00:00:00Z') is false"
        " (now is timestamp('2026-01-01T12:00:00Z'))"
    )
    line = f"- {{name: test 0, context: {context}, expect: {{hero: {{variant: sale, reason: SPLIT, rule: mobile}}}}}}"
    assert [one.splitlines() for one in failed] == [
        [
            "test 0: hero is plain, reason DEFAULT, rule none",
            f"  {line}",
            f"  {' ' * line.index('sale')}^",
            "  expected: sale, reason SPLIT, rule mobile",
            f"  why: {why}",
        ]
    ]


def test_a_failure_names_the_holdout(tmp_path: Path) -> None:
    _, failed, _ = run(tmp_path, f"{PHONE} | held: sale")
    assert [one.splitlines()[-1] for one in failed] == ["  why: held out by everyone from sale of test"]


def test_every_expectation_that_fails_is_told(tmp_path: Path) -> None:
    tested, failed, _ = run(tmp_path, f"{PHONE} | hero: plain, held: sale", f"{PHONE} | hero: sale")
    assert [one.splitlines()[0].partition(", ")[0] for one in failed] == [
        "test 0: hero is sale",
        "test 0: held is plain",
    ]
    assert (tested.tests, tested.passed) == (2, 1)


def test_a_test_without_now_is_at_noon_of_new_year_2026(tmp_path: Path) -> None:
    assert DEFAULT_NOW == 1_767_268_800_000_000
    _, failed, _ = run(tmp_path, " | hero: plain", "now: 2026-07-01T00:00:00Z | hero: extra")
    assert failed == []


def test_a_context_that_the_engine_refuses_is_told_where_it_is_written(tmp_path: Path) -> None:
    text = "x" * 40_000
    tested, failed, _ = run(tmp_path, f"city: {text} | hero: plain")
    assert tested.passed == 0
    assert [one.splitlines()[0] for one in failed] == [
        "the context can't be taken: city: must not have more than 32768 bytes in a string"
    ]


def test_rules_that_no_test_reaches_are_found(tmp_path: Path) -> None:
    _, _, uncovered = run(tmp_path, f"{PHONE} | hero: sale", " | hero: plain")
    assert uncovered == [
        "10:14: no test reaches the rule 'late'",
        "15:18: no test reaches the rule 'test'",
        "18:82: no test reaches the rule 'on'",
    ]


def test_rules_that_every_test_of_their_placement_reaches_are_found(tmp_path: Path) -> None:
    _, _, uncovered = run(
        tmp_path,
        f"{PHONE} | hero: sale",
        f"{PHONE}, bot: true | hero: sale, partly: none",
        "bot: false | partly: none",
        "device: desktop, now: 2027-01-01T00:00:00Z | fixed: none",
    )
    assert uncovered == [
        "9:14: every test reaches the rule 'mobile'",
        "10:14: no test reaches the rule 'late'",
        "15:18: no test reaches the rule 'test'",
    ]


def test_a_rule_that_a_holdout_keeps_back_counts_as_reached(tmp_path: Path) -> None:
    _, failed, uncovered = run(tmp_path, f"{PHONE} | held: plain", "visitor_id: v | held: plain")
    assert failed == []
    assert not any("'test'" in one for one in uncovered)


def test_rules_and_placements_that_are_off_need_no_test(tmp_path: Path) -> None:
    _, _, uncovered = run(
        tmp_path,
        f"{PHONE} | hero: sale",
        "now: 2027-01-01T00:00:00Z | hero: extra",
        "bot: true | partly: none",
        "bot: false | partly: none",
        "device: mobile, visitor_id: v | held: plain",
        "visitor_id: v | held: plain",
    )
    assert uncovered == []


def test_without_tests_every_rule_is_unreached(tmp_path: Path) -> None:
    tested, failed, uncovered = run(tmp_path)
    assert (tested, failed) == (testing.Tested(0, 0, {}, {}), [])
    assert len(uncovered) == 4
