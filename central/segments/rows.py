"""Visitors as rows in order of unit key, in batches: the form in which snapshots are compared and put together.

A row has its unit key, then what a visitors file has: pseudonym, segment ids, and a value or null for each column.
What a file holds belongs to `central.segments.visitors`, what differs between two to `central.segments.changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import Buffer

from central.segments.errors import InputError
from central.segments.visitors import PSEUDONYM, SEGMENTS, VisitorsFile, visitors_schema
from rulecore.keys import MembershipKeys
from rulecore.model import Type

UNIT_KEY: Final = "unit key"
"""Of the schema. No column of visitors can be called so, with its space."""

_BATCH_ROWS: Final = 1 << 18


class Renumbering:
    """New ids for a file's segments: `ids[old]` is the new one."""

    def __init__(self, names: Sequence[str], id_of: Mapping[str, int]) -> None:
        ids = [id_of[name] for name in names]
        self._ids = pa.array(ids, pa.uint16())
        self._same = ids == list(range(len(ids)))
        self._ascending = ids == sorted(ids)

    def apply(self, sets: pa.ListArray) -> pa.ListArray:
        """The sets under the new ids, ascending in each."""
        if self._same:
            return sets
        ids = self._ids.take(sets.flatten())
        sizes = pc.list_value_length(sets)
        if not self._ascending:
            rows = pc.list_parent_indices(sets).cast(pa.uint64())
            both = pc.bit_wise_or(pc.shift_left(rows, pa.scalar(16, pa.uint64())), ids.cast(pa.uint64()))
            both = both.take(pc.array_sort_indices(both))
            ids = pc.bit_wise_and(both, pa.scalar(0xFFFF, pa.uint64())).cast(pa.uint16())
        return lists(sizes, ids, sets.type)


def rows_schema(columns: Mapping[str, Type]) -> pa.Schema:
    """Of a batch of rows with these columns."""
    return visitors_schema(columns).insert(0, pa.field(UNIT_KEY, pa.uint64(), nullable=False))


def read_rows(
    file: VisitorsFile, unit_keys: Callable[[pa.FixedSizeBinaryArray], pa.UInt64Array], renumbering: Renumbering
) -> Iterator[pa.RecordBatch]:
    """All rows of a visitors file; `unit_keys` is asked for those of one batch of pseudonyms after the other.

    Raises InputError.
    """
    schema = rows_schema(file.columns)
    before, last = 0, -1
    for batch in file.batches(_BATCH_ROWS):
        if not batch.num_rows:
            continue
        found = unit_keys(batch.column(PSEUDONYM))
        falls = pc.index(pc.greater_equal(found[:-1], found[1:]), True).as_py()
        if found[0].as_py() <= last or falls >= 0:
            at = 1 if found[0].as_py() <= last else falls + 2
            what = f"not in order of unit key: the key of epoch {file.epoch} is not the one that it was made with"
            raise InputError(what, file.path, PSEUDONYM, before + at)
        before, last = before + batch.num_rows, found[-1].as_py()
        sets = renumbering.apply(batch.column(SEGMENTS))
        values = [batch.column(name) for name in file.columns]
        yield pa.RecordBatch.from_arrays([found, batch.column(PSEUDONYM), sets, *values], schema=schema)


def hashed(keys: MembershipKeys, epoch: int) -> Callable[[pa.FixedSizeBinaryArray], pa.UInt64Array]:
    """Unit keys of pseudonyms. Raises KeyError without a key of the epoch."""
    keys.epoch_key(epoch)
    return lambda pseudonyms: from_data(pa.uint64(), keys.unit_keys(epoch, data(pseudonyms)))


def aligned(schema: pa.Schema, *streams: Iterable[pa.RecordBatch]) -> Iterator[tuple[pa.RecordBatch, ...]]:
    """Slices of streams in order of unit key, one of each: those of one step cover the same range of keys."""
    iterators = [iter(stream) for stream in streams]
    pending = [pa.RecordBatch.from_pylist([], schema)] * len(iterators)
    while True:
        for i, iterator in enumerate(iterators):
            while not pending[i].num_rows and (batch := next(iterator, None)) is not None:
                pending[i] = batch
        ends = [batch.column(UNIT_KEY)[-1].as_py() for batch in pending if batch.num_rows]
        if not ends:
            return
        end = pa.scalar(min(ends), pa.uint64())
        counts = [pc.sum(pc.less_equal(batch.column(UNIT_KEY), end)).as_py() or 0 for batch in pending]
        yield tuple(batch.slice(0, count) for batch, count in zip(pending, counts, strict=True))
        pending = [batch.slice(count) for batch, count in zip(pending, counts, strict=True)]


def lists(sizes: pa.Int32Array, values: pa.Array, kind: pa.DataType) -> pa.ListArray:
    """Lists of so many of the values each, one after the other."""
    ends = pc.cumulative_sum(sizes.cast(pa.int32()))
    return pa.ListArray.from_arrays(pa.concat_arrays([pa.array([0], pa.int32()), ends]), values, type=kind)


def data(array: pa.Array) -> memoryview:
    """The values of an array of a fixed width, without nulls, as they lie in memory."""
    if not len(array):
        return memoryview(b"")  # it may have no memory at all
    width = array.type.bit_width // 8
    return memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]


def from_data(kind: pa.DataType, content: Buffer) -> pa.Array:
    """An array of a fixed width over what lies in memory."""
    count = memoryview(content).nbytes * 8 // kind.bit_width
    return pa.Array.from_buffers(kind, count, [None, pa.py_buffer(content)])
