"""Conditions in negation normal form: what a decision evaluates instead of the author's expression.

A rule matches when its condition is *definitely true*. With negation pushed to the leaves a condition is a monotone
formula over leaves, each a predicate and the value (true or false) that is wanted of it, and the formula is
definitely true exactly when it holds with every leaf read as "this predicate has the wanted value". So errors need
no care above the leaves: a predicate that is an error has neither value.

    !(a == 1 && (b || c != 'x'))   ->   any(a == 1 is false, all(b is false, c == 'x' is true))

Condition segments are written out in place, guarded by the consent they need. Nothing here knows about bytes.
"""

from __future__ import annotations

from typing import Final

import msgspec

from rulecore.errors import LimitError
from rulecore.limits import LIMITS
from rulecore.model import Call, Const, Expr, Has, InSegment, Quantifier, Segment, Type


class Consent(msgspec.Struct, frozen=True, gc=False):
    """A predicate of our own: true when all these purposes are consented to, else an error."""

    purposes: tuple[str, ...]


class Leaf(msgspec.Struct, frozen=True, gc=False):
    """A predicate and the value that it must have. `wanted` is True or False, never an error."""

    predicate: Expr | Consent
    wanted: bool


class All(msgspec.Struct, frozen=True, gc=False):
    """Holds when every part holds; without parts it holds."""

    parts: tuple[Formula, ...]


class Any(msgspec.Struct, frozen=True, gc=False):
    """Holds when some part holds; without parts it does not."""

    parts: tuple[Formula, ...]


Formula = Leaf | All | Any

NEVER: Final = Any(())
ALWAYS: Final = All(())
_CONNECTIVES: Final = frozenset(("and", "or", "cond"))
_SAMENESS: Final = frozenset(("eq", "ne"))


def lower(expr: Expr, segments: dict[str, Segment], wanted: bool = True) -> Formula:
    """The formula that holds exactly when `expr` definitely has the value `wanted`. Raises LimitError."""
    formula = _Lowering(segments).lower(expr, wanted)
    _refuse_more_than_allowed(_nodes(formula))
    return formula


def _refuse_more_than_allowed(terms: int) -> None:
    if terms > LIMITS.formula_nodes_per_rule_max:
        raise LimitError(
            f"the condition comes to {terms:,} terms once its segments are written out and its negations pushed "
            f"inwards; at most {LIMITS.formula_nodes_per_rule_max:,} are allowed"
        )


def _nodes(formula: Formula) -> int:
    # Shared parts are counted once for each place that they stand in, without walking them again.
    seen: dict[int, int] = {}

    def count(part: All | Any) -> int:
        if id(part) not in seen:
            seen[id(part)] = 1 + sum([1 if isinstance(inner, Leaf) else count(inner) for inner in part.parts])
        return seen[id(part)]

    return 1 if isinstance(formula, Leaf) else count(formula)


class _Lowering:
    """One expression's lowering: the same subexpression with the same wanted value is lowered once."""

    def __init__(self, segments: dict[str, Segment]) -> None:
        self.segments = segments
        self.done: dict[tuple[int, bool], Formula] = {}

    def lower(self, expr: Expr, wanted: bool) -> Formula:
        if isinstance(expr, Call):
            op = expr.op
            if op == "not":
                return self.lower(expr.args[0], not wanted)
            if op in _CONNECTIVES or (op in _SAMENESS and type_of(expr.args[0]) is Type.BOOL):
                return self._once(expr, wanted)
            if op == "ne":
                # True for NaN as well: in all three values `a != b` is `!(a == b)`.
                return Leaf(Call("eq", expr.args, Type.BOOL), not wanted)
        elif isinstance(expr, InSegment):
            return self._once(expr, wanted)
        elif isinstance(expr, Const):
            return ALWAYS if expr.value is wanted else NEVER
        return Leaf(expr, wanted)

    def _once(self, expr: Call | InSegment, wanted: bool) -> Formula:
        key = (id(expr), wanted)
        formula = self.done.get(key)
        if formula is None:
            formula = self._segment(expr, wanted) if isinstance(expr, InSegment) else self._connective(expr, wanted)
            self.done[key] = formula
        return formula

    def _segment(self, expr: InSegment, wanted: bool) -> Formula:
        segment = self.segments[expr.name]
        if segment.when is None:
            return Leaf(expr, wanted)
        condition = self.lower(segment.when, wanted)
        return both(Leaf(Consent(segment.purposes), True), condition) if segment.purposes else condition

    def _connective(self, expr: Call, wanted: bool) -> Formula:
        op = expr.op
        if op in ("and", "or"):
            parts = [self.lower(arg, wanted) for arg in expr.args]
            return both(*parts) if (op == "and") is wanted else either(*parts)
        if op == "cond":
            condition, then, otherwise = expr.args
            return either(
                both(self.lower(condition, True), self.lower(then, wanted)),
                both(self.lower(condition, False), self.lower(otherwise, wanted)),
            )
        left, right = expr.args
        return self._same(left, right, (op == "eq") is wanted)

    def _same(self, left: Expr, right: Expr, same: bool) -> Formula:
        return either(
            both(self.lower(left, True), self.lower(right, same)),
            both(self.lower(left, False), self.lower(right, not same)),
        )


def both(*parts: Formula) -> Formula:
    """All of the parts, with nested ones flattened and a part that can't hold deciding."""
    flat: list[Formula] = []
    for part in parts:
        if isinstance(part, Leaf):
            flat.append(part)
            continue
        if part == NEVER:
            return NEVER
        flat.extend(part.parts if isinstance(part, All) else (part,))
        _refuse_more_than_allowed(len(flat))
    return flat[0] if len(flat) == 1 else All(tuple(flat))


def either(*parts: Formula) -> Formula:
    """Any of the parts, with nested ones flattened and a part that always holds deciding."""
    flat: list[Formula] = []
    for part in parts:
        if isinstance(part, Leaf):
            flat.append(part)
            continue
        if part == ALWAYS:
            return ALWAYS
        flat.extend(part.parts if isinstance(part, Any) else (part,))
        _refuse_more_than_allowed(len(flat))
    return flat[0] if len(flat) == 1 else Any(tuple(flat))


def type_of(expr: Expr) -> Type:
    """The type of a checked expression."""
    return Type.BOOL if isinstance(expr, Has | InSegment | Quantifier) else expr.type
