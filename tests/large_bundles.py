"""Bundles of many rules, and contexts for them, from a seed: what is too much to be drawn by hypothesis.

A `Mix` says how many values there are of each attribute and how conditions are put together; the same few values stand
in conditions and contexts, so that rules are met. Every condition stands twice: in a rule, and as a condition segment.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Final

import msgspec

from rulecore.model import (
    Attr,
    Attribute,
    Bundle,
    Call,
    Const,
    Expr,
    Has,
    InSegment,
    Placement,
    Rule,
    Segment,
    Source,
    Type,
    Variant,
)
from tests.strategies import only_used
from tests.strategies_contexts import duration_text, instant_text

PURPOSES: Final = ("analytics", "personalization")
NOW: Final = 1_795_000_000_000_000
INSTANTS: Final = tuple(NOW + step for step in (-(10**9), -1, 0, 1, 10**9))
ATTRIBUTES: Final = {
    "age": Type.INT,
    "city": Type.STRING,
    "length": Type.DURATION,
    "member": Type.BOOL,
    "path": Type.STRING,
    "seen": Type.TIMESTAMP,
    "sizes": Type.LIST_INT,
    "tags": Type.LIST_STRING,
    "tier": Type.STRING,
    "total": Type.DOUBLE,
    "trait": Type.STRING,
}
MASKED: Final = ("trait", "length")
"""What is there with consent to analytics only."""
ORDERS: Final = ("eq", "ne", "lt", "le", "gt", "ge")
EDGES: Final = (-(2**63), 2**63 - 1, -(2**53) - 1, 2**53 + 1)
ODD: Final = (math.nan, math.inf, -math.inf, -0.0, 5e-324, -5e-324)


class Mix(msgspec.Struct, frozen=True):
    """How bundles are made. `values` is the number of different values; `leaves` are names of `Maker`'s methods."""

    values: int = 40
    segments: int = 12
    leaves: tuple[str, ...] = ("text", "number", "real", "flag", "element", "size", "segment", "there", "one_of", "odd")
    conjuncts: tuple[int, ...] = (1, 2, 3, 4)
    negated: float = 0.2
    disjunctions: float = 0.2
    windows: float = 0.1
    purposes: float = 0.1
    placements: int = 1


