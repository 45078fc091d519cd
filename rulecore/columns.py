"""Columns: what conditions ask of one value, told as classes of it; the index's view of predicates.

A column looks at one attribute (or at the truth of one predicate) and puts a decision into one of finitely many
*classes*, chosen so that every predicate on that attribute has one truth in each. A leaf of a condition is then a set
of classes, written as runs (first, behind) of their numbers. For an attribute with the predicates `x >= 3`, `x == 7`:

    class    0         1        2          3         4
    of x     absent    < 3      3 to 6     7         > 7
    leaf     x >= 3 is true: 2-4     x == 7 is true: 3     x == 7 is false: 1-2, 4     has(x): 1-4

Lists, precomputed segments and patterns are *sets* of elements rather than one class; a leaf then asks for any of
some elements, or for none of them. How conditions are put together from leaves is `rulecore.index`'s; how a value
finds its class, `rulecore._columns`'s.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from rulecore._layout import ColumnKind, Compare, PredicateKind, TestKind
from rulecore.expressions import PredicateFacts
from rulecore.model import Attr, Call, Const, Type

Constant = int | float | str
Runs = tuple[tuple[int, int], ...]
"""Numbers in ascending order as runs: the first, and the one behind the last."""

ABSENT: Final = ((0, 1),)
"""The class of what is absent, masked or an error, in every column that has classes."""

_INT_MAX: Final = (1 << 63) - 1
_FIRST_CONSTANT: Final = 2
"""The class of a string column's first constant, after absent and any other string."""
_BY_TYPE: Final = {
    Type.BOOL: ColumnKind.C_BOOL,
    Type.INT: ColumnKind.C_INTEGER,
    Type.TIMESTAMP: ColumnKind.C_INTEGER,
    Type.DURATION: ColumnKind.C_INTEGER,
    Type.DOUBLE: ColumnKind.C_REAL,
    Type.STRING: ColumnKind.C_STRING,
}
ELEMENTS: Final = frozenset(
    (ColumnKind.C_HOLDS_STRING, ColumnKind.C_HOLDS_INTEGER, ColumnKind.C_SEGMENTS, ColumnKind.C_MATCHES)
)
"""The kinds that have elements rather than classes."""


class Column(msgspec.Struct):
    """One column. `subject` is a slot, a predicate or the mask of a segment's purposes, by `kind`;
    `constants` are sorted: what a string equals, where a number's classes begin, a list's elements.
    """

    kind: ColumnKind
    subject: int
    constants: list[Constant]
    class_count: int = 0
    """Classes, or elements."""
    scanner: int = 0
    """Of patterns."""


class Asked(msgspec.Struct, frozen=True):
    """What a leaf asks of a column: to be in a class of `runs`, or to have any, or none, of these elements."""

    column: int
    kind: TestKind
    runs: Runs


