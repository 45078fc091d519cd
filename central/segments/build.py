"""Builds a snapshot from Parquet files of any size, in bounded memory.

    Parquet ──keys, checks──> spooled rows ──DuckDB, sorted──> visitors and sets ──> sections ──> image, in its place

Rows are read and keyed a batch at a time (`central.segments.read`), sorted by DuckDB, which spills to disk, and
gathered by `rulecore`'s RowGrouper; what grows with the number of visitors is spooled to files, and mapped when the
image is written. The spool lies beside the image, holds no visitor id, and is removed. The same rows in any order
give the same bytes.
"""

from __future__ import annotations

import errno
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO, Final

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from typing_extensions import Buffer

from central.segments import read
from central.segments.errors import InputError
from central.segments.progress import Progress
from rulecore import NO_SEGMENT, RowGrouper, SnapshotImage
from rulecore.errors import UnitKeyCollisionError
from rulecore.keys import MembershipKeys
from rulecore.mapping import map_file
from rulecore.model import Type
from rulecore.snapshot import Column, Parts, encode_starts, encode_values, write_image

_SORTED_BATCH_ROWS: Final = 1 << 17
_SORT_BYTES_MAX: Final = 768 << 20


class BuildStats(msgspec.Struct, frozen=True):
    """What a snapshot was built from, and what it became."""

    member_rows: int
    column_rows: int
    visitors: int
    sets: int
    segments: dict[str, int]
    columns: dict[str, str]
    epoch: int
    size_bytes: int
    checksum: str


def build_snapshot(
    members: Sequence[Path], columns: Path | None, keys: MembershipKeys, epoch: int, out: Path
) -> BuildStats:
    """Build the image `out` from `members` (visitor_id, segment) and `columns` (visitor_id and a value a column).

    The same row may come more than once in `members`, a visitor only once in `columns`. The image is verified before
    it takes its place. Raises InputError, KeyError without a key of the epoch, LimitError, OSError,
    UnitKeyCollisionError.
    """
    keys.epoch_key(epoch)
    if not out.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder to write to", str(out.parent))
    sources = [read.Source(path, read.SEGMENT) for path in members]
    value_source = read.Source(columns) if columns is not None else None
    progress = Progress()
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as folder:
            try:
                with closing(_Build(Path(folder), keys, epoch, progress)) as build:
                    build.read_members(sources)
                    if value_source is not None:
                        build.read_values(value_source)
                    image = build.write()
            except UnitKeyCollisionError as error:
                all_sources = [*sources, *([value_source] if value_source is not None else [])]
                raise UnitKeyCollisionError(error.key, _rows_of(error.key, all_sources, keys, epoch)) from None
            snapshot = SnapshotImage.open(image)
            _put_in_place(image, out)
    finally:
        progress.finish()
    return BuildStats(
        member_rows=sum(source.rows for source in sources),
        column_rows=value_source.rows if value_source is not None else 0,
        visitors=snapshot.visitors,
        sets=snapshot.sets,
        segments=dict(zip(snapshot.segments, snapshot.sizes(), strict=True)),
        columns=dict(snapshot.columns),
        epoch=epoch,
        size_bytes=snapshot.size,
        checksum=f"{snapshot.checksum:016x}",
    )


