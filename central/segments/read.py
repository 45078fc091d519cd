"""Reads the Parquet files that a snapshot is built from, in batches, and checks every row of them.

What comes out has unit keys in place of visitor ids: nothing after this module sees an id. What is made of the rows
belongs to `central.segments.build`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from central.segments.errors import InputError
from rulecore.errors import LimitError
from rulecore.keys import MembershipKeys
from rulecore.limits import LIMITS
from rulecore.model import Type
from rulecore.snapshot import COLUMN_NAME, SEGMENT_NAME

VISITOR_ID: Final = "visitor_id"
SEGMENT: Final = "segment"

_BATCH_ROWS: Final = 1 << 16
_ARROW_TYPES: Final = {
    Type.BOOL: pa.bool_(),
    Type.INT: pa.int64(),
    Type.DOUBLE: pa.float64(),
    Type.STRING: pa.string(),
}


class SegmentNumbers:
    """Numbers the segments in order of appearance; their order by name comes when all are known."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def of(self, name: str) -> int:
        number = self.numbers.setdefault(name, len(self.numbers))
        if number >= LIMITS.segments_max:
            raise LimitError(f"more than {LIMITS.segments_max:,} segments")
        return number


class Source:
    """One Parquet file. Opening it checks that it is one and has the columns, reading it checks the rows."""

    def __init__(self, path: Path, *columns: str) -> None:
        """Raises InputError, OSError."""
        self.path = path
        with path.open("rb"):
            pass  # Python says better than pyarrow why a file can't be opened
        try:
            self._file = pq.ParquetFile(path)
        except pa.ArrowInvalid as error:
            raise InputError(f"not a Parquet file: {error}", path) from None
        self.schema: pa.Schema = self._file.schema_arrow
        self.rows: int = self._file.metadata.num_rows
        for column in (VISITOR_ID, *columns):
            if self.schema.names.count(column) != 1:
                found = ", ".join(self.schema.names) or "none"
                many = "more than one column" if column in self.schema.names else "no column"
                raise InputError(f"{many} named {column}; its columns are: {found}", path)
            if not _is_text(self.schema.field(column).type):
                raise InputError(f"its type is {self.schema.field(column).type}, not string", path, column)

    def batches(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Each batch with the number of rows before it."""
        before = 0
        try:
            for batch in self._file.iter_batches(_BATCH_ROWS):
                yield before, batch
                before += batch.num_rows
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(f"can't be read after row {before:,}: {error}", self.path) from None

    def unit_keys(
        self, batch: pa.RecordBatch, before: int, keys: MembershipKeys, epoch: int
    ) -> tuple[pa.Array, pa.Array]:
        """The unit keys and checks of a batch. Raises InputError for an id that is null, empty or too long."""
        ids = self.texts(batch, VISITOR_ID, before)
        self.refuse(pc.is_null(ids), "null in place of a visitor id", VISITOR_ID, before)
        sizes = pc.binary_length(ids)
        self.refuse(pc.equal(sizes, 0), "empty visitor id", VISITOR_ID, before)
        too_long = f"a visitor id of more than {LIMITS.unit_bytes_max} bytes"
        self.refuse(pc.greater(sizes, LIMITS.unit_bytes_max), too_long, VISITOR_ID, before)
        _, offsets, text = ids.buffers()
        made = keys.unit_keys(epoch, offsets, b"" if text is None else text, ids.offset, len(ids))
        unit_keys, checks = (pa.Array.from_buffers(pa.uint64(), len(ids), [None, pa.py_buffer(run)]) for run in made)
        return unit_keys, checks

    def texts(self, batch: pa.RecordBatch, column: str, before: int) -> pa.StringArray:
        """A column of a batch as valid UTF-8. Raises InputError."""
        try:
            texts = batch.column(column).cast(pa.string())
            texts.validate(full=True)
        except pa.ArrowInvalid as error:
            raise InputError(
                f"{error} (in rows {before + 1:,} to {before + batch.num_rows:,})", self.path, column
            ) from None
        return texts

    def refuse(self, wrong: pa.BooleanArray, what: str, column: str, before: int) -> None:
        """Raise InputError at the first row of the batch that is wrong."""
        at = pc.index(wrong, True).as_py()
        if at >= 0:
            raise InputError(what, self.path, column, before + at + 1)


MEMBER_ROWS: Final = pa.schema([("unit_key", pa.uint64()), ("check", pa.uint64()), ("segment", pa.uint16())])


def member_rows(source: Source, keys: MembershipKeys, epoch: int, segments: SegmentNumbers) -> Iterator[pa.RecordBatch]:
    """Batches of MEMBER_ROWS, with segments by `segments`' numbers. Raises InputError, LimitError."""
    for before, batch in source.batches():
        unit_keys, checks = source.unit_keys(batch, before, keys, epoch)
        encoded = pc.dictionary_encode(source.texts(batch, SEGMENT, before))
        source.refuse(pc.is_null(encoded), "null in place of a segment", SEGMENT, before)
        names = encoded.dictionary.to_pylist()
        for number, name in enumerate(names):
            if not SEGMENT_NAME.fullmatch(name):
                what = f"{name[:80]!r} is no name of a segment: names match {SEGMENT_NAME.pattern}"
                source.refuse(pc.equal(encoded.indices, number), what, SEGMENT, before)
        numbers = pa.array([segments.of(name) for name in names], pa.uint16()).take(encoded.indices)
        yield pa.RecordBatch.from_arrays([unit_keys, checks, numbers], schema=MEMBER_ROWS)


def value_columns(source: Source) -> dict[str, Type]:
    """The value columns of a file, in order of name. Raises InputError."""
    columns: dict[str, Type] = {}
    for name in sorted(set(source.schema.names) - {VISITOR_ID}):
        if source.schema.names.count(name) != 1:
            raise InputError("more than one column of this name", source.path, name)
        if not COLUMN_NAME.fullmatch(name):
            raise InputError(f"no name of a column: names match {COLUMN_NAME.pattern}", source.path, name)
        found = source.schema.field(name).type
        kind = _value_type(found)
        if kind is None:
            raise InputError(f"its type is {found}, not bool, an integer, float, double or string", source.path, name)
        columns[name] = kind
    if not columns:
        raise InputError(f"has no column beside {VISITOR_ID}", source.path)
    if len(columns) > LIMITS.columns_max:
        raise InputError(f"has {len(columns)} columns; a snapshot has at most {LIMITS.columns_max}", source.path)
    return columns


def value_rows_schema(columns: dict[str, Type]) -> pa.Schema:
    """Of `value_rows`: the values of column number n are named `value_n`."""
    values = [(f"value_{number}", _ARROW_TYPES[kind]) for number, kind in enumerate(columns.values())]
    return pa.schema([("unit_key", pa.uint64()), ("check", pa.uint64()), ("row", pa.int64()), *values])


def value_rows(source: Source, columns: dict[str, Type], keys: MembershipKeys, epoch: int) -> Iterator[pa.RecordBatch]:
    """Batches of `value_rows_schema`: the values of each visitor, null for none. Raises InputError."""
    for before, batch in source.batches():
        unit_keys, checks = source.unit_keys(batch, before, keys, epoch)
        rows = pa.array(range(before + 1, before + batch.num_rows + 1), pa.int64())
        values = [_values(source, batch, before, name, kind) for name, kind in columns.items()]
        yield pa.RecordBatch.from_arrays([unit_keys, checks, rows, *values], schema=value_rows_schema(columns))


def _values(source: Source, batch: pa.RecordBatch, before: int, name: str, kind: Type) -> pa.Array:
    if kind is Type.STRING:
        values = source.texts(batch, name, before)
        too_long = f"a text of more than {LIMITS.string_bytes_max:,} bytes"
        source.refuse(pc.greater(pc.binary_length(values), LIMITS.string_bytes_max), too_long, name, before)
        return values
    values = batch.column(name)
    if kind is Type.INT and pa.types.is_uint64(values.type):
        too_large = pc.greater(values, pa.scalar(2**63 - 1, pa.uint64()))
        source.refuse(too_large, "a number beyond 64 bits with a sign", name, before)
    values = values.cast(_ARROW_TYPES[kind])
    return pc.add(values, 0.0) if kind is Type.DOUBLE else values  # -0.0 becomes 0.0: they are equal to conditions


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _value_type(kind: pa.DataType) -> Type | None:
    if pa.types.is_boolean(kind):
        return Type.BOOL
    if pa.types.is_integer(kind):
        return Type.INT
    if pa.types.is_floating(kind):
        return Type.DOUBLE
    return Type.STRING if _is_text(kind) else None
