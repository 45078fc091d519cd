"""Small bundles, made without the authoring plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rulecore import write_bundle
from rulecore.model import (
    Attr,
    Attribute,
    Bundle,
    Call,
    Const,
    Expr,
    InSegment,
    Placement,
    Rule,
    Segment,
    Source,
    Type,
    Variant,
)

PROVIDED = ("city", "country", "device", "language", "referrer.host", "region", "timezone", "url.host", "url.path")


def attribute(name: str, kind: Type, source: Source = Source.CONTEXT, source_name: str = "") -> Attribute:
    """An attribute that needs no consent."""
    return Attribute(name, kind, (), source, source_name)


ATTRIBUTES = tuple(
    sorted(
        (
            attribute("age", Type.INT, Source.COOKIE, "age"),
            attribute("app_version", Type.STRING, Source.HEADER, "X-App-Version"),
            attribute("interests", Type.LIST_STRING, Source.COOKIE, "interests"),
            attribute("joined", Type.TIMESTAMP, Source.COOKIE, "joined"),
            attribute("member", Type.BOOL, Source.HEADER, "X-Member"),
            attribute("page_views", Type.INT),
            attribute("price", Type.DOUBLE, Source.QUERY, "price"),
            attribute("query.color", Type.STRING, Source.PROVIDED),
            attribute("utm.source", Type.STRING, Source.PROVIDED),
            attribute("visitor_id", Type.STRING, Source.PROVIDED),
            *(attribute(name, Type.STRING, Source.PROVIDED) for name in PROVIDED),
        ),
        key=lambda each: each.name,
    )
)
BY_NAME = {each.name: each for each in ATTRIBUTES}


def equals(name: str, value: bool | float | str) -> Call:
    """`name == value`."""
    kind = BY_NAME[name].type
    return Call("eq", (Attr(name, kind), Const(kind, value)), Type.BOOL)


def serve(identity: str, variant: str, when: Expr | None) -> Rule:
    """A rule that serves one variant."""
    return Rule(identity, when, (), "visitor_id", identity, serve=variant)


def placement(name: str, variants: Mapping[str, bytes | None], default: str, *rules: Rule) -> Placement:
    """A placement by its variants' payloads."""
    return Placement(name, tuple(Variant(each, payload) for each, payload in variants.items()), default, rules)


def shop() -> Bundle:
    """A placement for each kind of attribute, one without rules, one whose variant is `none`."""
    seen = {"seen": b'{"headline":"Seen"}', "other": b'{"headline":"Other"}'}
    wanted: dict[str, bool | int | float | str] = {
        "age": 42,
        "app_version": "1.10",
        "city": "New York",
        "device": "mobile",
        "language": "fr",
        "member": True,
        "price": 9.5,
        "query.color": "dark blue",
        "url.path": "/shoes/köln",
        "visitor_id": "v-1",
    }
    placed = [
        placement(
            f"by_{name.replace('.', '_')}",
            seen,
            "other",
            serve(f"is-{name}".replace(".", "-"), "seen", equals(name, value)),
        )
        for name, value in wanted.items()
    ]
    placed.append(
        placement("banner", {"none": None, "sale": b'"50%"'}, "none", serve("sale", "sale", equals("member", True)))
    )
    placed.append(placement("footer", {"plain": b'{"text":"Bye"}'}, "plain"))
    used = set(wanted) | {"joined", "interests"}
    return Bundle(
        "shop",
        "UTC",
        tuple(each for each in ATTRIBUTES if each.name in used),
        (),
        (),
        (),
        tuple(sorted(placed, key=lambda each: each.name)),
    )


def marked(mark: str) -> Bundle:
    """A bundle that marks everything it answers: its variants and payloads tell which release they come from."""
    variant = {mark: b'{"from":"%b"}' % mark.encode()}
    places = (placement("banner", variant, mark), placement("hero", variant, mark, serve(f"all-{mark}", mark, None)))
    return Bundle("marked", "UTC", (), (), (), (), places)


def bundle_of_segment(name: str) -> Bundle:
    """A bundle that asks for one precomputed segment."""
    place = placement("hero", {"seen": None, "other": None}, "other", serve("in", "seen", InSegment(name)))
    return Bundle("segment", "UTC", (BY_NAME["visitor_id"],), (Segment(name, ()),), (), (), (place,))


def marked_by_segment(marks: Sequence[str]) -> Bundle:
    """A bundle that marks everything by the one of these segments that the visitor is in, who must agree to that."""
    variants = {mark: b'{"from":"%b"}' % mark.encode() for mark in ("none", *marks)}
    places = tuple(
        placement(name, variants, "none", *(serve(f"in-{mark}", mark, InSegment(mark)) for mark in marks))
        for name in ("banner", "hero")
    )
    segments = tuple(Segment(mark, ("personalization",)) for mark in marks)
    return Bundle("by-segment", "UTC", (BY_NAME["visitor_id"],), segments, (), (), places)


def put(path: Path, content: Bundle | bytes) -> None:
    """Put a file in place by rename, as it must be done."""
    data = write_bundle(content) if isinstance(content, Bundle) else content
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(data)
    beside.replace(path)
