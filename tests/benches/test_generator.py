"""The generator of what is measured: it repeats itself exactly, and its contexts do what their names say."""

from __future__ import annotations

import msgspec
import pytest

from benches.generator import ATTRIBUTES, NOW, Facts, Scenario
from rulecore import BundleImage, Engine, write_bundle
from rulecore.model import Call


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return Scenario(200)


@pytest.fixture(scope="module")
def engine(scenario: Scenario) -> Engine:
    return Engine(BundleImage(write_bundle(scenario.bundle)))


def test_same_arguments_give_same_bundle_and_contexts() -> None:
    first, second = Scenario(50, placements=10, seed=7), Scenario(50, placements=10, seed=7)
    assert first.bundle == second.bundle
    assert first.natural("placement_03", 20) == second.natural("placement_03", 20)
    assert first.unmatched(20) == second.unmatched(20)


def test_other_seeds_give_other_bundles() -> None:
    assert Scenario(20, seed=1).bundle != Scenario(20, seed=2).bundle


@pytest.mark.parametrize(("rules", "placements"), [(20, 1), (25, 10), (200, 10)])
def test_every_rule_is_there_once(rules: int, placements: int) -> None:
    bundle = Scenario(rules, placements).bundle
    ids = [rule.id for placement in bundle.placements for rule in placement.rules]
    assert len(bundle.placements) == placements
    assert len(ids) == len(set(ids)) == rules


def test_rules_have_three_or_four_predicates(scenario: Scenario) -> None:
    for rule in scenario.bundle.placements[0].rules:
        assert isinstance(rule.when, Call)
        assert len(rule.when.args) in {3, 4}


def test_contexts_have_twelve_attributes(scenario: Scenario) -> None:
    for context in (*scenario.natural("placement_00", 20), *scenario.unmatched(20)):
        assert leaves(context) == {*ATTRIBUTES, "segments"}


def leaves(context: Facts) -> set[str]:
    names = set[str]()
    for name, value in context.items():
        names |= {f"{name}.{inner}" for inner in value} if isinstance(value, dict) else {name}
    return names


def test_natural_contexts_reach_rules_all_along_the_list(scenario: Scenario, engine: Engine) -> None:
    decisions = [engine.decide("placement_00", context, NOW) for context in scenario.natural("placement_00", 400)]
    assert {decision.reason for decision in decisions} == {"TARGETING_MATCH", "SPLIT"}
    # An earlier rule may take a context first; most are still reached.
    assert len({decision.rule for decision in decisions}) > 100


def test_unmatched_contexts_reach_none(scenario: Scenario, engine: Engine) -> None:
    reasons = {engine.decide("placement_00", context, NOW).reason for context in scenario.unmatched(200)}
    assert reasons == {"DEFAULT"}


def test_bytes_decide_as_dicts_do(scenario: Scenario, engine: Engine) -> None:
    for context in scenario.natural("placement_00", 50):
        by_dict = engine.decide("placement_00", context, NOW)
        by_bytes = engine.decide_json("placement_00", msgspec.json.encode(context), NOW)
        assert (by_dict.variant, by_dict.rule) == (by_bytes.variant, by_bytes.rule)
