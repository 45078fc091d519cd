"""The index loses no rule and wins none: whatever rows, clusters and residuals a bundle comes to.

Every bundle here is held against the oracle, and its image is looked into: that the rows, clusters and residuals which
a test is about are really there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pytest

from rulecore import BundleImage, Engine, write_bundle
from rulecore._layout import TestKind as Ask
from rulecore.explanation import Outcome
from rulecore.index import CLUSTERED_MIN
from rulecore.model import Attr, Bundle, Call, Const, Expr, Rule, Type
from tests.large_bundles import NOW, Maker, Mix, bundle_of
from tests.oracle import Facts, Oracle
from tests.oracle_values import Truth, Value
from tests.rulecore.sections import Index, indexes
from tests.rulecore.test_agreement import answer, sayable_in_json
from tests.strategies_contexts import json_body

AGE, CITY, TIER, TOTAL = (
    Attr(name, kind)
    for name, kind in (("age", Type.INT), ("city", Type.STRING), ("tier", Type.STRING), ("total", Type.DOUBLE))
)
TAGS, SIZES, MEMBER = Attr("tags", Type.LIST_STRING), Attr("sizes", Type.LIST_INT), Attr("member", Type.BOOL)
PATH: Final = Attr("path", Type.STRING)
SIZES_ACROSS_WORDS: Final = (1, 63, 64, 65, 255, 256, 257, 511, 512, 513)
EVERYTHING: Final = {"consent": ["analytics", "personalization"]}


def call(op: str, *args: Expr) -> Call:
    return Call(op, args, Type.BOOL)


def const(value: bool | float | str | tuple[str, ...] | tuple[int, ...]) -> Const:
    kinds = {bool: Type.BOOL, int: Type.INT, float: Type.DOUBLE, str: Type.STRING}
    if isinstance(value, tuple):
        return Const(Type.LIST_STRING if isinstance(value[0], str) else Type.LIST_INT, value)
    return Const(kinds[type(value)], value)


def equal(attr: Attr, value: float | str) -> Call:
    return call("eq", attr, const(value))


def tagged(*words: str) -> tuple[Call, ...]:
    return tuple(call("in", const(word), TAGS) for word in words)


def rule(number: int, when: Expr | None, **changes: object) -> Rule:
    plain: dict[str, object] = {"serve": f"v{number % 3}", "purposes": (), "unit": "visitor_id", "salt": "s"}
    return Rule(f"r{number:05}", when, **(plain | changes))  # type: ignore[arg-type]  # fields named by the caller


def rules_of(conditions: Iterable[Expr | None]) -> Bundle:
    """One placement with a rule for each condition."""
    return bundle_of([[rule(number, when) for number, when in enumerate(conditions)]])


class Remembering(Oracle):
    """An oracle that evaluates a condition once a context: each is asked for as a segment, by a rule, by a trace."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        self.known: dict[tuple[int, int], Truth] = {}
        self.read: tuple[dict[str, object], int, Facts] | None = None

    def facts(self, context: dict[str, object], now: int) -> Facts:
        if self.read is None or self.read[0] is not context or self.read[1] != now:
            self.read = (context, now, super().facts(context, now))
            self.known.clear()
        return self.read[2]

    def truth(self, expr: Expr, facts: Facts, items: tuple[Value, ...] = ()) -> Truth:
        key = (id(expr), id(facts))
        if items or key not in self.known:
            self.known[key] = super().truth(expr, facts, items)
        return self.known[key]


class Held:
    """A bundle in the engine and in the oracle, which are asked the same."""

    def __init__(self, bundle: Bundle) -> None:
        image = write_bundle(bundle)
        self.bundle = bundle
        self.engine = Engine(BundleImage(image))
        self.oracle = Remembering(bundle)
        self.indexes = indexes(image)

    @property
    def index(self) -> Index:
        """That of the first placement."""
        return self.indexes[0]

    def check(self, context: dict[str, object], now: int = NOW, *, every_rule: bool = False) -> None:
        """Every way to ask gives what the oracle does; with `every_rule` each rule's fate as well."""
        assert self.engine.matching_segments(context, now) == self.oracle.matching_segments(context, now), context
        expected = {name: self.oracle.decide(name, context, now) for name in self.oracle.placements}
        assert {made.placement: answer(made) for made in self.engine.decide_all(context, now)} == expected, context
        body = json_body(context, 7) if sayable_in_json(context) else None
        for name, wanted in expected.items():
            assert answer(self.engine.decide(name, context, now)) == wanted, context
            assert body is None or answer(self.engine.decide_json(name, body, now)) == wanted, body
            if every_rule:
                self.check_explanation(name, context, now)

    def check_explanation(self, placement: str, context: dict[str, object], now: int) -> None:
        """An explanation says what is decided, and of each rule up to the one that won what becomes of it."""
        wanted, facts = self.oracle.decide(placement, context, now), self.oracle.facts(context, now)
        told = self.engine.explain(placement, context, now)
        assert (told.variant, told.reason, told.rule) == (wanted.variant, wanted.reason, wanted.rule), context
        for one, trace in zip(self.oracle.placements[placement].rules, told.rules, strict=True):
            if trace.outcome is Outcome.NOT_REACHED:
                return
            assert trace.outcome is self.oracle.outcome(one, facts), (one, context)

    def check_all(self, contexts: Iterable[dict[str, object]], *, every_rule: bool = False) -> None:
        for context in contexts:
            self.check({**EVERYTHING, **context}, every_rule=every_rule)


