"""What a leaf asks of its column is what its predicate says, for every value: told plainly, value by value."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecore._layout import ColumnKind
from rulecore._layout import TestKind as Ask
from rulecore.columns import ABSENT, Asked, Columns, Runs, intersect, numbers, unite
from rulecore.expressions import Conditions
from rulecore.lower import Consent
from rulecore.model import Attr, Call, Const, Expr, Has, InSegment, Segment, Type
from tests.oracle_values import YEAR_1, YEAR_10000

TYPES: Final = (
    Type.BOOL,
    Type.INT,
    Type.DOUBLE,
    Type.STRING,
    Type.TIMESTAMP,
    Type.DURATION,
    Type.LIST_STRING,
    Type.LIST_INT,
)
NAMES: Final = {kind: f"a{slot}" for slot, kind in enumerate(TYPES)}
SEGMENTS: Final = {name: Segment(name, purposes) for name, purposes in (("s0", ()), ("s1", ("p",)), ("s2", ()))}
PLAIN: Final[dict[str, Callable[..., bool]]] = {
    "eq": operator.eq,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
LOW, HIGH = -(2**63), 2**63 - 1
INTS: Final = (LOW, LOW + 1, LOW + 2, -(2**53) - 1, -(2**53), -2, -1, 0, 1, 2, 2**53, 2**53 + 1, HIGH - 1, HIGH)
LEAST: Final = 5e-324
GREATEST: Final = 1.7976931348623157e308
DOUBLES: Final = (
    *(-math.inf, -GREATEST, -1.0, -2 * LEAST, -LEAST, -0.0, 0.0, LEAST, 2 * LEAST, 0.1, 1.0),
    *(math.nextafter(1.0, 2), math.nextafter(1.0, 0), 2.0**53, 2.0**53 + 2, 2.0**63, GREATEST, math.inf),
)
AROUND: Final = tuple(
    sorted({near for value in DOUBLES for near in (value, math.nextafter(value, 9e999), math.nextafter(value, -9e999))})
)
INSTANTS: Final = (-5, 0, 10)


class Leaves:
    """Predicates as the image writer understands them, and their columns."""

    def __init__(self, predicates: Iterable[Expr | Consent], instants: Iterable[int] = ()) -> None:
        slots = {name: slot for slot, name in enumerate(NAMES.values())}
        conditions = Conditions(
            SEGMENTS, slots, {name: at for at, name in enumerate(SEGMENTS)}, lambda _: 1, lambda text: (0, len(text))
        )
        self.at = [conditions.predicate(predicate) for predicate in predicates]
        self.columns = Columns(
            conditions.predicates,
            slots=slots,
            types=TYPES,
            segment_purposes=[len(segment.purposes) for segment in SEGMENTS.values()],
            now_slot=TYPES.index(Type.TIMESTAMP),
            instants=instants,
            patterns=[(scanner, number) for _, scanner, number in conditions.patterns],
        )

    def asked(self, which: int, wanted: bool) -> Asked:
        return self.columns.asked(self.at[which], wanted)

    def one(self, which: int, wanted: bool) -> tuple[ColumnKind, Runs]:
        """The kind of a leaf's column, which has classes, and those that it asks for."""
        asked = self.asked(which, wanted)
        column = self.columns.columns[asked.column]
        assert asked.kind is Ask.T_CLASS
        assert all(0 <= first < behind <= column.class_count for first, behind in asked.runs)
        assert all(behind < first for (_, behind), (first, _) in itertools.pairwise(asked.runs)), "runs that touch"
        return column.kind, asked.runs

    def class_of(self, which: int, value: object) -> int:
        """The class of a value, counted out."""
        column = self.columns.columns[self.asked(which, True).column]
        match column.kind, value:
            case _, None:
                return 0
            case ((ColumnKind.C_BOOL | ColumnKind.C_TRUTH), bool()):
                return 2 if value else 1
            case ColumnKind.C_STRING, str():
                return 2 + column.constants.index(value) if value in column.constants else 1
            case ColumnKind.C_REAL, float() if math.isnan(value):
                return column.class_count - 1
            case _, (int() | float()):
                found = sum(constant <= value for constant in column.constants)  # type: ignore[operator]
                return 1 + found
        raise AssertionError(column.kind)


