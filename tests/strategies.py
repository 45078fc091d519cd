"""Bundles for the agreement tests: `bundles()` draws checked bundles that use all of `rulecore.model`.

Conditions come from `tests.strategies_conditions`, contexts that suit a bundle from `tests.strategies_contexts`. A
drawn bundle keeps the contract of the model: names resolve, condition segments have no cycle, ranges in a layer are
disjoint, ids are unique, and what is listed is what is used.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from rulecore.model import (
    PERCENT_STEPS,
    PERSONALIZATION,
    Attr,
    Attribute,
    Block,
    Bundle,
    Call,
    Cap,
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
    Variant,
    shows_attribute,
    sticky_attribute,
)
from tests.strategies_conditions import Conditions
from tests.strategies_values import INSTANTS, PURPOSES, chance

ASKED: Final = (PERSONALIZATION,)
REQUEST: Final = (
    Attribute("now", Type.TIMESTAMP, (), Source.PROVIDED),
    Attribute("timezone", Type.STRING, (), Source.PROVIDED),
    Attribute("consent", Type.LIST_STRING, (), Source.PROVIDED),
    Attribute("device", Type.STRING, (), Source.PROVIDED),
    Attribute("url.path", Type.STRING, (), Source.PROVIDED),
    Attribute("visitor_id", Type.STRING, ASKED, Source.PROVIDED),
    Attribute("session.new_visitor", Type.BOOL, ASKED, Source.PROVIDED),
    Attribute("session.page_views", Type.INT, ASKED, Source.PROVIDED),
    Attribute("session.tags", Type.LIST_STRING, ASKED, Source.PROVIDED),
)
DECLARED: Final = (
    ("member", Type.BOOL, Source.CONTEXT),
    ("age", Type.INT, Source.COOKIE),
    ("cart.items", Type.INT, Source.CONTEXT),
    ("account_id", Type.INT, Source.SNAPSHOT),
    ("score", Type.DOUBLE, Source.SNAPSHOT),
    ("cart.total", Type.DOUBLE, Source.CONTEXT),
    ("tier", Type.STRING, Source.SNAPSHOT),
    ("app_version", Type.STRING, Source.HEADER),
    ("last.visit.at", Type.TIMESTAMP, Source.QUERY),
    ("session_length", Type.DURATION, Source.CONTEXT),
    ("interests", Type.LIST_STRING, Source.CONTEXT),
    ("sizes", Type.LIST_INT, Source.CONTEXT),
)
UNITS: Final = ("visitor_id", "visitor_id", "visitor_id", "account_id", "tier")
VARIANTS: Final = ("red", "green", "blue", "none")
SHARES: Final = (0, 1, 25_000, 50_000, 99_999, PERCENT_STEPS)
CUTS: Final = (0, 20_000, 50_000, 50_001, PERCENT_STEPS)
"""Where the ranges of a layer meet."""


def few_purposes(most_often: tuple[str, ...] = ()) -> st.SearchStrategy[tuple[str, ...]]:
    """No purposes, one or more."""
    some = st.sets(st.sampled_from(PURPOSES), max_size=2).map(lambda names: tuple(sorted(names)))
    return st.just(most_often) | st.just(most_often) | some


@st.composite
def known_attributes(draw: DrawFn) -> list[Attribute]:
    """What a bundle could use: the provided attributes and the declared, with purposes of their own."""
    declared = [
        Attribute(name, kind, draw(few_purposes(ASKED)), source, name if source is not Source.CONTEXT else "")
        for name, kind, source in DECLARED
    ]
    return [*REQUEST, *declared]


@st.composite
def conditions(draw: DrawFn, depth: int = 3, without: frozenset[str] = frozenset()) -> tuple[Expr, list[Attribute]]:
    """One condition without segments, and the attributes that it could have used."""
    known = draw(known_attributes())
    return Conditions(draw, known, [], without).condition(depth), known


@st.composite
def bundles(draw: DrawFn) -> Bundle:
    """A bundle of up to three placements."""
    known = draw(known_attributes())
    segments = [Segment(name, draw(few_purposes(ASKED))) for name in ("bargain_hunter", "vip")]
    for name in draw(st.sampled_from(((), ("alpha",), ("alpha", "omega")))):
        made = Conditions(draw, known, [segment.name for segment in segments])
        segments.append(Segment(name, draw(few_purposes()), made.condition(draw(st.integers(1, 3)))))
    layers = tuple(Layer(name, f"{name} salt", draw(st.sampled_from(UNITS))) for name in ("left", "right"))
    holdouts = tuple(
        Holdout(name, draw(st.sampled_from(SHARES)), name, draw(st.sampled_from(UNITS)), draw(few_purposes(ASKED)))
        for name in ("global", "small")
    )
    rules = _Rules(draw, Conditions(draw, known, [segment.name for segment in segments]))
    names = draw(st.sampled_from((("hero",), ("bar", "hero"))))
    placements = [_placement(draw, name, rules, holdouts) for name in names]
    if chance(draw, 5):
        placements.append(Placement("static", (Variant("red", b'"only"'),), "red", ()))
    timezone = draw(st.sampled_from(("UTC", "America/New_York")))
    return only_used(Bundle("shop", timezone, tuple(known), tuple(segments), holdouts, layers, tuple(placements)))


def _placement(draw: DrawFn, name: str, rules: _Rules, holdouts: tuple[Holdout, ...]) -> Placement:
    variants = (
        Variant("red", b'{"headline":"red"}'),
        Variant("green", b"[1,2]", Block("green.html", b"<p>green</p>")),
        Variant("blue", None, Block(f"{name}/blue.html", b"")),
        Variant("none"),
    )
    return Placement(
        name=name,
        variants=variants,
        default=draw(st.sampled_from(VARIANTS)),
        rules=tuple(rules.draw_rule(name) for _ in range(draw(st.integers(1, 4)))),
        holdout=draw(st.sampled_from((None, None, *(holdout.name for holdout in holdouts)))),
        enabled=not chance(draw, 12),
    )


class _Rules:
    """Draws rules, each with an id of its own and a range of its layer that is still free."""

    def __init__(self, draw: DrawFn, conditions: Conditions) -> None:
        self.draw = draw
        self.conditions = conditions
        self.count = 0
        self.ranges = {layer: list(itertools.pairwise(CUTS)) for layer in ("left", "right")}

    def chance(self, one_in: int) -> bool:
        return chance(self.draw, one_in)

    def instant(self) -> int | None:
        return self.draw(st.sampled_from(INSTANTS)) if self.chance(8) else None

    def split(self) -> tuple[tuple[str, int], ...]:
        variants = self.draw(st.lists(st.sampled_from(VARIANTS), min_size=1, max_size=3, unique=True))
        weights = [self.draw(st.sampled_from((1, 0, 50, 999))) for _ in variants]
        return tuple(zip(variants, weights, strict=True)) if sum(weights) else ((variants[0], 1),)

    def draw_rule(self, placement: str) -> Rule:
        self.count += 1
        name = f"rule-{self.count}"
        splits = self.chance(2)
        layer = self.draw(st.sampled_from(("left", "right"))) if self.chance(5) else None
        free = [] if layer is None else self.ranges[layer]
        within = free.pop(self.draw(st.integers(0, len(free) - 1))) if free else None
        return Rule(
            id=name,
            when=None if self.chance(6) else self.conditions.condition(self.draw(st.integers(1, 4))),
            purposes=self.draw(few_purposes(ASKED if splits else ())),
            unit=self.draw(st.sampled_from(UNITS)),
            salt=self.draw(st.sampled_from((f"{placement}/{name}", "shared", "", "é😀"))),
            enabled=not self.chance(15),
            starts=self.instant(),
            ends=self.instant(),
            percent=self.draw(st.sampled_from(SHARES)) if self.chance(4) else None,
            layer=None if within is None else layer,
            layer_range=within,
            experiment=f"experiment-{self.count}" if splits or within else None,
            serve=None if splits else self.draw(st.sampled_from(VARIANTS)),
            split=self.split() if splits else (),
            sticky=splits and self.chance(2),
            cap=self.draw(st.sampled_from((Cap(1, "session"), Cap(3, "day")))) if self.chance(5) else None,
        )


def only_used(bundle: Bundle) -> Bundle:
    """A bundle without what its placements and condition segments don't name, in order of name."""
    rules = [rule for placement in bundle.placements for rule in placement.rules]
    holdouts = [holdout for holdout in bundle.holdouts if any(p.holdout == holdout.name for p in bundle.placements)]
    layers = [layer for layer in bundle.layers if any(rule.layer == layer.name for rule in rules)]
    tops = [*(rule.when for rule in rules), *(segment.when for segment in bundle.segments)]
    parts = [part for top in tops if top is not None for part in walk(top)]
    used = {part.name for part in parts if isinstance(part, Attr | Has)}
    used |= {rule.unit for rule in rules} | {holdout.unit for holdout in holdouts} | {layer.unit for layer in layers}
    tested = {part.name for part in parts if isinstance(part, InSegment)}
    kept = [Attribute(shows_attribute(rule.id), Type.INT, ASKED, Source.PROVIDED) for rule in rules if rule.cap]
    kept += [Attribute(sticky_attribute(rule.id), Type.STRING, ASKED, Source.PROVIDED) for rule in rules if rule.sticky]
    kept += [attribute for attribute in bundle.attributes if attribute.name in used]
    segments = [segment for segment in bundle.segments if segment.when is not None or segment.name in tested]
    return Bundle(
        name=bundle.name,
        timezone=bundle.timezone,
        attributes=tuple(sorted(kept, key=lambda attribute: attribute.name)),
        segments=tuple(sorted(segments, key=lambda segment: segment.name)),
        holdouts=tuple(holdouts),
        layers=tuple(layers),
        placements=tuple(sorted(bundle.placements, key=lambda placement: placement.name)),
    )


def walk(expr: Expr) -> Iterator[Expr]:
    """An expression and everything in it."""
    yield expr
    match expr:
        case Call(args=args):
            for arg in args:
                yield from walk(arg)
        case Quantifier(items=items, body=body):
            yield from walk(items)
            yield from walk(body)
