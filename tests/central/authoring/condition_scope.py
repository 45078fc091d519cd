"""Attributes and segments that the tests of conditions speak of."""

from __future__ import annotations

from central.authoring.conditions import compile_condition
from central.authoring.diagnostics import Position, Problems, TextOrigin
from central.authoring.scope import Known, Scope
from rulecore.model import Expr, Type

ATTRIBUTES = {
    "vip": Known(Type.BOOL),
    "age": Known(Type.INT),
    "score": Known(Type.DOUBLE),
    "city": Known(Type.STRING),
    "device": Known(Type.STRING, ("mobile", "tablet", "desktop")),
    "level": Known(Type.INT, (1, 2, 3)),
    "now": Known(Type.TIMESTAMP),
    "since": Known(Type.TIMESTAMP),
    "timezone": Known(Type.STRING),
    "spent": Known(Type.DURATION),
    "tags": Known(Type.LIST_STRING),
    "interests": Known(Type.LIST_STRING, ("shoes", "hats")),
    "sizes": Known(Type.LIST_INT),
    "ip": Known(Type.STRING),
    "version": Known(Type.STRING),
    "session.page_views": Known(Type.INT),
    "session.seconds": Known(Type.INT),
    "url.path": Known(Type.STRING),
    "query.color": Known(Type.STRING),
}
SEGMENTS = frozenset({"evening_mobile", "vip_buyers"})


def compiled(text: str, attributes: dict[str, Known] = ATTRIBUTES) -> tuple[Expr | None, Problems]:
    """The expression of a condition, and what was reported."""
    problems = Problems()
    origin = TextOrigin(text, Position("rules.yaml", 1, 1))
    return compile_condition(text, Scope(attributes, SEGMENTS, problems), origin), problems
