"""The values that columns files give visitors: read and spooled, matched to the visitors, and numbered for the image.

    rows in any order ──ValueSpool──> spooled ──a partition──> in order of visitor ──ColumnFiles──> distinct values, ids

A visitor comes only once over all files, and all files have the same columns. What grows with the number of visitors
lies in files; in memory are one column's distinct values and 4 bytes a visitor, one column after the other.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final, Self

import pyarrow as pa
import pyarrow.compute as pc

from central.segments.errors import InputError
from central.segments.read import Source, decoded, is_list, is_text, joined
from central.segments.rows import UNIT_KEY, data, from_data
from central.segments.spool import Spool
from central.segments.visitors import ARROW_TYPES, SEGMENTS
from rulecore.limits import LIMITS
from rulecore.mapping import map_file
from rulecore.model import Type
from rulecore.snapshot import COLUMN_NAME, Column, encode_starts

_NOT_VALUES: Final = frozenset({"pseudonym", "segment", SEGMENTS, "visitor_id"})
_STORED: Final = ARROW_TYPES | {  # distinct texts may have more than 2 GiB
    Type.STRING: pa.large_string(),
    Type.LIST_STRING: pa.large_binary(),
}


class ValuesSource:
    """A file of columns. Opening it checks the columns, reading it checks the rows."""

    def __init__(self, path: Path, number: int) -> None:
        """`number` is the file's among those of the build. Raises InputError, OSError."""
        self.file = Source(path)
        self.number = number
        self.columns = _value_columns(self.file)

    def batches(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Each batch with the number of rows before it. Raises InputError."""
        return self.file.batches([self.file.identity, *self.columns])

    def values(self, batch: pa.RecordBatch, before: int) -> list[pa.Array]:
        """The values of a batch in order of column, null for none. Raises InputError."""
        return [self._values(batch, before, name, kind) for name, kind in self.columns.items()]

    def _values(self, batch: pa.RecordBatch, before: int, name: str, kind: Type) -> pa.Array:
        file = self.file
        if kind is Type.STRING:
            texts = file.texts(batch, name, before)
            too_long = f"a text of more than {LIMITS.string_bytes_max:,} bytes"
            file.refuse(pc.greater(pc.binary_length(texts), LIMITS.string_bytes_max), too_long, name, before)
            return texts.cast(pa.string())
        values = batch.column(name)
        if kind is Type.LIST_STRING:
            return self._lists(values, before, name)
        if pa.types.is_uint64(values.type):
            too_large = pc.greater(values, pa.scalar(2**63 - 1, pa.uint64()))
            file.refuse(too_large, "a number beyond 64 bits with a sign", name, before)
        values = values.cast(ARROW_TYPES[kind])
        if kind is Type.DOUBLE:  # one NaN, and no minus zero, which equals zero to conditions
            values = pc.if_else(pc.is_nan(values), math.nan, pc.add(values, 0.0))
        return values

    def _lists(self, lists: pa.Array, before: int, name: str) -> pa.ListArray:
        file = self.file
        lists = lists.cast(pa.list_(lists.type.value_type))
        too_many = f"a list of more than {LIMITS.list_items_max:,} strings"
        file.refuse(pc.greater(pc.list_value_length(lists), LIMITS.list_items_max), too_many, name, before)
        items = lists.flatten()
        if items.null_count:
            rows = pc.list_parent_indices(lists).filter(pc.is_null(items))
            raise InputError("null in a list", file.path, name, before + rows[0].as_py() + 1)
        file.valid(items, name, before)
        lists = lists.cast(pa.list_(pa.string())).cast(ARROW_TYPES[Type.LIST_STRING])
        too_long = f"a list of more than {LIMITS.string_bytes_max:,} bytes"
        file.refuse(pc.greater(pc.binary_length(_as_texts(lists)), LIMITS.string_bytes_max), too_long, name, before)
        return lists


def same_columns(sources: Sequence[ValuesSource]) -> dict[str, Type]:
    """The columns that all files have. Raises InputError when one of them has others."""
    for source in sources[1:]:
        if source.columns != sources[0].columns:
            first = ", ".join(f"{name} ({kind})" for name, kind in sources[0].columns.items())
            other = ", ".join(f"{name} ({kind})" for name, kind in source.columns.items())
            raise InputError(
                f"its columns are {other}, but those of {sources[0].file.path} are {first}", source.file.path
            )
    return sources[0].columns if sources else {}


def _value_columns(source: Source) -> dict[str, Type]:
    """The value columns of a file, in order of name. Raises InputError."""
    if source.visitors_file is not None:
        return dict(sorted(source.visitors_file.columns.items()))
    columns: dict[str, Type] = {}
    for name in sorted(set(source.schema.names) - {source.identity}):
        if source.schema.names.count(name) != 1:
            raise InputError("more than one column of this name", source.path, name)
        if name in _NOT_VALUES or not COLUMN_NAME.fullmatch(name):
            others = f", but not {', '.join(sorted(_NOT_VALUES))}"
            raise InputError(f"no name of a column: names match {COLUMN_NAME.pattern}{others}", source.path, name)
        found = source.schema.field(name).type
        kind = _value_type(found)
        if kind is None:
            what = f"its type is {found}, not bool, an integer, float, double, string or list of strings"
            raise InputError(what, source.path, name)
        columns[name] = kind
    if not columns:
        raise InputError(f"has no column beside {source.identity}", source.path)
    if len(columns) > LIMITS.columns_max:
        raise InputError(f"has {len(columns)} columns; a snapshot has at most {LIMITS.columns_max}", source.path)
    return columns


def _value_type(kind: pa.DataType) -> Type | None:
    kind = decoded(kind)
    if is_list(kind):
        return Type.LIST_STRING if is_text(kind.value_type) else None
    if pa.types.is_boolean(kind):
        return Type.BOOL
    if pa.types.is_integer(kind):
        return Type.INT
    if pa.types.is_floating(kind):
        return Type.DOUBLE
    return Type.STRING if is_text(kind) else None


class ValueSpool:
    """Rows of values in partitions by unit key, each with the file and row that it comes from."""

    def __init__(self, path: Path, sources: Sequence[ValuesSource], bits: int) -> None:
        """Raises OSError."""
        self._sources = sources
        self._bits = bits
        self._spool = Spool(path)
        fields = [(UNIT_KEY, pa.uint64()), ("file", pa.uint32()), ("row", pa.int64())]
        kinds = same_columns(sources).values()
        fields += [(f"value_{number}", ARROW_TYPES[kind]) for number, kind in enumerate(kinds)]
        self._schema = pa.schema(fields)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._spool.__exit__(*error)

    def remove(self) -> None:
        """As of `Spool`."""
        self._spool.remove()

    def add(self, source: ValuesSource, before: int, unit_keys: bytes, values: Sequence[pa.Array]) -> None:
        """Add the rows of a batch. Raises OSError. Many threads may add."""
        rows = len(unit_keys) // 8
        keys = from_data(pa.uint64(), unit_keys)
        row_numbers = pa.array(range(before + 1, before + rows + 1), pa.int64())
        files = pa.repeat(pa.scalar(source.number, pa.uint32()), rows)
        batch = pa.RecordBatch.from_arrays([keys, files, row_numbers, *values], schema=self._schema)
        if self._bits:
            partitions = pc.shift_right(keys, pa.scalar(64 - self._bits, pa.uint64()))
            batch = batch.take(pc.sort_indices(partitions))
            sizes = {pair["values"]: pair["counts"] for pair in pc.value_counts(partitions).to_pylist()}
        else:
            sizes = {0: rows}
        pieces: list[pa.Buffer] = []
        starts = [0]
        at = 0
        for partition in range(1 << self._bits):
            size = sizes.get(partition, 0)
            if size:
                pieces.append(batch.slice(at, size).serialize())
                at += size
            starts.append(starts[-1] + (len(pieces[-1]) if size else 0))
        self._spool.add(b"".join(pieces), starts)

    def of_visitors(self, partition: int, unit_keys: bytes) -> list[pa.Array]:
        """The values of the visitors of a partition, by column, in the order of their unit keys, null for none.

        Raises InputError when a visitor came twice.
        """
        pieces = [pa.ipc.read_record_batch(piece, self._schema) for piece in self._spool.pieces(partition)]
        rows = pa.Table.from_batches(pieces, self._schema).combine_chunks()
        keys = rows.column(UNIT_KEY)
        self._refuse_twice(rows)
        visitors = from_data(pa.uint64(), unit_keys)
        at = pc.index_in(visitors, value_set=keys.combine_chunks())
        return [rows.column(i).combine_chunks().take(at) for i in range(3, len(self._schema))]

    def _refuse_twice(self, rows: pa.Table) -> None:
        keys = rows.column(UNIT_KEY)
        if pc.count_distinct(keys).as_py() == len(keys):
            return
        counts = pc.value_counts(keys)
        twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
        places = rows.filter(pc.is_in(keys, value_set=twice)).select([UNIT_KEY, "file", "row"]).to_pylist()
        first_of: dict[int, tuple[int, int]] = {}
        for number, row, key in sorted((place["file"], place["row"], place[UNIT_KEY]) for place in places):
            first_number, first_row = first_of.setdefault(key, (number, row))
            if (first_number, first_row) != (number, row):
                file = self._sources[number].file
                where = "" if first_number == number else f" of {self._sources[first_number].file.path}"
                raise InputError(f"the same visitor as in row {first_row:,}{where}", file.path, file.identity, row)


class ColumnFiles:
    """Columns in order of visitor, each in a file of its own until its distinct values are known and numbered."""

    def __init__(self, folder: Path, columns: Mapping[str, Type]) -> None:
        """Raises OSError."""
        self._folder = folder
        self._columns = columns
        self._schemas = [pa.schema([("value", _STORED[kind])]) for kind in columns.values()]
        self._writers = [
            pa.ipc.new_file(str(self._path("values", number)), schema) for number, schema in enumerate(self._schemas)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for writer in self._writers:
            writer.close()

    def write(self, values: Sequence[pa.Array]) -> None:
        """Add the values of more visitors, by column. Raises OSError."""
        for writer, schema, of_column in zip(self._writers, self._schemas, values, strict=True):
            stored = _as_texts(of_column) if pa.types.is_list(of_column.type) else of_column
            writer.write_batch(pa.RecordBatch.from_arrays([stored.cast(schema.field(0).type)], schema=schema))

    def number(self) -> Iterator[Column]:
        """Number the distinct values of each column, and give it as the image wants it. Raises LimitError, OSError."""
        for writer in self._writers:
            writer.close()
        for number, (name, kind) in enumerate(self._columns.items()):
            yield self._number(number, name, kind)

    def _number(self, number: int, name: str, kind: Type) -> Column:
        with pa.memory_map(str(self._path("values", number))) as file:
            values = pa.ipc.open_file(file).read_all().column(0)
        encoded = pc.dictionary_encode(values)
        distinct = encoded.chunk(0).dictionary if encoded.num_chunks else pa.array([], values.type)
        order = pc.sort_indices(distinct)
        ids = pc.add(pc.cast(pc.sort_indices(order), pa.uint32()), pa.scalar(1, pa.uint32()))
        with self._path("ids", number).open("wb") as file:
            for chunk in encoded.chunks:
                file.write(data(pc.fill_null(ids.take(chunk.indices), pa.scalar(0, pa.uint32()))))
        with self._path("distinct", number).open("wb") as file:
            _write_distinct(file, kind, distinct.take(order))
        self._path("values", number).unlink()
        ids_file, distinct_file = (map_file(self._path(part, number)) for part in ("ids", "distinct"))
        return Column(name, kind, len(distinct), ids_file, distinct_file)

    def _path(self, part: str, number: int) -> Path:
        return self._folder / f"{part}_{number}"


def _as_texts(lists: pa.ListArray) -> pa.BinaryArray:
    """Each list as `rulecore.snapshot.encode_items` writes it, null for null, with no Python object a value."""
    items = lists.flatten().cast(pa.binary())
    sizes = pc.binary_length(items)
    heads = from_data(pa.binary(4), data(sizes)).cast(pa.binary())
    joined_items = pc.binary_join_element_wise(heads, items, b"")
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    starts = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
    texts = pc.binary_join(pa.ListArray.from_arrays(starts, joined_items), b"")
    return pc.if_else(pc.is_valid(lists), texts, pa.scalar(None, pa.binary()))


def _write_distinct(file: BinaryIO, kind: Type, values: pa.Array) -> None:
    """Write distinct values as `rulecore.snapshot.encode_values` does, but with no Python object a value."""
    if kind is Type.BOOL:
        file.write(data(values.cast(pa.uint8())))
    elif kind in {Type.STRING, Type.LIST_STRING}:
        sizes = array("i")
        sizes.frombytes(data(pc.binary_length(values).cast(pa.int32())))
        file.write(encode_starts(sizes))
        file.write(joined(values.cast(pa.large_binary())))
    else:
        file.write(data(values))
