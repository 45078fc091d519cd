"""Well-typed conditions over every operator of `rulecore.model.OPERATORS`, of bounded depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from rulecore.model import Attr, Attribute, Call, Const, Expr, Has, InSegment, Quantifier, Type, Var
from tests.strategies_values import DRAWN, NETWORKS, PATTERNS, UNKNOWN_ZONES, ZONES

ORDERS: Final = ("lt", "le", "gt", "ge")
ORDERED: Final = (Type.INT, Type.DOUBLE, Type.STRING, Type.TIMESTAMP, Type.DURATION)
CIVIL: Final = (
    *("get_hours", "get_day_of_week", "get_minutes", "get_seconds", "get_milliseconds", "get_full_year", "get_month"),
    *("get_date", "get_day_of_month", "get_day_of_year"),
)
WHOLE: Final = ("get_hours", "get_minutes", "get_seconds", "get_milliseconds")
ELEMENT: Final = {Type.LIST_STRING: Type.STRING, Type.LIST_INT: Type.INT}
Way = Callable[[int, tuple[Var, ...]], Expr]

LOOP_NAMES: Final = ("item", "other")
EXTENSIONS: Final = frozenset({"sets", "semver", "ip"})
"""What CEL does not have, by the name of the method below that makes it."""


class Conditions:
    """Draws expressions over some attributes and segments. `without` leaves out ways by the name of their method."""

    def __init__(
        self, draw: DrawFn, attributes: list[Attribute], segments: list[str], without: frozenset[str] = frozenset()
    ) -> None:
        self.draw = draw
        self.attributes = attributes
        self.segments = segments
        self.without = without

    def one_of(self, ways: Sequence[Way], depth: int, loops: tuple[Var, ...]) -> Expr:
        """An expression made in one of some ways."""
        allowed = [way for way in ways if way.__name__ not in self.without]
        return self.draw(st.sampled_from(allowed))(depth, loops)

    def pick(self, *choices: str) -> str:
        """One of some words."""
        return self.draw(st.sampled_from(choices))

    # Conditions

    def condition(self, depth: int, loops: tuple[Var, ...] = ()) -> Expr:
        """A bool expression at most so deep."""
        if depth <= 0:
            return self.one_of([self.flag, self.has, *([self.segment] if self.segments else [])], depth, loops)
        tests: list[Way] = [self.equality, self.order, self.membership, self.text_test, self.mixed, self.sets, self.ip]
        joins: list[Way] = [self.junction, self.negation, self.choice, self.same_truth]
        few: list[Way] = [self.flag, self.has, *([self.segment] if self.segments else [])]
        loop: list[Way] = [self.quantifier] if len(loops) < len(LOOP_NAMES) else []
        return self.one_of(few + tests + tests + joins + joins + loop, depth - 1, loops)

    def flag(self, _depth: int, loops: tuple[Var, ...]) -> Expr:
        """A bool attribute, seldom a constant."""
        return self.atom(Type.BOOL, loops)

    def has(self, _depth: int, _loops: tuple[Var, ...]) -> Expr:
        """Whether some attribute is there."""
        return Has(self.draw(st.sampled_from(self.attributes)).name)

    def segment(self, _depth: int, _loops: tuple[Var, ...]) -> Expr:
        """Membership of a segment."""
        return InSegment(self.draw(st.sampled_from(self.segments)))

    def junction(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """An and or an or of two to four."""
        size = self.draw(st.sampled_from((2, 2, 2, 3, 4)))
        return Call(self.pick("and", "or"), tuple(self.condition(depth, loops) for _ in range(size)), Type.BOOL)

    def negation(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """A not."""
        return Call("not", (self.condition(depth, loops),), Type.BOOL)

    def choice(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """A condition that chooses between two."""
        return Call("cond", tuple(self.condition(depth - 1, loops) for _ in range(3)), Type.BOOL)

    def same_truth(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """Two conditions compared."""
        args = (self.condition(depth - 1, loops), self.condition(depth - 1, loops))
        return Call(self.pick("eq", "ne"), args, Type.BOOL)

    def equality(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """Two of one type, equal or not."""
        kind = self.draw(st.sampled_from(ORDERED))
        return Call(self.pick("eq", "ne"), (self.of(kind, depth, loops), self.of(kind, depth, loops)), Type.BOOL)

    def order(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """Two of one type in order."""
        kind = self.draw(st.sampled_from(ORDERED))
        return Call(self.pick(*ORDERS), (self.of(kind, depth, loops), self.of(kind, depth, loops)), Type.BOOL)

    def mixed(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """An int compared with a double, either way round, or a version with a version."""
        if "semver" not in self.without and self.draw(st.booleans()):
            versions = tuple(Call("semver", (self.of(Type.STRING, depth, loops),), Type.SEMVER) for _ in range(2))
            return Call(self.pick("eq", "ne", *ORDERS), versions, Type.BOOL)
        kinds = self.draw(st.sampled_from(((Type.INT, Type.DOUBLE), (Type.DOUBLE, Type.INT))))
        return Call(self.pick("eq", "ne", *ORDERS), tuple(self.of(kind, depth, loops) for kind in kinds), Type.BOOL)

    def membership(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """Something in a list."""
        kind, element = self.draw(st.sampled_from(tuple(ELEMENT.items())))
        return Call("in", (self.of(element, depth, loops), self.of(kind, depth, loops)), Type.BOOL)

    def text_test(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """What is asked of a text."""
        op = self.pick("starts_with", "ends_with", "contains", "matches")
        text = self.of(Type.STRING, depth, loops)
        if op == "matches":
            return Call(op, (text, Const(Type.STRING, self.pick(*PATTERNS))), Type.BOOL)
        return Call(op, (text, self.of(Type.STRING, depth, loops)), Type.BOOL)

    def sets(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """Two lists as sets."""
        kind = self.draw(st.sampled_from((Type.LIST_STRING, Type.LIST_INT)))
        args = (self.of(kind, depth, loops), self.of(kind, depth, loops))
        return Call(self.pick("intersects", "contains_all"), args, Type.BOOL)

    def ip(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """An address in a network."""
        network = Const(Type.STRING, self.pick(*NETWORKS))
        return Call("contains_ip", (network, self.of(Type.STRING, depth, loops)), Type.BOOL)

    def quantifier(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """A condition on some or all elements of a list."""
        kind, element = self.draw(st.sampled_from(tuple(ELEMENT.items())))
        var = Var(LOOP_NAMES[len(loops)], len(loops), element)
        items = self.of(kind, depth, loops)
        return Quantifier(self.pick("exists", "all"), items, var, self.condition(depth, (*loops, var)))

    # Other types

    def of(self, kind: Type, depth: int, loops: tuple[Var, ...]) -> Expr:
        """An expression of some type."""
        ways: Sequence[Way] = {
            Type.INT: [self.size, self.part_of_time, self.part_of_duration, self.int_arithmetic],
            Type.DOUBLE: [self.double_arithmetic],
            Type.STRING: [self.lowered],
            Type.TIMESTAMP: [self.moved],
            Type.DURATION: [self.elapsed, self.summed],
        }.get(kind, [])
        if depth <= 0 or not ways or self.draw(st.integers(0, 2)):
            return self.atom(kind, loops)
        return self.one_of(ways, depth - 1, loops)

    def atom(self, kind: Type, loops: tuple[Var, ...]) -> Expr:
        """An attribute or loop variable, or a constant."""
        named: list[Expr] = [Attr(known.name, kind) for known in self.attributes if known.type == kind]
        named += [var for var in loops if var.type == kind]
        if named and self.draw(st.integers(0, 9)) < 7:
            return self.draw(st.sampled_from(named))
        return self.constant(kind)

    def constant(self, kind: Type) -> Const:
        """A constant; a list is not empty."""
        value = self.draw(DRAWN[kind].filter(lambda value: value != ()))
        assert isinstance(value, bool | int | float | str | tuple)
        return Const(kind, value)

    def zone(self, loops: tuple[Var, ...]) -> Expr:
        """A time zone: a constant as a rule, or any text."""
        if self.draw(st.integers(0, 4)):
            return Const(Type.STRING, self.pick(*ZONES, *ZONES, *UNKNOWN_ZONES))
        return self.atom(Type.STRING, loops)

    def size(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """How long a text or list is."""
        kind = self.draw(st.sampled_from((Type.STRING, Type.LIST_STRING, Type.LIST_INT)))
        return Call("size", (self.of(kind, depth, loops),), Type.INT)

    def part_of_time(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """A part of a local time."""
        return Call(self.pick(*CIVIL), (self.of(Type.TIMESTAMP, depth, loops), self.zone(loops)), Type.INT)

    def part_of_duration(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """A part of a duration."""
        return Call(self.pick(*WHOLE), (self.of(Type.DURATION, depth, loops),), Type.INT)

    def int_arithmetic(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """Arithmetic on ints."""
        op = self.pick("add", "sub", "mul", "div", "mod", "neg")
        return Call(op, tuple(self.of(Type.INT, depth, loops) for _ in range(1 if op == "neg" else 2)), Type.INT)

    def double_arithmetic(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """Arithmetic on doubles."""
        op = self.pick("add", "sub", "mul", "div", "neg")
        return Call(op, tuple(self.of(Type.DOUBLE, depth, loops) for _ in range(1 if op == "neg" else 2)), Type.DOUBLE)

    def lowered(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """A text in lower case."""
        return Call("lower_ascii", (self.of(Type.STRING, depth, loops),), Type.STRING)

    def moved(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """An instant moved by a duration."""
        at, by = self.of(Type.TIMESTAMP, depth, loops), self.of(Type.DURATION, depth, loops)
        op, args = self.draw(st.sampled_from((("add", (at, by)), ("add", (by, at)), ("sub", (at, by)))))
        return Call(op, args, Type.TIMESTAMP)

    def elapsed(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """From one instant to another."""
        args = (self.of(Type.TIMESTAMP, depth, loops), self.of(Type.TIMESTAMP, depth, loops))
        return Call("sub", args, Type.DURATION)

    def summed(self, depth: int, loops: tuple[Var, ...]) -> Expr:
        """Two durations together or apart."""
        args = (self.of(Type.DURATION, depth, loops), self.of(Type.DURATION, depth, loops))
        return Call(self.pick("add", "sub"), args, Type.DURATION)
