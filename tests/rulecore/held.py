"""A bundle held against the oracle, by every way into the engine; and short ways to write rules of many kinds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rulecore import BundleImage, Engine, write_bundle
from rulecore.explanation import Outcome
from rulecore.model import Attr, Bundle, Call, Expr, Rule, Type
from tests.large_bundles import NOW, Maker, Mix, bundle_of
from tests.oracle import Facts, Oracle
from tests.oracle_values import Truth, Value
from tests.rulecore.sections import Index, indexes
from tests.rulecore.test_agreement import answer, sayable_in_json
from tests.samples import call, const
from tests.strategies_contexts import json_body

AGE, CITY, TIER, TOTAL = (
    Attr(name, kind)
    for name, kind in (("age", Type.INT), ("city", Type.STRING), ("tier", Type.STRING), ("total", Type.DOUBLE))
)
TAGS, SIZES = Attr("tags", Type.LIST_STRING), Attr("sizes", Type.LIST_INT)
MEMBER, PATH = Attr("member", Type.BOOL), Attr("path", Type.STRING)
EVERYTHING: Final = {"consent": ["analytics", "personalization"]}


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
