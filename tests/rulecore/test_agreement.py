"""The engine decides what the oracle decides, by every way into it, on generated bundles and contexts.

The way from bundle to engine is the real one: the image is written, verified and linked with a snapshot.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from hypothesis import given, reject
from hypothesis import strategies as st

from rulecore import BundleImage, ContextError, Decision, Engine, LimitError, Membership, MembershipKeys, write_bundle
from rulecore.explanation import Outcome, RuleTrace
from rulecore.model import Bundle, Scalar
from rulecore.snapshot import write_snapshot
from tests.oracle import Answer, Facts, Oracle
from tests.strategies import bundles
from tests.strategies_contexts import contexts, json_body, moments

CONTEXTS_PER_BUNDLE: Final = 5
MEMBERS: Final = {
    "v1": {"bargain_hunter"},
    "v2": {"vip"},
    "v3": {"bargain_hunter", "vip"},
    "v4": set[str](),
    "😀": {"vip"},
    "x" * 256: {"bargain_hunter"},
}
COLUMNS: Final[dict[str, dict[str, Scalar]]] = {
    "account_id": {"v1": 7, "v2": 2**63 - 1, "v3": -1},
    "score": {"v1": 0.5, "v2": 1e300, "v4": math.inf},
    "tier": {"v1": "a", "v2": "😀", "v3": ""},
}
KEYS: Final = MembershipKeys(bytes(range(16)), {3: bytes(range(16, 32))})
SNAPSHOT: Final = Membership(write_snapshot(MEMBERS, KEYS, 3, COLUMNS), KEYS)
ROWS: Final = {
    visitor: {column: values[visitor] for column, values in COLUMNS.items() if visitor in values} for visitor in MEMBERS
}


class Case:
    """A bundle twice: in the engine and in the oracle, both with the snapshot or both without."""

    def __init__(self, bundle: Bundle, with_snapshot: bool) -> None:
        self.bundle = bundle
        try:
            image = BundleImage(write_bundle(bundle))
        except LimitError:
            reject()
        self.engine = Engine(image, SNAPSHOT if with_snapshot else None)
        self.oracle = Oracle(bundle, MEMBERS, ROWS) if with_snapshot else Oracle(bundle)

    def __repr__(self) -> str:
        return f"Case({self.bundle!r}, {self.oracle.members is not None})"

    def facts(self, context: dict[str, object], now: int) -> Facts | str | None:
        """What the oracle reads of a context, or the name of the attribute that is wrong with it."""
        try:
            return self.oracle.facts(context, now)
        except ContextError as error:
            return error.attribute


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A bundle in both, with a snapshot as a rule."""
    return Case(draw(bundles()), draw(st.sampled_from((True, True, False))))


def trials(data: st.DataObject, case: Case) -> Iterator[tuple[dict[str, object], int]]:
    """Some contexts for a case, each with a time."""
    for _ in range(CONTEXTS_PER_BUNDLE):
        yield data.draw(contexts(case.bundle)), data.draw(moments(case.bundle))


def answer(decision: Decision) -> Answer:
    """A decision as the oracle gives it."""
    return Answer(
        decision.variant, decision.reason, decision.rule, decision.experiment, decision.holdout, decision.held_out
    )


def decided(engine: Engine, placement: str, context: dict[str, object] | bytes, now: int) -> Answer | str | None:
    """The engine's decision, or the name of the attribute that is wrong with the context."""
    try:
        if isinstance(context, bytes):
            return answer(engine.decide_json(placement, context, now))
        return answer(engine.decide(placement, context, now))
    except ContextError as error:
        return error.attribute


def sayable_in_json(value: object) -> bool:
    """Whether JSON has this value: it has no NaN and no infinities."""
    match value:
        case float():
            return math.isfinite(value)
        case list():
            return all(map(sayable_in_json, value))
        case dict():
            return all(map(sayable_in_json, value.values()))
    return True


@given(cases(), st.data())
def test_decisions_and_reasons_agree_with_the_oracle(case: Case, data: st.DataObject) -> None:
    for context, now in trials(data, case):
        facts = case.facts(context, now)
        for placement in case.oracle.placements:
            expected = case.oracle.decide(placement, context, now) if isinstance(facts, Facts) else facts
            assert decided(case.engine, placement, context, now) == expected


@given(cases(), st.data())
def test_matching_segments_agree_with_the_oracle(case: Case, data: st.DataObject) -> None:
    for context, now in trials(data, case):
        if isinstance(case.facts(context, now), Facts):
            assert case.engine.matching_segments(context, now) == case.oracle.matching_segments(context, now)


@given(cases(), st.data())
def test_json_gives_what_the_dict_gives(case: Case, data: st.DataObject) -> None:
    for context, now in trials(data, case):
        if sayable_in_json(context):
            body = json_body(context, data.draw(st.integers(0, 2**32)))
            for placement in case.oracle.placements:
                given_dict = decided(case.engine, placement, context, now)
                assert decided(case.engine, placement, body, now) == given_dict, body


@given(cases(), st.data())
def test_all_placements_at_once_give_what_each_gives(case: Case, data: st.DataObject) -> None:
    for context, now in trials(data, case):
        if isinstance(case.facts(context, now), Facts):
            each = {name: decided(case.engine, name, context, now) for name in case.oracle.placements}
            assert {made.placement: answer(made) for made in case.engine.decide_all(context, now)} == each
            chosen = data.draw(st.lists(st.sampled_from(sorted(each)), max_size=3))
            some = case.engine.decide_all(context, now, chosen)
            assert [(made.placement, answer(made)) for made in some] == [(name, each[name]) for name in chosen]


@given(cases(), st.data())
def test_explanations_tell_the_decision_and_the_fate_of_every_rule(case: Case, data: st.DataObject) -> None:
    for context, now in trials(data, case):
        facts = case.facts(context, now)
        for placement in case.oracle.placements.values() if isinstance(facts, Facts) else ():
            assert isinstance(facts, Facts)
            told = case.engine.explain(placement.name, context, now)
            expected = case.oracle.decide(placement.name, context, now)
            assert expected == Answer(
                told.variant, told.reason, told.rule, told.experiment, told.holdout, told.held_out
            )
            assert list(told.segments) == case.oracle.all_segments(facts)
            winner = told.held_out[0] if told.held_out else told.rule
            over = not placement.enabled
            for rule, trace in zip(placement.rules, told.rules, strict=True):
                assert trace.rule == rule.id
                assert trace.outcome is (Outcome.NOT_REACHED if over else case.oracle.outcome(rule, facts))
                assert condition_held(trace) is (rule.when is None or case.oracle.truth(rule.when, facts) is True)
                over = over or rule.id == winner


def condition_held(trace: RuleTrace) -> bool:
    """Whether a traced rule's condition held; without one it did."""
    return trace.condition is None or trace.condition.holds


@given(cases(), st.data())
def test_decisions_carry_the_variant_as_it_was_written(case: Case, data: st.DataObject) -> None:
    for context, now in trials(data, case):
        if isinstance(case.facts(context, now), Facts):
            for made in case.engine.decide_all(context, now):
                variants = case.oracle.placements[made.placement].variants
                written = next(variant for variant in variants if variant.name == made.variant)
                assert made.payload == written.payload
                assert made.block == (None if written.block is None else written.block.content)
                assert made.block_path == (None if written.block is None else written.block.path)
