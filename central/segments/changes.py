"""What differs between two states of the visitors: the whole new row, or for a visitor who is gone a tombstone.

Rows are compared, laid on top of each other and gathered here, in memory: there are at most as many as deltas may have
entries. Where they come from and what is written of them belongs to `central.segments.diff` and
`central.segments.apply`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from central.segments.rows import UNIT_KEY, aligned, rows_schema
from central.segments.visitors import SEGMENTS
from rulecore.model import Type


class Changes:
    """New rows and the unit keys of those who are gone; both in order of unit key, none in both."""

    def __init__(self, rows: pa.RecordBatch, gone: pa.UInt64Array) -> None:
        self.rows = rows
        self.gone = gone

    def __len__(self) -> int:
        return int(self.rows.num_rows) + len(self.gone)

    @property
    def keys(self) -> pa.UInt64Array:
        """Of all of them, ascending."""
        return _sorted(pa.concat_arrays([self.rows.column(UNIT_KEY), self.gone]))

    @classmethod
    def gathered(cls, columns: Mapping[str, Type], parts: Sequence[Changes]) -> Changes:
        """Parts that follow one another in order of key, or that have no key in common."""
        schema = rows_schema(columns)
        gone = pa.concat_arrays([pa.array([], pa.uint64()), *(part.gone for part in parts)])
        rows = [pa.RecordBatch.from_pylist([], schema), *(part.rows for part in parts)]
        return cls(_in_order(pa.concat_batches(rows)), _sorted(gone))

    @classmethod
    def folded(cls, columns: Mapping[str, Type], parts: Sequence[Changes]) -> Changes:
        """What parts that follow one another in time come to: the newest of a key counts."""
        newest: list[Changes] = []
        known = pa.array([], pa.uint64())
        for part in reversed(parts):
            rows = part.rows.filter(_not_in(part.rows.column(UNIT_KEY), known))
            gone = part.gone.filter(_not_in(part.gone, known))
            newest.append(cls(rows, gone))
            known = pa.concat_arrays([known, rows.column(UNIT_KEY), gone])
        return cls.gathered(columns, newest)


def laid_upon(base: Iterable[pa.RecordBatch], changes: Changes) -> Iterator[pa.RecordBatch]:
    """The rows of `base` with the changes made to them."""
    for before, after in aligned(changes.rows.schema, base, [changes.rows]):
        keys = before.column(UNIT_KEY)
        kept = before.filter(pc.and_(_not_in(keys, changes.gone), _not_in(keys, after.column(UNIT_KEY))))
        yield _in_order(pa.concat_batches([kept, after])) if after.num_rows else kept


def compared(old: pa.RecordBatch, new: pa.RecordBatch) -> tuple[Changes, int]:
    """What leads from the old to the new rows, of one range of keys; and how many of the rows are of new visitors."""
    gone = old.column(UNIT_KEY).filter(_not_in(old.column(UNIT_KEY), new.column(UNIT_KEY)))
    at = pc.index_in(new.column(UNIT_KEY), value_set=old.column(UNIT_KEY))
    known = pc.is_valid(at)
    before, after = old.take(at.filter(known)), new.filter(known)
    changed = [_lists_differ(before.column(SEGMENTS), after.column(SEGMENTS))]
    changed += [_values_differ(*pair) for pair in zip(before.columns[3:], after.columns[3:], strict=True)]
    added = new.filter(pc.invert(known))
    rows = pa.concat_batches([added, after.take(pc.unique(pa.concat_arrays(changed)))])
    return Changes(_in_order(rows), gone), added.num_rows


def _lists_differ(first: pa.ListArray, second: pa.ListArray) -> pa.UInt64Array:
    """The rows in which lists, none of them null, are not equal."""
    sizes = pc.list_value_length(first)
    same_size = pc.equal(sizes, pc.list_value_length(second))
    first, second = first.filter(same_size), second.filter(same_size)
    unequal = pc.not_equal(first.flatten(), second.flatten())
    content = pc.unique(pc.list_parent_indices(first).filter(unequal))
    return pa.concat_arrays([_rows_of(pc.invert(same_size)), _rows_of(same_size).take(content)])


def _values_differ(first: pa.Array, second: pa.Array) -> pa.UInt64Array:
    """The rows in which values are not equal. A null equals a null, and a NaN a NaN."""
    one_null = _rows_of(pc.xor(pc.is_null(first), pc.is_null(second)))
    if pa.types.is_list(first.type):
        nothing = pa.scalar([], first.type)
        return pa.concat_arrays([one_null, _lists_differ(pc.fill_null(first, nothing), pc.fill_null(second, nothing))])
    differ = pc.not_equal(first, second)
    if pa.types.is_floating(first.type):
        differ = pc.and_not(differ, pc.and_(pc.is_nan(first), pc.is_nan(second)))
    return pa.concat_arrays([one_null, _rows_of(pc.fill_null(differ, False))])


def _rows_of(mask: pa.BooleanArray) -> pa.UInt64Array:
    return pc.indices_nonzero(mask)


def _not_in(keys: pa.UInt64Array, others: pa.UInt64Array) -> pa.BooleanArray:
    return pc.invert(pc.is_in(keys, value_set=others))


def _sorted(keys: pa.UInt64Array) -> pa.UInt64Array:
    return keys.take(pc.array_sort_indices(keys))


def _in_order(rows: pa.RecordBatch) -> pa.RecordBatch:
    return rows.take(pc.array_sort_indices(rows.column(UNIT_KEY)))
