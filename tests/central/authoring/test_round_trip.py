"""The text that a checked condition is shown as is a condition of the same meaning."""

from __future__ import annotations

from hypothesis import given

from central.authoring.conditions import compile_condition
from central.authoring.diagnostics import Position, Problems, TextOrigin
from central.authoring.scope import Known, Scope
from rulecore.model import Attribute, Call, Expr, Quantifier
from rulecore.render import render
from tests.strategies import conditions

REFUSED = (
    "no time zone is called",
    "is not a semantic version",
    "is no IP address",
    "has bits set after",
    "is too long",
)
"""Constants that the engine must live with, but that no author is let write."""


def plain(expr: Expr) -> Expr:
    """The expression with chains of && and || in one and without pairs of ! or -: text can't tell these apart."""
    match expr:
        case Call(op="and" | "or", args=args):
            flat: list[Expr] = []
            for arg in map(plain, args):
                flat.extend(arg.args if isinstance(arg, Call) and arg.op == expr.op else (arg,))
            return Call(expr.op, tuple(flat), expr.type)
        case Call(op="not", args=(Call(op="not", args=(inner,)),)):
            return plain(inner)
        case Call(op=op, args=args, type=kind):
            return Call(op, tuple(map(plain, args)), kind)
        case Quantifier(kind=kind, items=items, var=var, body=body):
            return Quantifier(kind, plain(items), var, plain(body))
    return expr


@given(conditions())
def test_the_text_of_a_condition_compiles_to_the_condition(drawn: tuple[Expr, list[Attribute]]) -> None:
    expr, attributes = drawn
    text = render(expr)
    problems = Problems()
    known = {attribute.name: Known(attribute.type) for attribute in attributes}
    compiled = compile_condition(text, Scope(known, frozenset(), problems), TextOrigin(text, Position("x", 1, 1)))
    if compiled is None:
        assert all(any(said in problem.message for said in REFUSED) for problem in problems.all), problems.render()
    else:
        assert plain(compiled) == plain(expr)
