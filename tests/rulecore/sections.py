"""The records of a bundle image's index: so that tests can see that they reach what they mean to."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from rulecore import layout
from rulecore._layout import Section, TestKind

_RECORDS: Final = {
    Section.COLUMNS: layout.COLUMN,
    Section.DICTIONARIES: layout.DICTIONARY,
    Section.INDEXES: layout.INDEX,
    Section.ANCHORS: layout.ANCHOR,
    Section.TESTS: layout.TEST,
    Section.MAPS: struct.Struct("<I"),
    Section.ENTRIES: layout.ENTRY,
    Section.BUCKETS: struct.Struct("<Q"),
    Section.CUTS: struct.Struct("<q"),
    Section.CONSTANTS: layout.SPAN,
    Section.ROWS: struct.Struct("<Q"),
}


class RowTest(NamedTuple):
    """`TestRecord`, with its column's kind."""

    kind: TestKind
    column: int
    runs: int
    row_count: int
    column_kind: int


class Index(NamedTuple):
    """One index with what is its own."""

    entries: list[tuple[int, int]]
    dense_first: int
    tests: list[RowTest]
    anchors: list[tuple[int, ...]]

    @property
    def residuals(self) -> int:
        """How many entries leave something to check."""
        return sum(residual != layout.NONE for _, residual in self.entries)


def place(image: bytes, which: Section) -> tuple[int, int]:
    """Where a section begins, and its length."""
    offset, length = layout.TABLE_ENTRY.unpack_from(image, layout.HEADER.size + layout.TABLE_ENTRY.size * which)
    return offset, length


def records(image: bytes, which: Section) -> list[tuple[int, ...]]:
    """The records of a section of the index."""
    start, length = place(image, which)
    return list(_RECORDS[which].iter_unpack(image[start : start + length]))


def indexes(image: bytes) -> list[Index]:
    """All indexes: one a placement, and that of the condition segments."""
    columns, entries, tests, anchors = (
        records(image, which) for which in (Section.COLUMNS, Section.ENTRIES, Section.TESTS, Section.ANCHORS)
    )
    found = []
    for first_entry, entry_count, dense_first, first_test, test_count, first_anchor, anchor_count, _ in records(
        image, Section.INDEXES
    ):
        own = [
            RowTest(TestKind(kind), column, runs, row_count, columns[column][0])
            for kind, column, _, runs, _, row_count in tests[first_test : first_test + test_count]
        ]
        of_index = [(rule, residual) for rule, residual in entries[first_entry : first_entry + entry_count]]
        found.append(Index(of_index, dense_first, own, anchors[first_anchor : first_anchor + anchor_count]))
    return found