class _Build:
    """One build: its spool folder, and the database that sorts."""

    def __init__(self, folder: Path, keys: MembershipKeys, epoch: int, progress: Progress) -> None:
        self._folder = folder
        self._keys = keys
        self._epoch = epoch
        self._progress = progress
        self._segments: list[str] = []
        self._rows = 0
        self._columns: dict[str, Type] = {}
        self._database = duckdb.connect(
            config={
                "memory_limit": f"{_SORT_BYTES_MAX}B",
                "temp_directory": str(folder / "sort"),
                "preserve_insertion_order": "true",  # what is sorted must come out sorted
            }
        )
        self._database.execute("SET TimeZone = 'UTC'")
        self._database.execute("SET enable_progress_bar = false")  # it writes to standard output, among our JSON

    def close(self) -> None:
        self._database.close()

    def read_members(self, sources: Sequence[read.Source]) -> None:
        """Spool the rows with their segments numbered in order of name."""
        numbers = read.SegmentNumbers()
        for source in sources:
            if not source.rows:
                raise InputError("has no rows", source.path)
        self._rows += sum(source.rows for source in sources)
        rows = (batch for source in sources for batch in read.member_rows(source, self._keys, self._epoch, numbers))
        self._spool("members", read.MEMBER_ROWS, "reading members", self._rows, rows)
        self._segments = sorted(numbers.numbers)
        table = pa.table(
            {
                "appeared": pa.array((numbers.numbers[name] for name in self._segments), pa.uint16()),
                "segment": pa.array(range(len(self._segments)), pa.uint16()),
            }
        )
        pq.write_table(table, self._path("segments"))
        self._view("segments")

    def read_values(self, source: read.Source) -> None:
        """Spool the values of each visitor."""
        if not source.rows:
            raise InputError("has no rows", source.path)
        self._columns = read.value_columns(source)
        self._rows += source.rows
        rows = read.value_rows(source, self._columns, self._keys, self._epoch)
        self._spool("values", read.value_rows_schema(self._columns), "reading columns", source.rows, rows)
        twice = self._database.execute(
            'SELECT min(row), max(row) FROM "values" GROUP BY unit_key, "check" HAVING count(*) > 1 ORDER BY 1 LIMIT 1'
        ).fetchone()
        if twice is not None:
            raise InputError(f"the same visitor as in row {twice[0]:,}", source.path, read.VISITOR_ID, twice[1])

    def write(self) -> Path:
        """Sort, group, and write the image into the spool folder; gives its path."""
        grouper = self._group()
        columns = self._value_columns()
        self._progress.stage("writing")
        parts = Parts(
            epoch=self._epoch,
            segments=self._segments,
            keys=self._mapped("keys"),
            sets=self._mapped("sets"),
            set_starts=grouper.set_starts(),
            members=grouper.members(),
            columns=columns,
        )
        image = self._path("image")
        with image.open("wb") as file:
            write_image(file, parts)
            file.flush()
            os.fsync(file.fileno())
        return image

    def _group(self) -> RowGrouper:
        """Spool the unit keys and set ids of the visitors, in order of key."""
        rows = 'SELECT unit_key, "check", s.segment FROM members m JOIN segments s ON m.segment = s.appeared'
        if self._columns:
            rows += f' UNION ALL SELECT unit_key, "check", {NO_SEGMENT}::USMALLINT FROM "values"'
        grouper = RowGrouper()
        with self._create("keys") as keys, self._create("sets") as sets:
            for batch in self._sorted(f"{rows} ORDER BY unit_key, segment", "sorting visitors", self._rows):
                visitor_keys, visitor_sets = grouper.add(*(_data(batch.column(i)) for i in range(3)))
                keys.write(visitor_keys)
                sets.write(visitor_sets)
            visitor_keys, visitor_sets = grouper.finish()
            keys.write(visitor_keys)
            sets.write(visitor_sets)
        return grouper

    def _value_columns(self) -> list[Column]:
        if not self._columns:
            return []
        counts = [self._number_values(number, kind) for number, kind in enumerate(self._columns.values())]
        numbers = range(len(counts))
        value_ids = ", ".join(f"coalesce(n{number}.id, 0)::UINTEGER" for number in numbers)
        joins = " ".join(
            f"LEFT JOIN numbers_{number} n{number} ON v.value_{number} = n{number}.value" for number in numbers
        )
        query = (
            f'SELECT k.unit_key, {value_ids} FROM (SELECT unit_key FROM members UNION SELECT unit_key FROM "values") k '
            f'LEFT JOIN "values" v ON k.unit_key = v.unit_key {joins} ORDER BY k.unit_key'
        )
        keys = memoryview(self._mapped("keys"))
        at = 0
        with ExitStack() as stack:
            files = [stack.enter_context(self._create(f"ids_{number}")) for number in numbers]
            for batch in self._sorted(query, "sorting columns", len(keys) // 8):
                unit_keys, *ids_of_columns = map(_data, batch.columns)
                if unit_keys.tobytes() != keys[at : at + unit_keys.nbytes]:
                    raise RuntimeError(
                        "DuckDB gave the visitors of the columns in another order than those of the members"
                    )
                at += unit_keys.nbytes
                for file, of_column in zip(files, ids_of_columns, strict=True):
                    file.write(of_column)
        return [
            Column(name, kind, counts[i], self._mapped(f"ids_{i}"), self._mapped(f"distinct_{i}"))
            for i, (name, kind) in enumerate(self._columns.items())
        ]

    def _number_values(self, number: int, kind: Type) -> int:
        """Spool a column's distinct values, for the image and with their ids for the join; gives how many."""
        column = f"value_{number}"
        query = f'SELECT DISTINCT {column} FROM "values" WHERE {column} IS NOT NULL ORDER BY {column}'
        schema = pa.schema([("id", pa.uint32()), ("value", read.value_rows_schema(self._columns).field(column).type)])
        count = 0
        sizes = array("i")
        with (
            pq.ParquetWriter(self._path(f"numbers_{number}"), schema, compression="none") as numbers,
            self._create(f"content_{number}") as content,
        ):
            for batch in self._sorted(query, "numbering values", 0):
                values = batch.column(0)
                ids = pa.array(range(count + 1, count + len(values) + 1), pa.uint32())
                numbers.write_batch(pa.RecordBatch.from_arrays([ids, values], schema=schema))
                if kind is Type.STRING:
                    sizes.frombytes(_data(pc.binary_length(values)))
                    content.write("".join(values.to_pylist()).encode())
                else:
                    content.write(encode_values(kind, values.to_pylist()))
                count += len(values)
        self._view(f"numbers_{number}")
        with self._create(f"distinct_{number}") as distinct:
            if kind is Type.STRING:
                distinct.write(encode_starts(sizes))
            distinct.write(self._mapped(f"content_{number}"))
        return count

    def _spool(self, name: str, schema: pa.Schema, stage: str, total: int, batches: Iterable[pa.RecordBatch]) -> None:
        self._progress.stage(stage, total)
        with pq.ParquetWriter(self._path(name), schema, compression="none", use_dictionary=False) as spool:
            for batch in batches:
                spool.write_batch(batch)
                self._progress.advance(batch.num_rows)
        self._view(name)

    def _view(self, name: str) -> None:
        """Let queries name a spooled Parquet file."""
        self._database.read_parquet(str(self._path(name))).create_view(name)

    def _sorted(self, query: str, stage: str, total: int) -> Iterator[pa.RecordBatch]:
        self._progress.stage(stage, total)
        reader: pa.RecordBatchReader = self._database.sql(query).to_arrow_reader(_SORTED_BATCH_ROWS)
        for batch in reader:
            yield batch
            self._progress.advance(batch.num_rows)

    def _path(self, name: str) -> Path:
        return self._folder / name

    def _create(self, name: str) -> BinaryIO:
        return self._path(name).open("wb")

    def _mapped(self, name: str) -> Buffer:
        return map_file(self._path(name))


def _data(array: pa.Array) -> memoryview:
    """The values of an array of numbers without nulls, as they lie in memory."""
    width = array.type.bit_width // 8
    return memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]


def _rows_of(key: int, sources: Iterable[read.Source], keys: MembershipKeys, epoch: int) -> tuple[str, ...]:
    """The first row of each visitor with this unit key."""
    found: dict[int, str] = {}
    for source in sources:
        for before, batch in source.batches():
            unit_keys, checks = source.unit_keys(batch, before, keys, epoch)
            at = -1
            while (at := pc.index(unit_keys, pa.scalar(key, pa.uint64()), at + 1).as_py()) >= 0:
                found.setdefault(checks[at].as_py(), f"{source.path} row {before + at + 1:,}")
    return tuple(found.values())


def _put_in_place(image: Path, out: Path) -> None:
    image.replace(out)
    folder = os.open(out.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