def comparison(op: str, kind: Type, constant: bool | float | str, const_kind: Type | None = None) -> Call:
    return Call(op, (Attr(NAMES[kind], kind), Const(const_kind or kind, constant)), Type.BOOL)


def holds(runs: Runs, number: int) -> bool:
    return any(first <= number < behind for first, behind in runs)


def check(leaves: Leaves, which: int, values: Iterable[object], truth: Callable[[object], bool]) -> None:
    """Both ways to ask a predicate, for all values and for none."""
    for wanted in (True, False):
        kind, runs = leaves.one(which, wanted)
        assert not holds(runs, 0), "an absent value is neither true nor false"
        for value in values:
            assert holds(runs, leaves.class_of(which, value)) == (truth(value) is wanted), (kind, value, wanted)


@pytest.mark.parametrize("kind", [Type.INT, Type.TIMESTAMP, Type.DURATION])
def test_integers_compare_at_the_borders_of_their_range(kind: Type) -> None:
    constants = INTS if kind is not Type.TIMESTAMP else (YEAR_1, YEAR_1 + 1, -1, 0, 1, YEAR_10000 - 2, YEAR_10000 - 1)
    asked = list(itertools.product(PLAIN, constants))
    leaves = Leaves(comparison(op, kind, constant) for op, constant in asked)
    for which, (op, constant) in enumerate(asked):
        values = {*INTS, *constants}
        check(leaves, which, values, lambda value, op=op, constant=constant: PLAIN[op](value, constant))  # type: ignore[misc]


@pytest.mark.parametrize("constant", INTS)
@pytest.mark.parametrize("op", PLAIN)
def test_an_integer_alone_in_its_column(op: str, constant: int) -> None:
    check(Leaves([comparison(op, Type.INT, constant)]), 0, INTS, lambda value: PLAIN[op](value, constant))


def test_doubles_compare_as_ieee_754_has_it() -> None:
    asked = list(itertools.product(PLAIN, (*AROUND, math.nan)))
    leaves = Leaves(comparison(op, Type.DOUBLE, constant) for op, constant in asked)
    for which, (op, constant) in enumerate(asked):
        values = (*AROUND, math.nan)
        check(leaves, which, values, lambda value, op=op, constant=constant: PLAIN[op](value, constant))  # type: ignore[misc]


@pytest.mark.parametrize("constant", [*DOUBLES, math.nan])
@pytest.mark.parametrize("op", PLAIN)
def test_a_double_alone_in_its_column(op: str, constant: float) -> None:
    values = (*AROUND, math.nan)
    check(Leaves([comparison(op, Type.DOUBLE, constant)]), 0, values, lambda value: PLAIN[op](value, constant))


@given(st.lists(st.tuples(st.sampled_from(sorted(PLAIN)), st.floats()), min_size=1, max_size=8), st.lists(st.floats()))
def test_any_doubles(asked: list[tuple[str, float]], values: list[float]) -> None:
    leaves = Leaves(comparison(op, Type.DOUBLE, constant) for op, constant in asked)
    near = [constant for _, constant in asked]
    near += [math.nextafter(constant, way) for constant in near for way in (math.inf, -math.inf)]
    for which, (op, constant) in enumerate(asked):
        check(leaves, which, near + values, lambda value, op=op, constant=constant: PLAIN[op](value, constant))  # type: ignore[misc]


def test_an_int_with_a_double_and_a_double_with_an_int_compare_exactly() -> None:
    ints = [(op, 2.0**53) for op in PLAIN] + [(op, -0.0) for op in PLAIN]
    doubles = [(op, 2**53) for op in PLAIN] + [(op, 0) for op in PLAIN]
    first = [comparison(op, Type.INT, constant, Type.DOUBLE) for op, constant in ints]
    leaves = Leaves(first + [comparison(op, Type.DOUBLE, constant, Type.INT) for op, constant in doubles])
    for which, (op, constant) in enumerate(ints):
        check(leaves, which, INTS, lambda value, op=op, constant=constant: PLAIN[op](value, int(constant)))  # type: ignore[misc]
    for which, (op, number) in enumerate(doubles, len(ints)):
        check(leaves, which, AROUND, lambda value, op=op, number=number: PLAIN[op](value, number))  # type: ignore[misc]


