"""Lowering keeps a condition's meaning: the formula holds exactly when it definitely has the wanted value."""

from __future__ import annotations

import itertools

import pytest

from rulecore import LimitError
from rulecore.lower import All, Any, Consent, Formula, Leaf, lower
from rulecore.model import Attr, Call, Const, Expr, InSegment, Segment, Type

P, Q, R = (Attr(name, Type.BOOL) for name in "pqr")
VALUES = (True, False, None)
"""None stands for an error."""


def call(op: str, *args: Expr) -> Call:
    return Call(op, args, Type.BOOL)


def value(expr: Expr, given: dict[str, bool | None]) -> bool | None:
    """Three-valued evaluation, by the definition."""
    match expr:
        case Attr(name=name):
            return given[name]
        case Const(value=bool(constant)):
            return constant
        case Call(op="not", args=(part,)):
            inner = value(part, given)
            return None if inner is None else not inner
        case Call(op="and" | "or", args=args):
            values = [value(arg, given) for arg in args]
            deciding = expr.op == "or"
            return deciding if deciding in values else None if None in values else not deciding
        case Call(op="cond", args=(condition, then, otherwise)):
            chosen = value(condition, given)
            return None if chosen is None else value(then if chosen else otherwise, given)
        case Call(op="eq" | "ne", args=(left, right)):
            a, b = value(left, given), value(right, given)
            return None if a is None or b is None else (a == b) is (expr.op == "eq")
    raise AssertionError(expr)


def holds(formula: Formula, given: dict[str, bool | None]) -> bool:
    match formula:
        case Leaf(predicate=Attr(name=name), wanted=wanted):
            return given[name] is wanted
        case All(parts=parts):
            return all(holds(part, given) for part in parts)
        case Any(parts=parts):
            return any(holds(part, given) for part in parts)
    raise AssertionError(formula)


def conditions(depth: int) -> list[Expr]:
    """All conditions over p, q, r of a depth, from a few shapes."""
    if depth == 0:
        return [P, Q, R, Const(Type.BOOL, True), Const(Type.BOOL, False)]
    smaller = conditions(depth - 1)[:9]
    pairs = list(itertools.product(smaller, smaller))
    binary = [call(op, a, b) for op in ("and", "or", "eq", "ne") for a, b in pairs]
    return [*(call("not", a) for a in smaller), *binary, *(call("cond", R, a, b) for a, b in pairs)]


@pytest.mark.parametrize("wanted", [True, False])
def test_a_formula_holds_when_the_condition_definitely_has_the_wanted_value(wanted: bool) -> None:
    for expr in conditions(1) + conditions(2):
        formula = lower(expr, {}, wanted)
        for values in itertools.product(VALUES, repeat=3):
            given = dict(zip("pqr", values, strict=True))
            assert holds(formula, given) is (value(expr, given) is wanted), (expr, given)


def test_negation_ends_at_the_leaves() -> None:
    condition = call("not", call("and", P, call("or", Q, call("not", R))))
    assert lower(condition, {}) == Any((Leaf(P, False), All((Leaf(Q, False), Leaf(R, True)))))


def test_unequal_is_equal_with_the_other_value_wanted() -> None:
    city, boston = Attr("city", Type.STRING), Const(Type.STRING, "Boston")
    assert lower(call("ne", city, boston), {}) == Leaf(call("eq", city, boston), False)


def test_a_condition_segment_is_written_out_behind_its_consent_in_both_polarities() -> None:
    segments = {"s": Segment("s", ("analytics",), P), "t": Segment("t", (), InSegment("s"))}
    consent = Leaf(Consent(("analytics",)), True)
    assert lower(InSegment("t"), segments) == All((consent, Leaf(P, True)))
    assert lower(call("not", InSegment("t")), segments) == All((consent, Leaf(P, False)))


def test_a_condition_that_explodes_is_refused_before_it_fills_the_memory() -> None:
    segments = {"s0": Segment("s0", (), P)}
    for number in range(1, 60):
        before = InSegment(f"s{number - 1}")
        segments[f"s{number}"] = Segment(f"s{number}", (), call("eq", before, call("or", before, Q)))
    with pytest.raises(LimitError, match="at most 20,000 are allowed"):
        lower(InSegment("s59"), segments)
