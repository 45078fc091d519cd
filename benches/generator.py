"""The seeded source of everything that is measured: bundles of any number of rules, and contexts for them.

Rules look like a retailer's: three or four predicates each, over twelve attributes of every common type, the first
of which (its anchor) is selective: a segment, a city or a country. A *natural* context is drawn from the same values
and then made to satisfy one rule, any of them, so decisions are found all along the list. An *unmatched* context
differs only in its anchors, which no rule names: the whole list is tried in vain.

The same arguments give the same bundle and the same contexts, on any machine. Measuring is left to `benches.run`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from rulecore.model import (
    PERSONALIZATION,
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

ATTRIBUTES: Final = {
    attribute.name: attribute
    for attribute in (
        Attribute("cart.categories", Type.LIST_STRING, (PERSONALIZATION,), Source.CONTEXT),
        Attribute("cart.total", Type.DOUBLE, (PERSONALIZATION,), Source.COOKIE, "cart_total"),
        Attribute("city", Type.STRING, (), Source.PROVIDED),
        Attribute("consent", Type.LIST_STRING, (), Source.PROVIDED),
        Attribute("country", Type.STRING, (), Source.PROVIDED),
        Attribute("customer.member", Type.BOOL, (PERSONALIZATION,), Source.COOKIE, "member"),
        Attribute("customer.spend", Type.DOUBLE, (PERSONALIZATION,), Source.HEADER, "X-Customer-Spend"),
        Attribute("device", Type.STRING, (), Source.PROVIDED),
        Attribute("session.page_views", Type.INT, (PERSONALIZATION,), Source.PROVIDED),
        Attribute("session.seconds", Type.INT, (PERSONALIZATION,), Source.PROVIDED),
        Attribute("visitor_id", Type.STRING, (PERSONALIZATION,), Source.PROVIDED),
    )
}
"""What contexts state, but for `segments`, the twelfth, which is no attribute of a bundle."""

SEGMENTS: Final = tuple(f"segment_{number:02}" for number in range(60))
CITIES: Final = tuple(f"city_{number:03}" for number in range(300))
COUNTRIES: Final = tuple(a + b for a in "ABCDE" for b in "ABCDEFGHIJKL")
CATEGORIES: Final = tuple(f"category_{number:02}" for number in range(24))
DEVICES: Final = ("desktop", "mobile", "tablet")

# The last of each is in contexts only, so that a context can be made that satisfies no anchor.
NAMED_SEGMENTS: Final = SEGMENTS[:50]
NAMED_CITIES: Final = CITIES[:290]
NAMED_COUNTRIES: Final = COUNTRIES[:50]

PLACEMENT: Final = "placement_00"
"""The first placement, and the only one where there is but one."""

NOW: Final = 1_790_000_000_000_000
"""The instant of every measured decision: 2026-09-21T13:33:20Z in microseconds."""

Facts = dict[str, object]


class Predicate(msgspec.Struct, frozen=True):
    """One test of a rule, and how to make flat facts pass it."""

    attribute: str
    test: Expr
    satisfy: Callable[[Facts], None]


class Scenario:
    """A bundle of `rules` rules, spread evenly over `placements` placements, and contexts for it."""

    def __init__(self, rules: int, placements: int = 1, seed: int = 1) -> None:
        self._random = random.Random(f"{seed}/{rules}/{placements}")
        self._predicates: dict[str, list[list[Predicate]]] = {}
        digits = max(2, len(str(placements - 1)))
        names = [f"placement_{number:0{digits}}" for number in range(placements)]
        self.bundle = Bundle(
            name="bench",
            timezone="UTC",
            attributes=tuple(ATTRIBUTES.values()),
            segments=tuple(Segment(name, (PERSONALIZATION,)) for name in NAMED_SEGMENTS),
            holdouts=(),
            layers=(),
            placements=tuple(
                self._placement(name, rules // placements + (number < rules % placements))
                for number, name in enumerate(names)
            ),
        )

    def natural(self, placement: str, count: int) -> list[Facts]:
        """Nested contexts that each satisfy a rule of this placement: every rule about equally often."""
        lists = self._predicates[placement]
        contexts = []
        for _ in range(count):
            facts = self._facts(SEGMENTS, CITIES, COUNTRIES)
            for predicate in self._random.choice(lists):
                predicate.satisfy(facts)
            contexts.append(nested(facts))
        return contexts

    def unmatched(self, count: int) -> list[Facts]:
        """Nested contexts that satisfy no rule of any placement."""
        segments, cities, countries = SEGMENTS[50:], CITIES[290:], COUNTRIES[50:]
        return [nested(self._facts(segments, cities, countries)) for _ in range(count)]

    def sufficient(self, placement: str) -> list[Facts]:
        """A flat context for each rule of this placement, in order, that states what satisfies it and nothing else."""
        contexts = []
        for predicates in self._predicates[placement]:
            facts: Facts = {"segments": []}
            for predicate in predicates:
                predicate.satisfy(facts)
            contexts.append(facts if facts["segments"] else {name: facts[name] for name in facts if name != "segments"})
        return contexts

    def _placement(self, name: str, rules: int) -> Placement:
        self._predicates[name] = [self._draw_predicates() for _ in range(rules)]
        return make_placement(
            name,
            [
                Call("and", tuple(predicate.test for predicate in predicates), Type.BOOL)
                for predicates in self._predicates[name]
            ],
        )

    def _draw_predicates(self) -> list[Predicate]:
        anchor = self._random.choice((self._segment, self._city, self._countries))()
        others = [self._device, self._views, self._seconds, self._total, self._spend, self._member, self._category]
        return [anchor, *(draw() for draw in self._random.sample(others, self._random.randint(2, 3)))]

    def _segment(self) -> Predicate:
        name = self._random.choice(NAMED_SEGMENTS)

        def satisfy(facts: Facts) -> None:
            members = facts["segments"]
            assert isinstance(members, list)
            facts["segments"] = sorted({*members, name})

        return Predicate("segments", InSegment(name), satisfy)

    def _city(self) -> Predicate:
        city = self._random.choice(NAMED_CITIES)
        return Predicate("city", _compare("city", "eq", city), lambda facts: facts.update(city=city))

    def _countries(self) -> Predicate:
        some = tuple(sorted(self._random.sample(NAMED_COUNTRIES, 3)))
        test = Call("in", (Attr("country", Type.STRING), Const(Type.LIST_STRING, some)), Type.BOOL)
        return Predicate("country", test, lambda facts: facts.update(country=some[0]))

    def _device(self) -> Predicate:
        device = self._random.choice(DEVICES)
        return Predicate("device", _compare("device", "eq", device), lambda facts: facts.update(device=device))

    def _views(self) -> Predicate:
        return self._least("session.page_views", self._random.randint(1, 20))

    def _seconds(self) -> Predicate:
        return self._least("session.seconds", self._random.randint(1, 60) * 10)

    def _total(self) -> Predicate:
        return self._least("cart.total", self._random.randint(2, 60) * 2.5)

    def _spend(self) -> Predicate:
        return self._least("customer.spend", self._random.randint(1, 60) * 25.0)

    def _least(self, name: str, least: float) -> Predicate:
        return Predicate(name, _compare(name, "ge", least), lambda facts: facts.update({name: least}))

    def _member(self) -> Predicate:
        member = Attr("customer.member", Type.BOOL)
        wanted = self._random.random() < 0.5
        test = member if wanted else Call("not", (member,), Type.BOOL)
        return Predicate("customer.member", test, lambda facts: facts.update({"customer.member": wanted}))

    def _category(self) -> Predicate:
        category = self._random.choice(CATEGORIES)
        test = Call("in", (Const(Type.STRING, category), Attr("cart.categories", Type.LIST_STRING)), Type.BOOL)

        def satisfy(facts: Facts) -> None:
            facts["cart.categories"] = [category]

        return Predicate("cart.categories", test, satisfy)

    def _facts(self, segments: tuple[str, ...], cities: tuple[str, ...], countries: tuple[str, ...]) -> Facts:
        draw = self._random
        return {
            "cart.categories": draw.sample(CATEGORIES, draw.randint(0, 4)),
            "cart.total": draw.randint(0, 20_000) / 100,
            "city": draw.choice(cities),
            "consent": [PERSONALIZATION],
            "country": draw.choice(countries),
            "customer.member": draw.random() < 0.5,
            "customer.spend": draw.randint(0, 200_000) / 100,
            "device": draw.choice(DEVICES),
            "segments": sorted(draw.sample(segments, draw.randint(1, 5))),
            "session.page_views": draw.randint(1, 25),
            "session.seconds": draw.randint(0, 900),
            "visitor_id": visitor_id(draw.randrange(1_000_000)),
        }


def make_placement(name: str, conditions: Sequence[Expr]) -> Placement:
    """A placement with a rule for each condition. One in ten splits, the others serve."""
    return Placement(
        name=name,
        variants=tuple(Variant(variant, _payload(name, variant)) for variant in ("calm", "bold", "bright")),
        default="calm",
        rules=tuple(
            _rule(f"{name}-rule_{number:05}", when, number % 10 == 9) for number, when in enumerate(conditions)
        ),
    )


def visitor_id(number: int) -> str:
    """The id of a visitor as a site would write it: 22 characters."""
    return f"v-{number:08x}-{number * 2_654_435_761 % (1 << 44):011x}"


def nested(facts: Facts) -> Facts:
    """Facts with dotted names as a caller sends them: one object for each group."""
    context: Facts = {}
    for name, value in facts.items():
        group, dot, rest = name.partition(".")
        if dot:
            inner = context.setdefault(group, {})
            assert isinstance(inner, dict)
            inner[rest] = value
        else:
            context[name] = value
    return context


def flat(context: Facts) -> Facts:
    """What `nested` was made from: dotted names, no objects."""
    facts: Facts = {}
    for name, value in context.items():
        if isinstance(value, dict):
            facts.update({f"{name}.{inner}": item for inner, item in value.items()})
        else:
            facts[name] = value
    return facts


def page_headers(context: Facts) -> list[tuple[str, str]]:
    """What a CDN node sends with a page request of such a visitor: as much of the context as headers carry."""
    cart, customer, consent = context["cart"], context["customer"], context["consent"]
    assert isinstance(cart, dict)
    assert isinstance(customer, dict)
    assert isinstance(consent, list)
    return [
        ("Edgewise-Visitor-Id", str(context["visitor_id"])),
        ("Edgewise-Consent", ", ".join(consent)),
        ("Edgewise-Country", str(context["country"])),
        ("Edgewise-City", str(context["city"])),
        ("Sec-CH-UA-Mobile", "?1" if context["device"] == "mobile" else "?0"),
        ("X-Customer-Spend", str(customer["spend"])),
        ("Cookie", f"cart_total={cart['total']}; member={str(customer['member']).lower()}"),
    ]


def _rule(rule_id: str, when: Expr, splits: bool) -> Rule:
    return Rule(
        id=rule_id,
        when=when,
        purposes=(PERSONALIZATION,) if splits else (),
        unit="visitor_id",
        salt=rule_id,
        serve=None if splits else "bold",
        split=(("calm", 1), ("bold", 2), ("bright", 1)) if splits else (),
    )


def _compare(name: str, operator: str, value: str | float) -> Expr:
    of = ATTRIBUTES[name].type
    return Call(operator, (Attr(name, of), Const(of, value)), Type.BOOL)


def _payload(placement: str, variant: str) -> bytes:
    return msgspec.json.encode({"headline": f"{placement} {variant}", "image": f"/img/{placement}/{variant}.webp"})
