"""Which segments the rows of members files put visitors into: a row a membership, or a row a visitor with a list.

Segments are numbered as they appear, by whichever thread meets them first; what they are called, and so their order,
is for `central.segments.build`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import Buffer

from central.segments.errors import InputError
from central.segments.read import Source, is_list, is_text
from central.segments.rows import data
from central.segments.visitors import SEGMENTS
from rulecore.errors import LimitError
from rulecore.keys import MembershipKeys
from rulecore.limits import LIMITS
from rulecore.snapshot import SEGMENT_NAME

SEGMENT: Final = "segment"

_LIST_ITEMS_MAX: Final = 65_535


class SegmentNumbers:
    """Numbers the segments in order of appearance, for many threads."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """By number."""
        with self._lock:
            return list(self._numbers)

    def of(self, names: Sequence[str]) -> pa.Array:
        """Raises LimitError."""
        with self._lock:
            numbers = [self._numbers.setdefault(name, len(self._numbers)) for name in names]
            if len(self._numbers) > LIMITS.segments_max:
                raise LimitError(f"more than {LIMITS.segments_max:,} segments")
        return pa.array(numbers, pa.uint16())


class MemberRows(NamedTuple):
    """The rows of a batch: 16 bytes of pseudonym each, and 2 bytes for each segment number.

    `starts`, 4 bytes each, say where a row's segments begin, and where the last one's end; None when each has one.
    """

    rows: int
    pseudonyms: bytes
    starts: Buffer | None
    numbers: Buffer


class MembersSource:
    """A file of members. Opening it checks the columns, reading it checks the rows."""

    def __init__(self, path: Path, numbers: SegmentNumbers) -> None:
        """Raises InputError, LimitError, OSError."""
        self.file = Source(path)
        self._numbers = numbers
        if SEGMENT in self.file.schema.names and SEGMENTS in self.file.schema.names:
            raise InputError(f"has both {SEGMENT} and {SEGMENTS}: which of them is meant?", path)
        self._column = self.file.column(SEGMENT, SEGMENTS)
        self._known: pa.Array | None = None
        kind = self.file.schema.field(self._column).type
        if self.file.visitors_file is not None:
            self._known = numbers.of(self.file.visitors_file.segments)
        elif self._column == SEGMENT and not is_text(kind):
            raise InputError(f"its type is {kind}, not string", path, SEGMENT)
        elif self._column == SEGMENTS and not (is_list(kind) and is_text(kind.value_type)):
            raise InputError(f"its type is {kind}, not a list of strings", path, SEGMENTS)

    @property
    def memberships(self) -> int:
        """How many times a row names a segment; nulls and empty lists count for one."""
        return self.file.values_of(self._column)

    def batches(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Each batch with the number of rows before it. Raises InputError."""
        encoded = [SEGMENT] if self._column == SEGMENT else []  # lists can't come encoded
        return self.file.batches([self.file.identity, self._column], encoded=encoded)

    def member_rows(self, batch: pa.RecordBatch, before: int, keys: MembershipKeys) -> MemberRows:
        """What the rows of a batch say. Raises InputError, LimitError. Many threads may ask."""
        pseudonyms = self.file.pseudonyms(batch, before, keys)
        if self._column == SEGMENT:
            encoded = self._encoded(batch.column(SEGMENT), None, before)
            return MemberRows(batch.num_rows, pseudonyms, None, encoded)
        lists = batch.column(SEGMENTS)
        self.file.refuse(pc.is_null(lists), "null in place of a list of segments", SEGMENTS, before)
        try:
            lists = lists.cast(pa.list_(lists.type.value_type))
        except pa.ArrowInvalid as error:
            raise InputError(f"{error} (in the batch from row {before + 1:,})", self.file.path, SEGMENTS) from None
        too_long = f"a list of more than {_LIST_ITEMS_MAX:,} segments"
        self.file.refuse(pc.greater(pc.list_value_length(lists), _LIST_ITEMS_MAX), too_long, SEGMENTS, before)
        starts = lists.offsets
        if len(starts) and starts[0].as_py():
            starts = pc.subtract(starts, starts[0])
        return MemberRows(batch.num_rows, pseudonyms, data(starts), self._encoded(lists.flatten(), lists, before))

    def _encoded(self, names: pa.Array, lists: pa.ListArray | None, before: int) -> Buffer:
        """The numbers of segments, 2 bytes each; `lists` is what they lie in, if they are not one a row."""

        def refuse(wrong: pa.BooleanArray, what: str) -> None:
            if lists is not None and pc.any(wrong).as_py():
                rows = pc.list_parent_indices(lists).filter(wrong)
                raise InputError(what, self.file.path, self._column, before + rows[0].as_py() + 1)
            self.file.refuse(wrong, what, self._column, before)

        refuse(pc.is_null(names), "null in place of a segment")
        if self._known is not None:
            refuse(pc.greater_equal(names, len(self._known)), "a segment id beyond the names")
            return data(self._known.take(names))
        if not pa.types.is_dictionary(names.type):
            names = pc.dictionary_encode(self.file.valid(names, self._column, before))
        used = pc.unique(names.indices)  # a dictionary may name what no row has
        texts = self.file.valid(names.dictionary.take(used), self._column, before).to_pylist()
        for number, text in zip(used.to_pylist(), texts, strict=True):
            if text is None:
                refuse(pc.equal(names.indices, number), "null in place of a segment")
            if not SEGMENT_NAME.fullmatch(text):
                what = f"{text[:80]!r} is no name of a segment: names match {SEGMENT_NAME.pattern}"
                refuse(pc.equal(names.indices, number), what)
        numbers = self._numbers.of(texts)
        if len(used) == len(names.dictionary):
            numbers = numbers.take(pc.sort_indices(used))
            return data(numbers.take(names.indices))
        return data(numbers.take(pc.index_in(names.indices, value_set=used)))
