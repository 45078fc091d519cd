"""Bundles with a placement a condition, for columns of every type of a snapshot; and which conditions hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from rulecore import Engine
from rulecore.model import (
    Attr,
    Attribute,
    Bundle,
    Call,
    Const,
    Expr,
    Placement,
    Rule,
    Segment,
    Source,
    Type,
    Variant,
)
from rulecore.snapshot import Value

NOW: Final = 1_795_000_000_000_000
KINDS: Final[dict[str, Type]] = {
    "interests": Type.LIST_STRING,
    "orders": Type.INT,
    "score": Type.DOUBLE,
    "staff": Type.BOOL,
    "tier": Type.STRING,
}


def bundle(
    conditions: Mapping[str, Expr],
    segments: Mapping[str, tuple[str, ...]] | None = None,
    attributes: tuple[Attribute, ...] = (),
    *more: Segment,
) -> Bundle:
    """A placement a condition, which serves `yes` where it holds; segments of the snapshot by their purposes."""
    visitor_id = Attribute("visitor_id", Type.STRING, ("personalization",), Source.PROVIDED)
    placements = [
        Placement(name, (Variant("yes"), Variant("no")), "no", (Rule(name, when, (), "visitor_id", name, serve="yes"),))
        for name, when in sorted(conditions.items())
    ]
    known = [*(Segment(name, purposes) for name, purposes in (segments or {}).items()), *more]
    return Bundle(
        name="linked",
        timezone="UTC",
        attributes=tuple(sorted((visitor_id, *attributes), key=lambda each: each.name)),
        segments=tuple(sorted(known, key=lambda each: each.name)),
        holdouts=(),
        layers=(),
        placements=tuple(placements),
    )


def holding(engine: Engine, context: dict[str, object]) -> set[str]:
    """Which conditions hold, by every way of asking."""
    body = msgspec.json.encode(context)
    held = {made.placement for made in engine.decide_all(context, NOW) if made.variant == "yes"}
    for name in engine.bundle.placements:
        for made in (engine.decide(name, context, NOW), engine.decide_json(name, body, NOW)):
            assert (made.variant == "yes") == (name in held), (name, context)
    return held


def equals(name: str, value: Value) -> Expr:
    """That a column's attribute has a value; of a list, that it has so many items and these among them."""
    attribute = Attr(f"of_{name}", KINDS[name])
    if not isinstance(value, tuple):
        return Call("eq", (attribute, Const(KINDS[name], value)), Type.BOOL)
    size = Call("eq", (Call("size", (attribute,), Type.INT), Const(Type.INT, len(value))), Type.BOOL)
    if not value:
        return size
    items = Call("contains_all", (attribute, Const(Type.LIST_STRING, value)), Type.BOOL)
    return Call("and", (size, items), Type.BOOL)


def from_column(column: str, kind: Type | None = None, purposes: tuple[str, ...] = ()) -> Attribute:
    """The attribute `of_` a column."""
    return Attribute(f"of_{column}", kind or KINDS[column], purposes, Source.SNAPSHOT, column)