class Columns:
    """The columns of a bundle, from its predicates.

    `slots` are the attributes' by name and `types` theirs by slot, `segment_purposes` the precomputed segments' masks
    by ordinal, `instants` what rules' windows compare the slot `now_slot` with, `patterns` the scanner of each pattern
    and its number there.
    """

    def __init__(
        self,
        predicates: Sequence[PredicateFacts],
        *,
        slots: Mapping[str, int],
        types: Sequence[Type],
        segment_purposes: Sequence[int],
        now_slot: int,
        instants: Iterable[int],
        patterns: Sequence[tuple[int, int]],
    ) -> None:
        self.predicates = predicates
        self.slots = slots
        self.types = types
        self.segment_purposes = segment_purposes
        self.now_slot = now_slot
        self.patterns = patterns
        self.columns: list[Column] = []
        self._of: dict[tuple[ColumnKind, int], int] = {}
        found: dict[int, set[Constant]] = {}
        for number, facts in enumerate(predicates):
            column = self._column(number, facts)
            found.setdefault(column, set()).update(_constants(facts))
        moments = set(instants)
        if moments:
            found.setdefault(self._number(ColumnKind.C_INTEGER, now_slot), set()).update(moments)
        for at, constants in found.items():
            self.columns[at].constants = sorted(constants)
            self.columns[at].class_count = self._class_count(self.columns[at])

    def asked(self, predicate: int, wanted: bool) -> Asked:
        """What it takes for a predicate to definitely have the wanted value."""
        facts = self.predicates[predicate]
        at = self._column(predicate, facts)
        column = self.columns[at]
        if column.kind in ELEMENTS:
            elements = _unite(_point(element) for element in self._elements(column, facts))
            return Asked(at, TestKind.T_ANY if wanted else TestKind.T_NONE, elements)
        if facts.kind == PredicateKind.P_HAS and column.kind != ColumnKind.C_TRUTH:
            return Asked(at, TestKind.T_CLASS, ((1, column.class_count),) if wanted else ABSENT)
        true = self._true(column, facts)
        return Asked(at, TestKind.T_CLASS, true if wanted else _minus(column.class_count, true))

    def window(self, starts: int | None, ends: int | None) -> Asked | None:
        """What it takes for now to be in a rule's window; None without one.

        A window also admits what conditions may not know: the time of a decision is known even where it is masked.
        """
        if starts is None and ends is None:
            return None
        at = self._of[ColumnKind.C_INTEGER, self.now_slot]
        column = self.columns[at]
        first = 1 if starts is None else _from(column, starts)
        behind = column.class_count if ends is None else _from(column, ends)
        return Asked(at, TestKind.T_CLASS, unite(ABSENT, _run(first, behind)) if first < behind else ())

    def is_point(self, column: Column, number: int) -> bool:
        """Whether a class is that of one value alone, not of all others or of a range."""
        constants = column.constants
        if column.kind == ColumnKind.C_STRING:
            return number >= _FIRST_CONSTANT
        if column.kind == ColumnKind.C_INTEGER:
            if not 2 <= number <= len(constants):
                return False
            return constants[number - 1] == constants[number - 2] + 1  # type: ignore[operator]  # ints, in this column
        return column.kind in ELEMENTS

    def _number(self, kind: ColumnKind, subject: int) -> int:
        key = (kind, subject)
        if key not in self._of:
            self._of[key] = len(self.columns)
            self.columns.append(Column(kind, subject, []))
        return self._of[key]

    def _column(self, number: int, facts: PredicateFacts) -> int:
        """The number of the column that a predicate looks at."""
        kind, subject = facts.kind, facts.subject
        if kind in (PredicateKind.P_CONSENT, PredicateKind.P_EXPRESSION):
            listed = _listed(facts)
            if listed is None:
                return self._number(ColumnKind.C_TRUTH, number)
            strings = listed[0].type is Type.LIST_STRING
            return self._number(
                ColumnKind.C_HOLDS_STRING if strings else ColumnKind.C_HOLDS_INTEGER, self.slots[listed[0].name]
            )
        if kind == PredicateKind.P_SEGMENT:
            return self._number(ColumnKind.C_SEGMENTS, self.segment_purposes[subject])
        if kind == PredicateKind.P_MATCHES:
            at = self._number(ColumnKind.C_MATCHES, subject)
            self.columns[at].scanner = self._pattern(facts)[0]
            return at
        if kind == PredicateKind.P_HOLDS_STRING:
            return self._number(ColumnKind.C_HOLDS_STRING, subject)
        if kind == PredicateKind.P_HOLDS_INTEGER:
            return self._number(ColumnKind.C_HOLDS_INTEGER, subject)
        by_type = _BY_TYPE.get(self.types[subject])
        return self._number(ColumnKind.C_TRUTH, number) if by_type is None else self._number(by_type, subject)

    def _class_count(self, column: Column) -> int:
        count = len(column.constants)
        match column.kind:
            case ColumnKind.C_BOOL | ColumnKind.C_TRUTH:
                return 3
            case ColumnKind.C_INTEGER | ColumnKind.C_STRING:
                return count + 2
            case ColumnKind.C_REAL:
                return count + 3
            case ColumnKind.C_SEGMENTS:
                return len(self.segment_purposes)
            case ColumnKind.C_MATCHES:
                return sum(scanner == column.scanner for scanner, _ in self.patterns)
            case _:
                return count

    def _elements(self, column: Column, facts: PredicateFacts) -> Iterable[int]:
        """The elements of which a predicate is true if there is any."""
        if column.kind == ColumnKind.C_SEGMENTS:
            return (facts.subject,)
        if column.kind == ColumnKind.C_MATCHES:
            return (self._pattern(facts)[1],)
        return (bisect_left(column.constants, constant) for constant in _constants(facts))

    def _pattern(self, facts: PredicateFacts) -> tuple[int, int]:
        """The scanner of the pattern that a predicate asks for, and the pattern's number there."""
        return self.patterns[facts.operand]  # type: ignore[index]  # an index, of this kind of predicate

    def _true(self, column: Column, facts: PredicateFacts) -> Runs:
        """The classes in which a predicate is true."""
        match facts.kind, facts.operand:
            case PredicateKind.P_STRING, str(text):
                return _equal(column, text)
            case PredicateKind.P_STRING_IN, tuple(texts):
                return _unite(_equal(column, text) for text in texts)
            case PredicateKind.P_INTEGER_IN, tuple(integers):
                return _unite(_ordered(column, Compare.EQ, int(number)) for number in integers)
            case PredicateKind.P_INTEGER | PredicateKind.P_REAL, (int() | float()) as number:
                return _ordered(column, facts.compare, number)
            case _:
                return _point(2)


