"""Builds a snapshot and its visitors file from Parquet files of any size, in bounded memory.

    Parquet ──pseudonyms, checks──> spooled records ──a partition, sorted──> visitors and sets ──> image, in its place
                                                                                       └──> visitors file

Rows are read and keyed a batch at a time (`central.segments.read`, `members`, `values`), spooled in partitions by unit
key, and gathered a partition at a time; what grows with the number of visitors lies in files beside the image, which
hold no visitor id and are removed. The same rows in any order, by any number of threads, give the same bytes.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from central.segments import parallel
from central.segments.files import drafts, put_in_place, refuse_to_overwrite
from central.segments.members import MembersSource, SegmentNumbers
from central.segments.progress import Progress
from central.segments.read import Source
from central.segments.rows import data, from_data
from central.segments.spool import Spool
from central.segments.values import ColumnFiles, ValueSpool, ValuesSource, same_columns
from central.segments.visitors import VisitorsWriter, visitors_path, visitors_schema
from rulecore import SnapshotImage
from rulecore._grouping import SetNumbers
from rulecore._partition import RECORD_HEAD_BYTES, gather_visitors, partition_records
from rulecore.errors import UnitKeyCollisionError
from rulecore.keys import PSEUDONYM_BYTES, MembershipKeys
from rulecore.mapping import map_file
from rulecore.snapshot import FINGERPRINT_BITS, Parts, write_image

PARTITION_BYTES: Final = 4 << 20
"""Of records, about: few enough to be sorted in a processor's cache."""
PARTITION_BITS_MAX: Final = 10


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


