"""A small bundle that uses everything a bundle image can hold: each kind of predicate, each node, each record."""

from __future__ import annotations

from typing import Final

from rulecore.model import (
    PERSONALIZATION,
    Attr,
    Attribute,
    Block,
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
    Source,
    Type,
    Var,
    Variant,
    shows_attribute,
    sticky_attribute,
)

ATTRIBUTES: Final = {
    "account": Type.INT,
    "age": Type.INT,
    "app_version": Type.STRING,
    "city": Type.STRING,
    "ip": Type.STRING,
    "member": Type.BOOL,
    "now": Type.TIMESTAMP,
    "score": Type.DOUBLE,
    "session.length": Type.DURATION,
    "sizes": Type.LIST_INT,
    "tags": Type.LIST_STRING,
}
HOUR: Final = 3_600_000_000

ACCOUNT, AGE, APP, CITY, IP, MEMBER, NOW, SCORE, LENGTH, SIZES, TAGS = (
    Attr(name, kind) for name, kind in ATTRIBUTES.items()
)
_T: Final = Var("t", 0, Type.STRING)
_S: Final = Var("s", 1, Type.INT)


def const(value: bool | float | str | tuple[str, ...] | tuple[int, ...], kind: Type | None = None) -> Const:
    """A constant, of the type that its Python type suggests."""
    if kind is None:
        first = value[0] if isinstance(value, tuple) else None
        listed = {str: Type.LIST_STRING, int: Type.LIST_INT}
        plain = {bool: Type.BOOL, int: Type.INT, float: Type.DOUBLE, str: Type.STRING}
        kind = plain[type(value)] if first is None else listed[type(first)]
    return Const(kind, value)


def call(op: str, *args: Expr, kind: Type = Type.BOOL) -> Call:
    """An operator, of type bool unless `kind` says otherwise."""
    return Call(op, args, kind)


def _int(op: str, *args: Expr) -> Call:
    return call(op, *args, kind=Type.INT)


CONDITIONS: Final[tuple[Expr, ...]] = (
    # Predicates with a kind of their own
    InSegment("vip"),
    InSegment("evening"),
    Has("city"),
    MEMBER,
    call("ge", AGE, const(18)),
    call("lt", const(0.5), SCORE),
    call("ne", CITY, const("Boston")),
    call("in", CITY, const(("New York", "Zürich"))),
    call("in", AGE, const((1, 2, 3))),
    call("in", const("winter"), TAGS),
    call("in", const(42), SIZES),
    # Expressions
    call("cond", MEMBER, call("gt", AGE, const(1.5)), call("not", InSegment("vip"))),
    Quantifier(
        "exists",
        TAGS,
        _T,
        call(
            "or",
            call("eq", _T, CITY),
            call("and", call("not", call("contains", _T, const("x"))), Has("age")),
            Quantifier("all", SIZES, _S, call("cond", call("le", _S, AGE), InSegment("evening"), InSegment("vip"))),
            call("starts_with", call("lower_ascii", _T, kind=Type.STRING), const("win")),
        ),
    ),
    call("eq", _int("mod", _int("add", AGE, const(3)), _int("neg", _int("div", AGE, const(2)))), const(0)),
    call("lt", call("mul", call("sub", SCORE, const(1.5), kind=Type.DOUBLE), SCORE, kind=Type.DOUBLE), AGE),
    call("gt", call("add", NOW, LENGTH, kind=Type.TIMESTAMP), const(0, Type.TIMESTAMP)),
    call("lt", call("sub", NOW, const(0, Type.TIMESTAMP), kind=Type.DURATION), const(HOUR, Type.DURATION)),
    call("le", call("add", LENGTH, const(HOUR, Type.DURATION), kind=Type.DURATION), LENGTH),
    call("ge", _int("get_hours", NOW, const("Europe/Zurich")), const(18)),
    call("in", _int("get_day_of_week", NOW, const("America/New_York")), const((0, 6))),
    call("gt", _int("get_minutes", LENGTH), const(5)),
    call("gt", _int("size", CITY), _int("size", TAGS)),
    call("ends_with", CITY, const("York")),
    call("matches", CITY, const("^N.*k$")),
    call("intersects", TAGS, const(("a", "b"))),
    call("contains_all", SIZES, const((40, 42))),
    call("ge", call("semver", APP, kind=Type.SEMVER), call("semver", const("2.3.0-rc.1"), kind=Type.SEMVER)),
    call("contains_ip", const("10.0.0.0/8"), IP),
    call("eq", MEMBER, call("lt", CITY, const("M"))),
)