def test_strings_are_each_constant_or_another() -> None:
    texts = ("", "a", "ab", "b", "\uffff", "😀")
    lists = ((), ("a",), ("a", "a", "b"), ("b", "", "😀"), texts)
    attr = Attr(NAMES[Type.STRING], Type.STRING)
    singles = [comparison("eq", Type.STRING, text) for text in texts]
    leaves = Leaves([*singles, *(Call("in", (attr, Const(Type.LIST_STRING, some)), Type.BOOL) for some in lists)])
    values = (*texts, "c", "a ", "A")
    for which, text in enumerate(texts):
        check(leaves, which, values, lambda value, text=text: value == text)  # type: ignore[misc]
    for which, some in enumerate(lists, len(texts)):
        check(leaves, which, values, lambda value, some=some: value in some)  # type: ignore[misc]


def test_integers_in_a_list_are_each_of_them() -> None:
    lists = ((), (0,), (HIGH,), (LOW,), (3, 1, 2, 1), (LOW, -1, HIGH, HIGH - 1), INTS)
    attr = Attr(NAMES[Type.INT], Type.INT)
    leaves = Leaves(Call("in", (attr, Const(Type.LIST_INT, some)), Type.BOOL) for some in lists)
    for which, some in enumerate(lists):
        check(leaves, which, (*INTS, 3, 4), lambda value, some=some: value in some)  # type: ignore[misc]


def test_a_bool_an_expression_and_consent_are_true_false_or_an_error() -> None:
    city = Attr(NAMES[Type.STRING], Type.STRING)
    expression = Call("lt", (city, Const(Type.STRING, "a")), Type.BOOL)
    leaves = Leaves([Attr(NAMES[Type.BOOL], Type.BOOL), expression, Consent(("p",))])
    for which, kind in enumerate((ColumnKind.C_BOOL, ColumnKind.C_TRUTH, ColumnKind.C_TRUTH)):
        assert leaves.one(which, True) == (kind, ((2, 3),))
        assert leaves.one(which, False) == (kind, ((1, 2),))


@pytest.mark.parametrize("kind", TYPES)
def test_has_is_true_of_every_value_and_false_without_one(kind: Type) -> None:
    leaves = Leaves([Has(NAMES[kind]), *([comparison("lt", kind, 3.5)] if kind is Type.DOUBLE else [])])
    column, runs = leaves.one(0, True)
    if kind in (Type.LIST_STRING, Type.LIST_INT):
        assert (column, runs, leaves.one(0, False)[1]) == (ColumnKind.C_TRUTH, ((2, 3),), ((1, 2),))
        return
    assert leaves.one(0, False) == (column, ABSENT)
    values: dict[Type, tuple[object, ...]] = {Type.BOOL: (True, False), Type.DOUBLE: (-0.0, math.nan, math.inf)}
    for value in values.get(kind, ("", "a") if kind is Type.STRING else INTS):
        assert holds(runs, leaves.class_of(0, value))


def test_elements_are_asked_for_or_not_to_be_there() -> None:
    tags, sizes = Attr(NAMES[Type.LIST_STRING], Type.LIST_STRING), Attr(NAMES[Type.LIST_INT], Type.LIST_INT)
    texts, integers = ("b", "", "a"), (HIGH, LOW, 0)
    leaves = Leaves(
        [
            *(Call("in", (Const(Type.STRING, text), tags), Type.BOOL) for text in texts),
            *(Call("in", (Const(Type.INT, number), sizes), Type.BOOL) for number in integers),
            *(InSegment(name) for name in SEGMENTS),
        ]
    )
    for which, (element, kind) in enumerate(
        [
            *((sorted(texts).index(text), ColumnKind.C_HOLDS_STRING) for text in texts),
            *((sorted(integers).index(number), ColumnKind.C_HOLDS_INTEGER) for number in integers),
            *((ordinal, ColumnKind.C_SEGMENTS) for ordinal in range(3)),
        ]
    ):
        for wanted, test in ((True, Ask.T_ANY), (False, Ask.T_NONE)):
            asked = leaves.asked(which, wanted)
            column = leaves.columns.columns[asked.column]
            assert (column.kind, column.class_count) == (kind, 3)
            assert (asked.kind, asked.runs) == (test, ((element, element + 1),))
    of_segments = [leaves.asked(which, True).column for which in (6, 7, 8)]
    assert of_segments[0] == of_segments[2] != of_segments[1], "a column for each set of purposes"


