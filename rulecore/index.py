"""The index's writer: from rules' conditions to clusters, tests and rows. What they are for is told in `_index`.

Every rule becomes one or more entries, see `rulecore.conjunctions`, each with a *residual*: a formula that is left to
check where rows can't say everything. All choices are made here, from what the bundle itself shows: which test of an
entry is the most selective and names its clusters, which columns are worth rows, and how fine these are.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from rulecore import layout
from rulecore._layout import ColumnKind, Section, TestKind
from rulecore._rows import dictionary_table, entry_rows
from rulecore.columns import ELEMENTS, Columns, numbers
from rulecore.conjunctions import ANY, ANY_TOO, CLASS, NONE_OF, Conjunction, Conjunctions, IndexedRule
from rulecore.errors import LimitError
from rulecore.expressions import FormulaFacts
from rulecore.limits import LIMITS

CLUSTERED_MIN: Final = 256
"""Fewer entries are simply all looked at: that takes a few words."""

CLUSTERS_A_TEST_MAX: Final = 8
"""An entry is repeated in the cluster of each value that its most selective test allows, at most so many."""

SELECTIVE: Final = 1 / 8
"""The share of values that a test may allow at most to name clusters."""

ELEMENTS_EXPECTED: Final = 4
"""How many elements of a column are taken to be there at once."""

ROWS_A_TEST_MAX: Final = 256
ROWS_MAX: Final = 8_192
"""Rows of one test, and of all tests of an index; where more classes matter, neighbours share a row."""

SMALL_CLUSTER: Final = 4
TESTS_OF_SMALL_MAX: Final = 32
"""Tests that are worth rows where clusters have few entries: to check those costs less than a row of every column."""

_RARE: Final = 256
"""A test that fewer than one in so many entries make is left to the residual: it would cost all others a row."""

_RARE_SLOW: Final = 16
"""The same where the value is not simply read."""

_SLOW: Final = frozenset((ColumnKind.C_TRUTH, ColumnKind.C_MATCHES))
_KINDS: Final = {CLASS: TestKind.T_CLASS, ANY: TestKind.T_ANY, ANY_TOO: TestKind.T_ANY, NONE_OF: TestKind.T_NONE}


class Indexes:
    """The indexes of one bundle, one for each list of rules that is tried, and the records that they share."""

    def __init__(self, columns: Columns, formulas: Sequence[FormulaFacts]) -> None:
        self.columns = columns
        self.conjunctions = Conjunctions(columns, formulas)
        self.sets = self.conjunctions.sets
        self.maps: array[int] = array("I")
        self.rows = bytearray()
        self.indexes: list[bytes] = []
        self.tests: list[bytes] = []
        self.anchors: list[bytes] = []
        self.entries: list[bytes] = []
        self._selective: dict[int, float] = {}
        self._used: dict[int, int] = {}

    def add(self, rules: Iterable[IndexedRule]) -> None:
        """One more index: of a placement's rules in order, or of all condition segments."""
        entries = [entry for rule in rules for entry in self.conjunctions.of(rule)]
        clusters: dict[tuple[int, int], list[Conjunction]] = {}
        dense: list[Conjunction] = []
        if len(entries) > CLUSTERED_MIN:
            for entry in entries:
                self._place(entry, clusters, dense)
        else:
            dense = entries
        first_anchor = len(self.anchors)
        ordered: list[Conjunction] = []
        self._write_anchors(clusters, ordered)
        dense_first = len(ordered)
        ordered += dense
        first_test = len(self.tests)
        inexact = self._write_tests(ordered, small_clusters=len(ordered) <= SMALL_CLUSTER * len(clusters))
        first_entry = len(self.entries)
        for at, entry in enumerate(ordered):
            missing = inexact.get(at, ())
            residual = self.conjunctions.residual(entry, missing) if missing or entry.rest else layout.NONE
            self.entries.append(layout.ENTRY.pack(entry.rule.number, residual))
        self.indexes.append(
            layout.INDEX.pack(
                first_entry,
                len(ordered),
                dense_first,
                first_test,
                len(self.tests) - first_test,
                first_anchor,
                len(self.anchors) - first_anchor,
                0,
            )
        )

    def sections(self, text: Callable[[str], tuple[int, int]], segments: Sequence[str]) -> dict[Section, list[bytes]]:
        """All records. `text` stores a string in the pool; `segments` are the precomputed segments' names.

        Raises LimitError where a decision would need more room than a reader gives it.
        """
        used = [self.columns.columns[at] for at in self._used]
        if sum(column.class_count for column in used if column.kind in ELEMENTS) > LIMITS.elements_max:
            raise LimitError(
                f"conditions ask for more than {LIMITS.elements_max:,} elements of lists, segments and patterns"
            )
        dictionaries = _Dictionaries(text)
        dictionaries.add(segments)
        cuts = bytearray()
        columns = []
        for column in used:
            first = 0
            match column.kind:
                case ColumnKind.C_STRING | ColumnKind.C_HOLDS_STRING:
                    first = dictionaries.add([str(constant) for constant in column.constants])
                case ColumnKind.C_INTEGER | ColumnKind.C_HOLDS_INTEGER | ColumnKind.C_REAL:
                    first = len(cuts) // 8
                    pack = layout.REAL.pack if column.kind == ColumnKind.C_REAL else layout.INTEGER.pack
                    cuts += b"".join(map(pack, column.constants))
                case ColumnKind.C_MATCHES:
                    first = column.scanner
            columns.append(
                layout.COLUMN.pack(column.kind, first, len(column.constants), column.class_count, column.subject)
            )
        return {
            Section.COLUMNS: columns,
            Section.CUTS: [bytes(cuts)],
            Section.DICTIONARIES: dictionaries.records,
            Section.CONSTANTS: dictionaries.constants,
            Section.BUCKETS: dictionaries.tables,
            Section.INDEXES: self.indexes,
            Section.ANCHORS: self.anchors,
            Section.TESTS: self.tests,
            Section.MAPS: [self.maps.tobytes()],
            Section.ENTRIES: self.entries,
            Section.ROWS: [bytes(self.rows)],
        }

    # Clusters

    def _place(
        self, entry: Conjunction, clusters: dict[tuple[int, int], list[Conjunction]], dense: list[Conjunction]
    ) -> None:
        """Puts an entry into the clusters that its most selective test names, or with those that have none."""
        best, least = 0, 1.0
        for key, number in entry.sets.items():
            share = self._selective.get(number)
            if share is None:
                share = self._selective[number] = self._share(number)
            if share < least:
                best, least = key, share
        if least > SELECTIVE:
            dense.append(entry)
            return
        runs = self.sets[entry.sets.pop(best)][1]
        for number in numbers(runs):
            clusters.setdefault((best // 4, number), []).append(entry)

    def _share(self, number: int) -> float:
        """The share of decisions that a set is expected to let through, or 1 where it can't name clusters."""
        key, runs = self.sets[number]
        column = self.columns.columns[key // 4]
        count = sum(behind - first for first, behind in runs)
        if key % 4 == NONE_OF or count > CLUSTERS_A_TEST_MAX:
            return 1.0
        if not all(self.columns.is_point(column, each) for each in numbers(runs)):
            return 1.0
        expected = ELEMENTS_EXPECTED if column.kind in ELEMENTS else 1
        return min(1.0, expected * count / max(column.class_count, 1))

    def _write_anchors(self, clusters: dict[tuple[int, int], list[Conjunction]], ordered: list[Conjunction]) -> None:
        by_column: dict[int, list[tuple[int, list[Conjunction]]]] = {}
        for (column, number), entries in clusters.items():
            by_column.setdefault(column, []).append((number, entries))
        for column in sorted(by_column):
            atoms, begins = [(0, 0)], []
            for cluster, (number, entries) in enumerate(sorted(by_column[column]), 1):
                if atoms[-1][0] == number:
                    atoms.pop()
                atoms += [(number, cluster), (number + 1, 0)]
                begins.append(len(ordered))
                ordered += entries
            first_map, runs = self._write_map(atoms, self.columns.columns[column].class_count)
            first_begin = len(self.maps)
            self.maps.extend([*begins, len(ordered)])
            self.anchors.append(layout.ANCHOR.pack(self._use(column), first_map, runs, first_begin, len(begins), 0))

    # Tests and their rows

    def _write_tests(self, ordered: list[Conjunction], *, small_clusters: bool) -> dict[int, list[int]]:
        """Writes the tests that are worth rows; gives the keys that are left, or not told exactly, by position."""
        inexact: dict[int, list[int]] = {}
        positions: dict[int, array[int]] = {}
        for position, entry in enumerate(ordered):
            for number in entry.sets.values():
                found = positions.get(number)
                if found is None:
                    found = positions[number] = array("I")
                found.append(position)
        asking: dict[int, dict[int, array[int]]] = {}
        for number, found in positions.items():
            asking.setdefault(self.sets[number][0], {})[number] = found
        worth = self._worth(asking, len(ordered), TESTS_OF_SMALL_MAX if small_clusters else len(asking))
        kept = {key for _, key in worth}
        for key, by_set in asking.items():
            if key not in kept:
                _mark(inexact, key, by_set.values())
        rows_max = max(min(ROWS_A_TEST_MAX, ROWS_MAX // max(len(worth), 1)), 4)
        written = []
        for slow, key in worth:
            atoms, rows = self._rows(key, asking[key], len(ordered), rows_max, inexact)
            written.append((slow, self._let_through(key, atoms, rows), key, atoms, rows))
        for _, _, key, atoms, rows in sorted(written, key=lambda test: test[:3]):
            column = key // 4
            first_map, runs = self._write_map(atoms, self.columns.columns[column].class_count)
            self.tests.append(
                layout.TEST.pack(_KINDS[key % 4], self._use(column), first_map, runs, len(self.rows) // 8, len(rows))
            )
            self.rows += b"".join(rows)
        return inexact

    def _worth(self, asking: dict[int, dict[int, array[int]]], entries: int, most: int) -> list[tuple[bool, int]]:
        """The tests that enough entries make, at most so many of them: whether each is slow, and its key."""
        worth = []
        for key, by_set in asking.items():
            count = sum(map(len, by_set.values()))
            slow = self.columns.columns[key // 4].kind in _SLOW
            if count * (_RARE_SLOW if slow else _RARE) >= entries and (count > 1 or not slow):
                worth.append((-count, slow, key))
        return sorted((slow, key) for _, slow, key in sorted(worth)[:most])

    def _rows(
        self, key: int, by_set: dict[int, array[int]], entries: int, rows_max: int, inexact: dict[int, list[int]]
    ) -> tuple[list[tuple[int, int]], list[bytes]]:
        """Where classes begin to have another row, and which; and the rows.

        Where there are more sets of classes than rows, neighbours share one that lets through what either would;
        then an entry that the row does not tell exactly keeps the test in its residual.
        """
        edges = sorted({0, *(edge for number in by_set for run in self.sets[number][1] for edge in run)})
        if len(edges) > rows_max:
            if key % 4 == NONE_OF:
                edges = edges[:rows_max]
            else:
                edges = [edge for at, edge in enumerate(edges) if at * rows_max % len(edges) < rows_max]
        kept = set(edges)
        sets = []
        for number, positions in by_set.items():
            runs = self.sets[number][1]
            if any(edge not in kept for run in runs for edge in run):
                _mark(inexact, key, [positions])
                if key % 4 == NONE_OF:
                    continue
            sets.append((runs, positions))
        found, rows = entry_rows(_KINDS[key % 4], sets, array("I", edges), entries)
        return list(zip(edges, found, strict=True)), rows

    def _let_through(self, key: int, atoms: list[tuple[int, int]], rows: list[bytes]) -> float:
        """How many entries a test is expected to leave alive: those that rule out the most come first.

        A string is mostly none of those that rules name, and a list holds few of the elements that they ask for.
        """
        likely = rows
        if self.columns.columns[key // 4].kind == ColumnKind.C_STRING:
            likely = [rows[number] for begin, number in atoms if begin <= 1][-1:]
        elif key % 4 != CLASS:
            likely = rows[:1]
        return sum(int.from_bytes(row, "little").bit_count() for row in likely) / len(likely)

    def _write_map(self, atoms: list[tuple[int, int]], class_count: int) -> tuple[int, int]:
        """A map from classes to numbers: one a class, or where that would be long, runs (0: none) to search."""
        first = len(self.maps)
        if class_count <= 4 * len(atoms) + 16:
            for at, (begin, number) in enumerate(atoms):
                behind = atoms[at + 1][0] if at + 1 < len(atoms) else class_count
                self.maps.extend([number] * (min(behind, class_count) - begin))
            return first, 0
        self.maps.extend(begin for begin, _ in atoms)
        self.maps.extend(number for _, number in atoms)
        return first, len(atoms)

    def _use(self, column: int) -> int:
        return self._used.setdefault(column, len(self._used))


class _Dictionaries:
    """Strings and their numbers, as hash tables."""

    def __init__(self, text: Callable[[str], tuple[int, int]]) -> None:
        self.text = text
        self.records: list[bytes] = []
        self.constants: list[bytes] = []
        self.tables: list[bytes] = []
        self.bucket_count = 0

    def add(self, strings: Sequence[str]) -> int:
        encoded = [string.encode() for string in strings]
        table = dictionary_table(encoded)
        self.records.append(
            layout.DICTIONARY.pack(
                len(self.constants),
                len(strings),
                self.bucket_count,
                len(table) // 8,
                max(map(len, encoded), default=0),
                0,
            )
        )
        self.constants += [layout.SPAN.pack(*self.text(string)) for string in strings]
        self.tables.append(table)
        self.bucket_count += len(table) // 8
        return len(self.records) - 1


def _mark(inexact: dict[int, list[int]], key: int, positions: Iterable[Iterable[int]]) -> None:
    for some in positions:
        for position in some:
            inexact.setdefault(position, []).append(key)