class Inputs:
    """The files of a build, opened: what is wrong with their columns is known before a row is read.

    Columns come from `columns`, or where there are none from the visitors files among `members`.
    """

    def __init__(self, members: Sequence[Path], columns: Sequence[Path]) -> None:
        """Raises InputError, LimitError, OSError."""
        self.numbers = SegmentNumbers()
        self.members = [MembersSource(path, self.numbers) for path in members]
        if not columns:
            visitors_files = [source.file.visitors_file for source in self.members]
            columns = [file.path for file in visitors_files if file is not None and file.columns]
        self.values = [ValuesSource(path, number) for number, path in enumerate(columns)]
        self.columns = same_columns(self.values)

    @property
    def member_rows(self) -> int:
        return sum(source.file.rows for source in self.members)

    @property
    def column_rows(self) -> int:
        return sum(source.file.rows for source in self.values)

    @property
    def spool_bytes(self) -> int:
        """At most, of the members' records."""
        memberships = sum(source.memberships for source in self.members)
        return RECORD_HEAD_BYTES * (self.member_rows + self.column_rows) + 2 * memberships

    @property
    def partition_bits(self) -> int:
        """So many that a partition has about PARTITION_BYTES."""
        partitions = -(-self.spool_bytes // PARTITION_BYTES)
        return min(PARTITION_BITS_MAX, max(0, partitions - 1).bit_length())


def build_snapshot(
    members: Sequence[Path],
    columns: Sequence[Path],
    keys: MembershipKeys,
    epoch: int,
    out: Path,
    *,
    fingerprint_bits: int = FINGERPRINT_BITS,
) -> BuildStats:
    """Build the image `out` and its visitors file from Parquet: `members`, and `columns` with a row a visitor.

    Visitors come as `visitor_id` or as `pseudonym` (16 bytes, or 32 hex digits); members as `segment`, a row a
    membership, or `segments`, a row a visitor with a list. A visitors file is both members and columns. The same
    membership may come more than once, a visitor only once in `columns`. The image is verified before it takes its
    place, just after the visitors file. Raises InputError, KeyError without a key of the epoch, LimitError, OSError,
    UnitKeyCollisionError.
    """
    keys.epoch_key(epoch)
    refuse_to_overwrite((*members, *columns), out)
    progress = Progress()
    try:
        with drafts(out) as folder:
            inputs = Inputs(members, columns)
            try:
                snapshot = _Build(folder, inputs, keys, epoch, progress, fingerprint_bits=fingerprint_bits).run()
            except UnitKeyCollisionError as error:
                raise UnitKeyCollisionError(error.key, _rows_of(error.key, inputs, keys, epoch)) from None
            # The visitors file first: an image without its own is the older one, which names the difference.
            put_in_place({folder / "visitors": visitors_path(out), folder / "image": out})
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise OSError(errno.ENOSPC, "the disk is full; nothing was built", str(out.parent)) from None
    finally:
        progress.finish()
    return BuildStats(
        member_rows=inputs.member_rows,
        column_rows=inputs.column_rows,
        visitors=snapshot.visitors,
        sets=snapshot.sets,
        segments=dict(zip(snapshot.segments, snapshot.sizes(), strict=True)),
        columns=dict(snapshot.columns),
        epoch=epoch,
        size_bytes=snapshot.size,
        checksum=f"{snapshot.checksum:016x}",
    )


class _Partition(NamedTuple):
    """The visitors of a partition, as `gather_visitors` gives them, and their values by column."""

    keys: bytes
    pseudonyms: bytes
    starts: bytes
    segments: bytes
    values: list[pa.Array]


class _Build:
    """One build, in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        inputs: Inputs,
        keys: MembershipKeys,
        epoch: int,
        progress: Progress,
        *,
        fingerprint_bits: int,
    ) -> None:
        self._folder = folder
        self._fingerprint_bits = fingerprint_bits
        self._inputs = inputs
        self._keys = keys
        self._epoch = epoch
        self._progress = progress
        self._bits = inputs.partition_bits

    def run(self) -> SnapshotImage:
        """Leave `image` and `visitors` in the folder; gives the image, verified."""
        with ExitStack() as stack:
            records = stack.enter_context(Spool(self._path("records")))
            values = stack.enter_context(ValueSpool(self._path("values"), self._inputs.values, self._bits))
            self._spool_members(records)
            self._spool_values(records, values)
            columns = stack.enter_context(ColumnFiles(self._folder, self._inputs.columns))
            segments = sorted(self._inputs.numbers.names)
            visitors = stack.enter_context(
                VisitorsWriter(self._path("visitors"), self._epoch, segments, self._inputs.columns)
            )
            sets = self._gather(records, values, columns, visitors)
            records.remove()
            values.remove()
            self._write_image(segments, sets, columns)
            self._progress.stage("verifying")
            image = SnapshotImage.open(self._path("image"))
            image.verify()
            visitors.finish(image.checksum)
            return image

    def _spool_members(self, records: Spool) -> None:
        def spool(item: tuple[MembersSource, int, pa.RecordBatch]) -> int:
            source, before, batch = item
            rows = source.member_rows(batch, before, self._keys)
            unit_keys = self._keys.unit_keys(self._epoch, rows.pseudonyms)
            records.add(*partition_records(unit_keys, rows.pseudonyms, rows.starts, rows.numbers, self._bits))
            return rows.rows

        self._progress.stage("reading members", self._inputs.member_rows)
        batches = ((source, *batch) for source in self._inputs.members for batch in source.batches())
        with parallel.in_order(spool, batches, parallel.THREADS) as counts:
            for count in counts:
                self._progress.advance(count)

    def _spool_values(self, records: Spool, values: ValueSpool) -> None:
        """Also as members of nothing: who has values is known, whatever segments say."""

        def spool(item: tuple[ValuesSource, int, pa.RecordBatch]) -> int:
            source, before, batch = item
            pseudonyms = source.file.pseudonyms(batch, before, self._keys)
            unit_keys = self._keys.unit_keys(self._epoch, pseudonyms)
            no_segments = bytes(4 * (batch.num_rows + 1))
            records.add(*partition_records(unit_keys, pseudonyms, no_segments, b"", self._bits))
            values.add(source, before, unit_keys, source.values(batch, before))
            return len(unit_keys) // 8

        self._progress.stage("reading columns", self._inputs.column_rows)
        batches = ((source, *batch) for source in self._inputs.values for batch in source.batches())
        with parallel.in_order(spool, batches, parallel.THREADS) as counts:
            for count in counts:
                self._progress.advance(count)

    def _gather(self, records: Spool, values: ValueSpool, columns: ColumnFiles, visitors: VisitorsWriter) -> SetNumbers:
        """Spool the unit keys, set ids and values of the visitors, in order of key, and write the visitors file."""
        sets = SetNumbers()
        schema = visitors_schema(self._inputs.columns)
        self._progress.stage("sorting visitors", 1 << self._bits)
        with self._path("keys").open("wb") as key_file, self._path("sets").open("wb") as set_file:
            gather = self._gatherer(records, values)
            with parallel.in_order(gather, range(1 << self._bits), parallel.THREADS) as partitions:
                for part in partitions:
                    key_file.write(part.keys)
                    set_file.write(sets.add(part.starts, part.segments))
                    columns.write(part.values)
                    visitors.write(pa.RecordBatch.from_arrays(_visitors(part), schema=schema))
                    self._progress.advance(1)
        return sets

    def _gatherer(self, records: Spool, values: ValueSpool) -> Callable[[int], _Partition]:
        """What reads a partition and puts its visitors in order, segments by name."""
        names = self._inputs.numbers.names
        id_of = {name: number for number, name in enumerate(sorted(names))}
        segment_ids = data(pa.array([id_of[name] for name in names], pa.uint16()))

        def gather(partition: int) -> _Partition:
            made = gather_visitors(b"".join(records.pieces(partition)), self._bits, segment_ids)
            return _Partition(*made, values.of_visitors(partition, made[0]))

        return gather

    def _write_image(self, segments: Sequence[str], sets: SetNumbers, columns: ColumnFiles) -> None:
        self._progress.stage("numbering values", len(self._inputs.columns))
        numbered = []
        for column in columns.number():
            numbered.append(column)
            self._progress.advance(1)
        self._progress.stage("writing")
        parts = Parts(
            epoch=self._epoch,
            segments=segments,
            keys=map_file(self._path("keys")),
            sets=map_file(self._path("sets")),
            set_starts=sets.set_starts(),
            members=sets.members(),
            columns=numbered,
            fingerprint_bits=self._fingerprint_bits,
        )
        with self._path("image").open("wb") as file:
            write_image(file, parts)

    def _path(self, name: str) -> Path:
        return self._folder / name


def _visitors(part: _Partition) -> list[pa.Array]:
    """The columns of a batch of the visitors file."""
    rows = len(part.keys) // 8
    ids = from_data(pa.uint16(), part.segments)
    lists = visitors_schema({}).field(1).type
    return [
        from_data(pa.binary(PSEUDONYM_BYTES), part.pseudonyms),
        pa.Array.from_buffers(lists, rows, [None, pa.py_buffer(part.starts)], children=[ids]),
        *part.values,
    ]


def _rows_of(key: int, inputs: Inputs, keys: MembershipKeys, epoch: int) -> tuple[str, ...]:
    """The first row of each visitor with this unit key."""
    found: dict[bytes, str] = {}

    def find(file: Source, before: int, batch: pa.RecordBatch) -> None:
        pseudonyms = file.pseudonyms(batch, before, keys)
        hits = pc.equal(from_data(pa.uint64(), keys.unit_keys(epoch, pseudonyms)), pa.scalar(key, pa.uint64()))
        for at in pc.indices_nonzero(hits).to_pylist():
            pseudonym = pseudonyms[PSEUDONYM_BYTES * at : PSEUDONYM_BYTES * (at + 1)]
            found.setdefault(pseudonym, f"{file.path} row {before + at + 1:,}")

    sources: list[MembersSource | ValuesSource] = [*inputs.members, *inputs.values]
    for source in sources:
        for before, batch in source.batches():
            find(source.file, before, batch)
    return tuple(found.values())