def test_what_is_found_in_a_string_is_elements_of_one_column() -> None:
    text = Attr(NAMES[Type.STRING], Type.STRING)
    ops = ("starts_with", "contains", "matches", "ends_with")
    leaves = Leaves(Call(op, (text, Const(Type.STRING, "a")), Type.BOOL) for op in ops)
    asked = [leaves.asked(which, True) for which in range(len(ops))]
    (column,) = {one.column for one in asked}
    kind, count = leaves.columns.columns[column].kind, leaves.columns.columns[column].class_count
    assert kind == ColumnKind.C_MATCHES
    assert {number for one in asked for number in numbers(one.runs)} <= set(range(count))
    assert {one.kind for one in asked} == {Ask.T_ANY}
    assert {leaves.asked(which, False).kind for which in range(len(ops))} == {Ask.T_NONE}


@pytest.mark.parametrize("wanted", [True, False])
def test_a_list_that_meets_a_constant_one_has_any_of_its_elements(wanted: bool) -> None:
    tags = Attr(NAMES[Type.LIST_STRING], Type.LIST_STRING)
    some = Const(Type.LIST_STRING, ("d", "a", "b", "b"))
    both = [Call("in", (Const(Type.STRING, "c"), tags), Type.BOOL), Call("intersects", (tags, some), Type.BOOL)]
    asked = Leaves(both).asked(1, wanted)
    assert (asked.kind, asked.runs) == (Ask.T_ANY if wanted else Ask.T_NONE, ((0, 2), (3, 4)))


@pytest.mark.parametrize("starts", [None, *INSTANTS])
@pytest.mark.parametrize("ends", [None, *INSTANTS])
@pytest.mark.parametrize("others", [(), (-6, 0, 3)])
def test_a_window_is_from_its_start_to_before_its_end(
    starts: int | None, ends: int | None, others: tuple[int, ...]
) -> None:
    leaves = Leaves((comparison("ge", Type.TIMESTAMP, number) for number in (*others, 99)), INSTANTS)
    window = leaves.columns.window(starts, ends)
    if starts is None and ends is None:
        assert window is None
        return
    assert window is not None
    for now in (LOW, -6, -5, -4, -1, 0, 1, 9, 10, 11, HIGH):
        within = (starts is None or starts <= now) and (ends is None or now < ends)
        assert holds(window.runs, leaves.class_of(0, now)) == within
    assert holds(window.runs, 0) == (window.runs != ()), "a time that is masked for conditions is none for windows"


def test_a_point_is_the_class_of_one_value_alone() -> None:
    leaves = Leaves(
        [
            *(comparison("eq", Type.INT, number) for number in (LOW, 3, 4, HIGH)),
            *(comparison("eq", Type.STRING, text) for text in "ab"),
            comparison("eq", Type.DOUBLE, 1.0),
            Attr(NAMES[Type.BOOL], Type.BOOL),
        ]
    )
    points = {
        column.kind: [number for number in range(column.class_count) if leaves.columns.is_point(column, number)]
        for column in leaves.columns.columns
    }
    assert points == {
        # absent, below LOW, LOW, up to 2, 3, 4, up to HIGH - 1, HIGH: which has no constant behind it
        ColumnKind.C_INTEGER: [2, 4, 5],
        ColumnKind.C_STRING: [2, 3],
        ColumnKind.C_REAL: [],
        ColumnKind.C_BOOL: [],
    }


RUNS: Final = st.sets(st.integers(0, 12)).map(
    lambda some: tuple(
        (run[0], run[-1] + 1)
        for _, group in itertools.groupby(enumerate(sorted(some)), lambda pair: pair[1] - pair[0])
        for run in [[number for _, number in group]]
    )
)


@given(RUNS, RUNS)
def test_runs_are_united_and_intersected_as_sets_of_numbers(some: Runs, others: Runs) -> None:
    assert set(numbers(unite(some, others))) == set(numbers(some)) | set(numbers(others))
    assert set(numbers(intersect(some, others))) == set(numbers(some)) & set(numbers(others))


def test_what_cannot_hold_asks_for_no_class() -> None:
    leaves = Leaves([comparison("lt", Type.INT, LOW), comparison("gt", Type.INT, HIGH)])
    assert leaves.one(1, True)[1] == ()
    assert [leaves.class_of(0, LOW), leaves.one(0, True)[1]] == [2, ((1, 2),)], "class 1 is below all constants"