def mixed(mix: Mix, rules: int, seed: int, contexts: int, *, every_rule: bool = False) -> Held:
    """A bundle from a seed, checked with some contexts."""
    maker = Maker(mix, seed)
    held = Held(maker.bundle(rules))
    for _ in range(contexts):
        held.check(maker.context(), maker.now(), every_rule=every_rule)
    return held


CONJUNCTIONS: Final = Mix(conjuncts=(1, 2, 3), disjunctions=0.0, windows=0.0, negated=0.1)
MIXES: Final = {
    "all": Mix(),
    "many values": Mix(values=900, segments=300, conjuncts=(2, 3, 4)),
    "few values": Mix(values=5, segments=3, negated=0.4),
    "disjunctions": Mix(values=60, disjunctions=0.7, conjuncts=(1, 2)),
    "lists": Mix(values=300, leaves=("element", "element", "size", "segment"), conjuncts=(1, 2, 3), negated=0.3),
    "numbers": Mix(values=700, leaves=("number", "real", "one_of"), conjuncts=(2, 3, 4)),
    "windows": Mix(windows=0.8, purposes=0.6, conjuncts=(1, 2)),
    "odd": Mix(leaves=("odd", "there", "flag", "text"), conjuncts=(1, 2, 3)),
    "segments": Mix(leaves=("segment",), segments=200, conjuncts=(1, 2, 3), negated=0.4),
}


# Sizes


@pytest.mark.parametrize("rules", SIZES_ACROSS_WORDS)
def test_as_many_entries_as_words_have_bits_and_one_more_or_less(rules: int) -> None:
    cities = [f"c{number % 37:02}" for number in range(rules)]
    held = Held(
        rules_of(call("and", equal(CITY, city), call("ge", AGE, const(at % 11))) for at, city in enumerate(cities))
    )
    assert len(held.index.entries) == rules
    assert bool(held.index.anchors) == (rules > CLUSTERED_MIN), "clusters are for many entries"
    for city in (*sorted(set(cities))[::9], "elsewhere"):
        held.check_all([{"city": city, "age": age} for age in (-1, 0, 5, 11)])
    held.check_all([{"city": cities[-1], "age": (rules - 1) % 11}, {"age": 11}, {}])


@pytest.mark.parametrize("rules", SIZES_ACROSS_WORDS)
def test_the_last_rule_of_any_number_is_found_without_clusters(rules: int) -> None:
    never = [call("gt", AGE, const(1_000 + number)) for number in range(rules - 1)]
    held = Held(rules_of([*never, call("lt", AGE, const(7))]))
    assert not held.index.anchors
    assert held.index.dense_first == 0
    held.check_all([{"age": age} for age in (6, 7, 1_000, 1_001, 999 + rules, 2_000)])


@pytest.mark.parametrize("rules", [1, 63, 64, 65, 255, 256, 257, 513])
@pytest.mark.parametrize("mix", ["all", "disjunctions"])
def test_mixed_rules_of_any_number(mix: str, rules: int) -> None:
    held = mixed(MIXES[mix], rules, rules, 6, every_rule=True)
    assert bool(held.index.anchors) == (len(held.index.entries) > CLUSTERED_MIN)


@pytest.mark.parametrize("name", MIXES)
def test_rules_of_every_kind(name: str) -> None:
    held = mixed(MIXES[name], 520, 1, 5)
    assert len(held.index.entries) > CLUSTERED_MIN
    assert len(held.index.tests) + len(held.index.anchors) > 0


def test_two_thousand_rules() -> None:
    held = mixed(CONJUNCTIONS, 2_000, 1, 5)
    assert len(held.index.entries) > 1_000
    assert held.index.anchors
    assert 0 < held.index.dense_first < len(held.index.entries)
    assert {test.kind for test in held.index.tests} == {Ask.T_CLASS, Ask.T_ANY, Ask.T_NONE}


@pytest.mark.parametrize("name", MIXES)
def test_placements_share_columns_and_have_indexes_of_their_own(name: str) -> None:
    held = mixed(
        Mix(**{field: getattr(MIXES[name], field) for field in MIXES[name].__struct_fields__} | {"placements": 7}),
        350,
        2,
        4,
    )
    assert len(held.indexes) == 8
    columns = [{test.column for test in index.tests} for index in held.indexes[:7]]
    assert columns[0] & columns[1], "columns that several indexes ask"


@pytest.mark.soak
@pytest.mark.parametrize("name", MIXES)
@pytest.mark.parametrize("seed", range(100, 140))
def test_many_mixed_rules(name: str, seed: int) -> None:
    mixed(MIXES[name], (1, 64, 65, 257, 512, 700, 2_000)[seed % 7], seed, 15, every_rule=True)
