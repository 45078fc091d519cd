"""A plain evaluator of the checked bundle: what a decision ought to be, said as simply as Python allows.

It walks the expressions as authoring hands them over, before any lowering, with CEL's three values at every node, and
shares no code with the engine that it is held against: of `rulecore` it takes the model, the limits, the errors and
the words of explanations.
What operators give is in `tests.oracle_values`, how contexts are read in `tests.oracle_context`.
"""

from __future__ import annotations

from typing import Final

import mmh3
import msgspec

from rulecore.explanation import Outcome
from rulecore.limits import LIMITS
from rulecore.model import (
    PERCENT_STEPS,
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
    Type,
    Var,
    shows_attribute,
    sticky_attribute,
)
from tests.oracle_context import read_context
from tests.oracle_values import (
    ARITHMETIC,
    CIVIL,
    ERROR,
    FUNCTIONS,
    ErrorValue,
    Truth,
    Value,
    both,
    civil,
    duration,
    either,
    int64,
    timestamp,
    whole,
)

BUILT_IN: Final = {
    "now": Type.TIMESTAMP,
    "consent": Type.LIST_STRING,
    "segments": Type.LIST_STRING,
    "visitor_id": Type.STRING,
    "timezone": Type.STRING,
}
"""What a context may say whether or not a condition names it."""


RANGES: Final = {Type.INT: int64, Type.TIMESTAMP: timestamp, Type.DURATION: duration}
"""What holds the results of arithmetic to the range of their type."""


class Answer(msgspec.Struct, frozen=True):
    """A decision, and which rule won it before any holdout."""

    variant: str
    reason: str
    rule: str | None = None
    experiment: str | None = None
    holdout: str | None = None
    held_out: tuple[str, str] | None = None


class Facts(msgspec.Struct, frozen=True):
    """All that one decision knows of its context."""

    now: int
    consent: frozenset[str]
    segments: frozenset[str] | None
    values: dict[str, Value]

    def allows(self, purposes: tuple[str, ...]) -> bool:
        """Whether all purposes are consented to."""
        return self.consent.issuperset(purposes)


def share(salt: str, purpose: str, unit: str, total: int) -> int:
    """The bucket of a unit: 0 to `total` - 1."""
    return (mmh3.hash(f"{salt}\0{purpose}\0{unit}".encode(), 0, signed=False) * total) >> 32