def _equal(column: Column, text: Constant) -> Runs:
    return _point(_FIRST_CONSTANT + bisect_left(column.constants, text))


def unite(some: Runs, others: Runs) -> Runs:
    """The numbers in either."""
    return _unite((some, others))


def intersect(some: Runs, others: Runs) -> Runs:
    """The numbers in both."""
    both = [(max(a, c), min(b, d)) for a, b in some for c, d in others]
    return tuple(sorted(run for run in both if run[0] < run[1]))


def numbers(runs: Runs) -> Iterable[int]:
    """Each number."""
    return (number for first, behind in runs for number in range(first, behind))


def _unite(parts: Iterable[Runs]) -> Runs:
    united: list[tuple[int, int]] = []
    for first, behind in sorted(run for part in parts for run in part):
        if united and first <= united[-1][1]:
            united[-1] = (united[-1][0], max(behind, united[-1][1]))
        else:
            united.append((first, behind))
    return tuple(united)


def _minus(class_count: int, runs: Runs) -> Runs:
    """The other classes of a present value."""
    others, at = [], 1
    for first, behind in runs:
        if at < first:
            others.append((at, first))
        at = behind
    return (*others, (at, class_count)) if at < class_count else tuple(others)


def _run(first: int, behind: int) -> Runs:
    return ((first, behind),) if first < behind else ()


def _point(number: int) -> Runs:
    return ((number, number + 1),)


def _listed(facts: PredicateFacts) -> tuple[Attr, Sequence[Constant]] | None:
    """The attribute and the constants of `sets.intersects(attribute, [constants])`, which asks for any of them."""
    match facts.source:
        case Call(op="intersects", args=(Attr() as attr, Const(value=tuple(values)))) if values:
            return attr, values
        case Call(op="intersects", args=(Const(value=tuple(values)), Attr() as attr)) if values:
            return attr, values
        case _:
            return None


# Numbers: a constant is where a class begins, so `x > 3` is `x >= 4`, or for doubles the next one up


def _constants(facts: PredicateFacts) -> Iterable[Constant]:
    match facts.kind, facts.operand:
        case PredicateKind.P_INTEGER | PredicateKind.P_REAL, (int() | float()) as number:
            return _cuts(facts.kind, facts.compare, number)
        case PredicateKind.P_INTEGER_IN, tuple(integers):
            return [cut for number in integers for cut in _cuts(facts.kind, Compare.EQ, int(number))]
        case PredicateKind.P_STRING_IN, tuple(texts):
            return texts
        case PredicateKind.P_EXPRESSION, _:
            listed = _listed(facts)
            return () if listed is None else listed[1]
        case PredicateKind.P_STRING | PredicateKind.P_HOLDS_STRING | PredicateKind.P_HOLDS_INTEGER, constant:
            return (constant,) if isinstance(constant, int | str) else ()
        case _:
            return ()


def _cuts(kind: PredicateKind, compare: int, number: float) -> list[int | float]:
    """Where the classes that a comparison tells apart begin."""
    if number != number:  # noqa: PLR0124 - NaN is compared with nothing
        return []
    above = _above(kind == PredicateKind.P_REAL, number)
    cuts: list[int | float] = []
    if compare not in (Compare.GT, Compare.LE):
        cuts.append(number + 0.0 if kind == PredicateKind.P_REAL else number)
    if compare not in (Compare.GE, Compare.LT) and above is not None:
        cuts.append(above)
    return cuts


def _above(real: bool, number: float) -> int | float | None:
    """The next number up, if there is one. `+ 0.0` makes a negative zero the equal positive one."""
    if real:
        return None if number == math.inf else math.nextafter(number, math.inf) + 0.0
    return None if number == _INT_MAX else int(number) + 1


def _from(column: Column, number: float | None) -> int:
    """The first class of the numbers that are at least this one, which is one of the column's constants."""
    reals = 1 if column.kind == ColumnKind.C_REAL else 0
    if number is None:
        return column.class_count - reals
    return _FIRST_CONSTANT + bisect_left(column.constants, number)


def _ordered(column: Column, compare: int, number: float) -> Runs:
    """The classes of the numbers that compare so with this one; a NaN never does."""
    if number != number:  # noqa: PLR0124 - NaN compares with nothing
        return ()
    behind = _from(column, None)
    above = _above(column.kind == ColumnKind.C_REAL, number)
    match compare:
        case Compare.EQ:
            return _run(_from(column, number), _from(column, above))
        case Compare.GE:
            return _run(_from(column, number), behind)
        case Compare.GT:
            return _run(_from(column, above), behind)
        case Compare.LT:
            return _run(1, _from(column, number))
        case _:
            return _run(1, _from(column, above))