def _rule(number: int, when: Expr | None, **changes: object) -> Rule:
    identity = f"rule-{number:02}"
    plain: dict[str, object] = {"serve": "hat", "purposes": (), "unit": "visitor_id", "salt": f"hero/{identity}"}
    return Rule(identity, when, **(plain | changes))  # type: ignore[arg-type]  # the fields are named by the caller


def sample_bundle() -> Bundle:
    """The bundle. Its placements: `banner` (static), `closed` (disabled), `hero` (rules of all kinds)."""
    rules = [_rule(number, when) for number, when in enumerate(CONDITIONS)]
    asked = (PERSONALIZATION,)
    rules += [
        _rule(70, None, starts=0, ends=HOUR, percent=50_000, purposes=asked),
        _rule(71, None, serve=None, split=(("hat", 50), ("coat", 30), ("none", 20)), sticky=True, experiment="exp-1"),
        _rule(72, MEMBER, layer="merch", layer_range=(10_000, 60_000), unit="account"),
        _rule(73, None, cap=Cap(3, "day"), enabled=False),
    ]
    attributes = [Attribute(name, kind, (), Source.CONTEXT) for name, kind in ATTRIBUTES.items()]
    attributes += [
        Attribute(shows_attribute("rule-73"), Type.INT, asked, Source.PROVIDED),
        Attribute(sticky_attribute("rule-71"), Type.STRING, asked, Source.PROVIDED),
        Attribute("tier", Type.STRING, ("analytics",), Source.HEADER, "X-Tier"),
    ]
    block = Block("hero/hat.html", b"<p>A hat</p>")
    variants = (Variant("hat", b'{"headline":"Hats"}', block), Variant("coat", b"[1,2]"), Variant("none"))
    return Bundle(
        name="sample",
        timezone="America/New_York",
        attributes=tuple(sorted(attributes, key=lambda attribute: attribute.name)),
        segments=(
            Segment("evening", asked, call("ge", _int("get_hours", NOW, const("+05:30")), const(18))),
            Segment("vip", asked),
        ),
        holdouts=(Holdout("global", 5_000, "global-2026", "visitor_id", asked),),
        layers=(Layer("merch", "merch-1", "account"),),
        placements=(
            Placement("banner", (Variant("plain", b"1"),), "plain", ()),
            Placement("closed", (Variant("plain", b"1"),), "plain", (_rule(74, None, serve="plain"),), enabled=False),
            Placement("hero", variants, "none", tuple(rules), holdout="global"),
        ),
    )


CONTEXTS: Final[tuple[dict[str, object], ...]] = (
    {},
    {"visitor_id": "v1", "consent": ["personalization"], "segments": ["vip"]},
    {
        "account": 7,
        "age": 30,
        "app_version": "2.4.0",
        "city": "New York",
        "ip": "10.1.2.3",
        "member": True,
        "score": 0.75,
        "session": {"length": "1h30m", "shows": {"rule-73": 3}, "sticky": {"rule-71": "coat"}},
        "sizes": [40, 42],
        "tags": ["Winter", "a"],
        "timezone": "Europe/Zurich",
        "visitor_id": "v2",
        "consent": ["personalization", "analytics"],
        "segments": [],
    },
    {"age": -(2**63), "score": -0.0, "tags": [], "sizes": [], "city": "", "member": False, "timezone": "Nowhere/Here"},
)
"""Contexts for it: nothing, little, everything, the edges."""