class Oracle:
    """Decides by a bundle.

    `members` has the precomputed segments of the visitors that a snapshot knows, `columns` their other columns;
    without `members` there is no snapshot.
    """

    def __init__(
        self,
        bundle: Bundle,
        members: dict[str, set[str]] | None = None,
        columns: dict[str, dict[str, bool | int | float | str]] | None = None,
    ) -> None:
        self.bundle = bundle
        self.members = members
        self.columns = columns or {}
        self.attributes: dict[str, Attribute] = {attribute.name: attribute for attribute in bundle.attributes}
        self.segments: dict[str, Segment] = {segment.name: segment for segment in bundle.segments}
        self.holdouts: dict[str, Holdout] = {holdout.name: holdout for holdout in bundle.holdouts}
        self.layers: dict[str, Layer] = {layer.name: layer for layer in bundle.layers}
        self.placements: dict[str, Placement] = {placement.name: placement for placement in bundle.placements}

    def facts(self, context: dict[str, object], now: int) -> Facts:
        """What a context says. Raises ContextError."""
        types = BUILT_IN | {attribute.name: attribute.type for attribute in self.bundle.attributes}
        values = read_context(context, types)
        now = values.setdefault("now", now)  # type: ignore[assignment]
        values.setdefault("timezone", self.bundle.timezone)
        for attribute in self.bundle.attributes:
            row = self.columns.get(str(values.get("visitor_id")), {})
            if attribute.source == "snapshot" and attribute.source_name in row:
                values.setdefault(attribute.name, row[attribute.source_name])
        consent: tuple[str, ...] = values.get("consent", ())  # type: ignore[assignment]
        segments: tuple[str, ...] | None = values.get("segments")  # type: ignore[assignment]
        return Facts(now, frozenset(consent), None if segments is None else frozenset(segments), values)

    # Conditions

    def evaluate(self, expr: Expr, facts: Facts, items: tuple[Value, ...] = ()) -> Value | ErrorValue:
        """The value of an expression; `items` are those that the quantifiers around it are at, outermost first."""
        match expr:
            case Const(type=Type.SEMVER, value=value):
                return FUNCTIONS["semver"](value)
            case Const(value=value):
                return value
            case Attr(name=name):
                return self.value(name, facts)
            case Var(depth=depth):
                return items[depth]
            case Has(name=name):
                return not isinstance(self.value(name, facts), ErrorValue)
            case InSegment(name=name):
                return self.in_segment(name, facts)
            case Quantifier(kind=kind, items=of, body=body):
                elements = self.evaluate(of, facts, items)
                if isinstance(elements, ErrorValue):
                    return ERROR
                truths = [self.truth(body, facts, (*items, item)) for item in elements]  # type: ignore[union-attr]
                return either(truths) if kind == "exists" else both(truths)
            case Call():
                return self.call(expr, facts, items)

    def truth(self, expr: Expr, facts: Facts, items: tuple[Value, ...] = ()) -> Truth:
        """The value of a condition: true, false or an error."""
        value = self.evaluate(expr, facts, items)
        assert isinstance(value, bool | ErrorValue)
        return value

    def call(self, expr: Call, facts: Facts, items: tuple[Value, ...]) -> Value | ErrorValue:
        """The value of an operator: an error if an argument is one, but for those that can do without it."""
        if expr.op == "and":
            return both([self.truth(arg, facts, items) for arg in expr.args])
        if expr.op == "or":
            return either([self.truth(arg, facts, items) for arg in expr.args])
        if expr.op == "cond":
            condition = self.truth(expr.args[0], facts, items)
            if isinstance(condition, ErrorValue):
                return ERROR
            return self.truth(expr.args[1 if condition else 2], facts, items)
        args = [self.evaluate(arg, facts, items) for arg in expr.args]
        if any(isinstance(arg, ErrorValue) for arg in args):
            return ERROR
        if expr.op == "not":
            return not args[0]
        if expr.op in ARITHMETIC:
            result = ARITHMETIC[expr.op](*args)
            if isinstance(result, float):
                return result
            return RANGES[expr.type](result)
        if expr.op in CIVIL:
            return whole(expr.op, *args) if len(args) == 1 else civil(expr.op, *args)  # type: ignore[arg-type]
        return FUNCTIONS[expr.op](*args)

    def value(self, name: str, facts: Facts) -> Value | ErrorValue:
        """An attribute's value; an error when it is absent or masked."""
        if not facts.allows(self.attributes[name].purposes):
            return ERROR
        return facts.values.get(name, ERROR)

    def in_segment(self, name: str, facts: Facts) -> Truth:
        """Whether the visitor is in a segment; an error when that can't be known or must not be used."""
        segment = self.segments[name]
        if not facts.allows(segment.purposes):
            return ERROR
        if segment.when is not None:
            return self.truth(segment.when, facts)
        if facts.segments is not None:
            return name in facts.segments
        visitor = facts.values.get("visitor_id")
        if self.members is None or not visitor:
            return ERROR
        return name in self.members.get(str(visitor), set())

    def matching_segments(self, context: dict[str, object], now: int) -> list[str]:
        """The condition segments that a context is in, in order of name."""
        facts = self.facts(context, now)
        return [name for name in self.all_segments(facts) if self.segments[name].when is not None]

    def all_segments(self, facts: Facts) -> list[str]:
        """The segments that the visitor is in, precomputed ones first, each in order of name."""
        named = sorted(self.segments, key=lambda name: (self.segments[name].when is not None, name))
        return [name for name in named if self.in_segment(name, facts) is True]

    # Decisions

    def decide(self, placement: str, context: dict[str, object], now: int) -> Answer:
        """What the visitor sees at a placement. Raises ContextError."""
        facts = self.facts(context, now)
        at = self.placements[placement]
        if not at.enabled:
            return Answer(at.default, "DISABLED")
        if not at.rules:
            return Answer(at.default, "STATIC")
        for rule in at.rules:
            if self.outcome(rule, facts) is Outcome.WON:
                return self.after_holdout(at, rule, self.rule_variant(rule, facts), facts)
        return Answer(at.default, "DEFAULT")

    def outcome(self, rule: Rule, facts: Facts) -> Outcome:
        """What becomes of a rule that is tried: the first of its checks to fail, or that it wins."""
        if not rule.enabled:
            return Outcome.DISABLED
        if rule.starts is not None and facts.now < rule.starts:
            return Outcome.NOT_STARTED
        if rule.ends is not None and facts.now >= rule.ends:
            return Outcome.ENDED
        if not facts.allows(rule.purposes):
            return Outcome.NO_CONSENT
        if rule.when is not None and self.truth(rule.when, facts) is not True:
            return Outcome.CONDITION
        unit = self.unit(rule.unit, facts)
        if unit is None and (rule.percent is not None or rule.split):
            return Outcome.NO_UNIT
        if rule.percent is not None and share(rule.salt, "percent", unit or "", PERCENT_STEPS) >= rule.percent:
            return Outcome.OUTSIDE_PERCENT
        if rule.layer is not None and rule.layer_range is not None:
            layer = self.layers[rule.layer]
            layer_unit = self.unit(layer.unit, facts)
            if layer_unit is None:
                return Outcome.NO_UNIT
            first, end = rule.layer_range
            if not first <= share(layer.salt, "layer", layer_unit, PERCENT_STEPS) < end:
                return Outcome.OUTSIDE_LAYER
        return Outcome.WON if rule.cap is None else self.cap_outcome(rule.cap, shows_attribute(rule.id), facts)

    def cap_outcome(self, cap: Cap, count_name: str, facts: Facts) -> Outcome:
        """Whether a capped rule may be shown once more; not when the count is masked."""
        if not facts.allows(self.attributes[count_name].purposes):
            return Outcome.NO_CONSENT
        count = facts.values.get(count_name, 0)
        assert isinstance(count, int)
        return Outcome.WON if count < cap.shows else Outcome.CAP_USED_UP

    def rule_variant(self, rule: Rule, facts: Facts) -> str:
        """The variant that a rule gives once it has won."""
        if rule.serve is not None:
            return rule.serve
        return self.sticky_variant(rule, facts) or self.split_variant(rule, self.unit(rule.unit, facts) or "")

    def sticky_variant(self, rule: Rule, facts: Facts) -> str | None:
        """The variant first assigned, as long as the split still gives it to anybody."""
        if not rule.sticky:
            return None
        kept = self.value(sticky_attribute(rule.id), facts)
        return next((variant for variant, weight in rule.split if variant == kept and weight > 0), None)

    @staticmethod
    def split_variant(rule: Rule, unit: str) -> str:
        """The variant whose weights, laid end to end in the order written, hold the unit's bucket."""
        bucket = share(rule.salt, "split", unit, sum(weight for _, weight in rule.split))
        laid = [variant for variant, weight in rule.split for _ in range(weight)]
        return laid[bucket]

    def unit(self, name: str, facts: Facts) -> str | None:
        """What is bucketed. The visitor id stands under the rule's purposes, any other attribute under its own."""
        value = facts.values.get(name) if name == "visitor_id" else self.value(name, facts)
        if value is None or isinstance(value, ErrorValue):
            return None
        text = str(value)
        return text if 0 < len(text.encode()) <= LIMITS.unit_bytes_max else None

    def after_holdout(self, at: Placement, rule: Rule, variant: str, facts: Facts) -> Answer:
        """The decision once a rule has won: the default for a unit that is held out."""
        holdout = None if at.holdout is None else self.holdouts[at.holdout]
        if holdout is not None and facts.allows(holdout.purposes):
            unit = self.unit(holdout.unit, facts)
            if unit is not None and share(holdout.salt, "holdout", unit, PERCENT_STEPS) < holdout.share:
                held_out = (rule.id, variant)
                return Answer(at.default, "SPLIT", None, rule.experiment, holdout.name, held_out)
        return Answer(variant, "SPLIT" if rule.split else "TARGETING_MATCH", rule.id, rule.experiment)