class Maker:
    """Draws conditions, rules, bundles and contexts."""

    def __init__(self, mix: Mix, seed: int) -> None:
        self.mix = mix
        self.chance = random.Random(seed)

    def one(self, *choices: str) -> str:
        return self.chance.choice(choices)

    def word(self) -> str:
        return f"w{self.chance.randrange(self.mix.values):04}"

    def integer(self) -> int:
        return self.chance.choice(EDGES) if self.chance.random() < 0.02 else self.chance.randrange(self.mix.values)

    def real_number(self) -> float:
        return (
            self.chance.choice(ODD[1:]) if self.chance.random() < 0.02 else self.chance.randrange(self.mix.values) / 4
        )

    # Leaves

    def text(self) -> Expr:
        attr = Attr(self.one("city", "city", "tier", "trait"), Type.STRING)
        return Call(self.one("eq", "eq", "eq", "ne"), (attr, Const(Type.STRING, self.word())), Type.BOOL)

    def number(self) -> Expr:
        name = self.one("age", "age", "seen", "length")
        kind = ATTRIBUTES[name]
        constant = self.integer() if kind is not Type.TIMESTAMP else self.chance.choice(INSTANTS)
        return Call(self.one(*ORDERS), (Attr(name, kind), Const(kind, constant)), Type.BOOL)

    def real(self) -> Expr:
        total = Attr("total", Type.DOUBLE)
        if self.chance.random() < 0.2:
            return Call(self.one(*ORDERS), (Const(Type.INT, self.chance.randrange(self.mix.values)), total), Type.BOOL)
        return Call(self.one(*ORDERS), (total, Const(Type.DOUBLE, self.real_number())), Type.BOOL)

    def flag(self) -> Expr:
        return Attr("member", Type.BOOL)

    def element(self) -> Expr:
        return Call("in", (Const(Type.STRING, self.word()), Attr("tags", Type.LIST_STRING)), Type.BOOL)

    def size(self) -> Expr:
        return Call("in", (Const(Type.INT, self.integer()), Attr("sizes", Type.LIST_INT)), Type.BOOL)

    def segment(self) -> Expr:
        return InSegment(f"s{self.chance.randrange(self.mix.segments):03}")

    def there(self) -> Expr:
        return Has(self.one(*ATTRIBUTES))

    def one_of(self) -> Expr:
        some = self.chance.randint(1, 5)
        if self.chance.random() < 0.3:
            numbers = tuple(self.integer() for _ in range(some))
            return Call("in", (Attr("age", Type.INT), Const(Type.LIST_INT, numbers)), Type.BOOL)
        texts = tuple(self.word() for _ in range(some))
        return Call("in", (Attr("city", Type.STRING), Const(Type.LIST_STRING, texts)), Type.BOOL)

    def found(self) -> Expr:
        """A text or a pattern in a string."""
        path, part = Attr("path", Type.STRING), Const(Type.STRING, self.word()[: self.chance.randint(1, 5)])
        match self.one("starts_with", "ends_with", "contains", "matches"):
            case "matches":
                return Call("matches", (path, Const(Type.STRING, f"[wx]0*{self.chance.randrange(10)}")), Type.BOOL)
            case op:
                return Call(op, (path, part), Type.BOOL)

    def odd(self) -> Expr:
        """Of a few expressions, which no row can say."""
        path = Attr("path", Type.STRING)
        match self.chance.randrange(4):
            case 0:
                return Call("starts_with", (path, Const(Type.STRING, f"w{self.chance.randrange(4)}")), Type.BOOL)
            case 1:
                return Call("lt", (Attr("city", Type.STRING), path), Type.BOOL)
            case 2:
                quotient = Call("div", (Const(Type.INT, 7), Attr("age", Type.INT)), Type.INT)
                return Call("lt", (quotient, Const(Type.INT, self.chance.randrange(3))), Type.BOOL)
        return Call(
            "intersects", (Attr("tags", Type.LIST_STRING), Const(Type.LIST_STRING, ("w0001", "w0002"))), Type.BOOL
        )

    # Conditions

    def leaf(self) -> Expr:
        made: Expr = getattr(self, self.one(*self.mix.leaves))()
        return Call("not", (made,), Type.BOOL) if self.chance.random() < self.mix.negated else made

    def condition(self, depth: int = 2) -> Expr:
        parts = [
            self.disjunction(depth) if depth and self.chance.random() < self.mix.disjunctions else self.leaf()
            for _ in range(self.chance.choice(self.mix.conjuncts))
        ]
        return parts[0] if len(parts) == 1 else Call("and", tuple(parts), Type.BOOL)

    def disjunction(self, depth: int) -> Expr:
        """Of one kind of leaf or of any, of conjunctions or not, in either of two ways, seldom negated."""
        size = self.chance.choice((2, 2, 3, 5, 9, 12))
        which = self.one(*self.mix.leaves)
        match self.chance.randrange(4):
            case 0:
                made = Call("or", tuple(getattr(self, which)() for _ in range(size)), Type.BOOL)
            case 1:
                made = Call("cond", tuple(self.condition(depth - 1) for _ in range(3)), Type.BOOL)
            case 2:
                made = Call(self.one("eq", "ne"), (self.condition(depth - 1), self.leaf()), Type.BOOL)
            case _:
                made = Call("or", tuple(self.condition(depth - 1) for _ in range(size)), Type.BOOL)
        return Call("not", (made,), Type.BOOL) if self.chance.random() < self.mix.negated else made

    # Bundles

    def rule(self, number: int) -> Rule:
        window = self.chance.random() < self.mix.windows
        return Rule(
            id=f"r{number:05}",
            when=self.condition() if self.chance.random() < 0.998 else None,
            purposes=(self.one(*PURPOSES),) if self.chance.random() < self.mix.purposes else (),
            unit="visitor_id",
            salt=f"r{number}",
            enabled=self.chance.random() < 0.99,
            starts=self.chance.choice((None, *INSTANTS)) if window else None,
            ends=self.chance.choice((None, *INSTANTS)) if window else None,
            percent=50_000 if self.chance.random() < 0.1 else None,
            serve=f"v{number % 3}",
        )

    def bundle(self, rules: int) -> Bundle:
        """A bundle with so many rules in all, each of which has a condition segment of the same condition."""
        drawn = [self.rule(number) for number in range(rules)]
        share = -(-rules // self.mix.placements)
        return bundle_of(drawn[at : at + share] for at in range(0, rules, share))

    # Contexts

    def context(self) -> dict[str, object]:
        """A context; some attributes are left out, and now and then lists are very long."""
        draw = self.chance
        given: dict[str, object] = {}
        missing = draw.choice((0.0, 0.1, 0.5))
        for name, kind in ATTRIBUTES.items():
            if draw.random() >= missing:
                given[name] = self.value(kind)
        agreed = [purpose for purpose in PURPOSES if draw.random() < 0.8]
        if agreed or draw.random() < 0.5:
            given["consent"] = agreed
        if draw.random() < 0.9:
            given["segments"] = [f"s{draw.randrange(self.mix.segments):03}" for _ in range(draw.choice((0, 1, 3, 20)))]
        if draw.random() < 0.9:
            given["visitor_id"] = f"visitor-{draw.randrange(100)}"
        return given

    def value(self, kind: Type) -> object:
        draw = self.chance
        size = draw.choice((0, 1, 2, 3, 5, 30, draw.choice((30, 1_000))))
        match kind:
            case Type.BOOL:
                return draw.random() < 0.5
            case Type.INT:
                return self.integer()
            case Type.DOUBLE:
                number = self.real_number() if draw.random() < 0.95 else draw.choice(ODD)
                return math.nextafter(number, draw.choice((-math.inf, math.inf))) if draw.random() < 0.2 else number
            case Type.TIMESTAMP:
                return instant_text(draw.choice(INSTANTS))
            case Type.DURATION:
                return duration_text(draw.randrange(self.mix.values))
            case Type.LIST_STRING:
                return [self.word() if draw.random() < 0.9 else "other" for _ in range(size)]
            case Type.LIST_INT:
                return [self.integer() for _ in range(size)]
        return self.word() if draw.random() < 0.9 else draw.choice(("", "w", "w00000", "é", "x" * 40))

    def now(self) -> int:
        return self.chance.choice(INSTANTS)


def bundle_of(placements: Iterable[Iterable[Rule]]) -> Bundle:
    """A bundle of some lists of rules, whose conditions are its condition segments as well."""
    listed = [tuple(rules) for rules in placements]
    attributes = [
        Attribute(name, kind, ("analytics",) if name in MASKED else (), Source.CONTEXT)
        for name, kind in ATTRIBUTES.items()
    ]
    asked: tuple[tuple[str, ...], ...] = ((), (), ("personalization",), ("analytics",))
    segments = [Segment(f"s{number:03}", asked[number % 4]) for number in range(1_000)]
    segments += [
        Segment(f"when-{rule.id}", rule.purposes, rule.when)
        for rules in listed
        for rule in rules
        if rule.when is not None
    ]
    variants = (Variant("none"), *(Variant(f"v{number}", b"%d" % number) for number in range(3)))
    made = [Placement(f"p{at:02}", variants, "none", rules) for at, rules in enumerate(listed)]
    return only_used(Bundle("large", "UTC", tuple(attributes), tuple(segments), (), (), tuple(made)))
