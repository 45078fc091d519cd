"""What a build will take, before it is begun: its visitors, sets, memory, disk, seconds, and what it writes.

Every row is read once, as the build will, and one visitor in 2^n is kept, by unit key: so whoever is kept is kept
with all memberships, in whatever order and files the rows come. From these visitors, about SAMPLE_ROWS rows of them,
and from half of them, snapshots are built for real beside the one to come, and thrown away. That tells, in the format
of the day:

- visitors: as many as were kept, times 2^n;
- distinct sets, the image and the visitors file: the geometric mean of the power law through the half and the whole of
  the sample, as is usual for distinct things among more and more (Heaps' law), and of the straight line through them.
  New sets become rarer, so the line says too many; but some visitors' sets stay their own, so the power law mostly
  says too few;
- seconds: those of reading all rows, plus those of building from the sample in proportion to the visitors;
- disk, at its peak: keys and set ids of 12 bytes a visitor, a value and its id of 12 bytes a visitor and column, the
  visitors file; and with them first the spooled records, exactly, and rows of values, then the image;
- memory: a model, since a small build's can't be told from Python's and Arrow's own. A fixed part for batches and
  partitions; for a visitor the mapped keys, set ids and values' ids, and what writing the image makes of them; for a
  distinct set its members, start and place in the table, each with the room that they grow into.

A key of its own stands in for the epoch's when the sample is built, and no visitor id is written.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from central.segments import parallel
from central.segments.build import Inputs, build_snapshot
from central.segments.files import drafts
from central.segments.members import MembersSource
from central.segments.progress import Progress
from central.segments.rows import from_data
from central.segments.values import ValuesSource
from central.segments.visitors import ARROW_TYPES, PSEUDONYM, SEGMENTS, visitors_path
from rulecore.keys import KEY_BYTES, PSEUDONYM_BYTES, MembershipKeys
from rulecore.snapshot import FINGERPRINT_BITS

SAMPLE_ROWS: Final = 1 << 20

_MEMBERS: Final = 0
_VALUES: Final = 1
_FIXED_BYTES: Final = 512 << 20
_VISITOR_BYTES: Final = 40
_VALUE_BYTES: Final = 12
_SET_BYTES: Final = 48
_MEMBER_BYTES: Final = 6
_GATHERED_BYTES: Final = 12
_SPOOLED_ROW_BYTES: Final = 20
_SAMPLE_KEYS: Final = MembershipKeys(bytes(KEY_BYTES), {0: bytes(KEY_BYTES)})


class Plan(msgspec.Struct, frozen=True):
    """What a build will take. Rows are counted, the others estimated; `sampled_visitors` says from how many."""

    member_rows: int
    column_rows: int
    sampled_visitors: int
    visitors: int
    sets: int
    image_bytes: int
    visitors_file_bytes: int
    memory_bytes: int
    disk_bytes: int
    seconds: float


class _Sizes(NamedTuple):
    """Of a snapshot that was built from a part of the visitors."""

    visitors: int
    sets: int
    memberships: int
    image_bytes: int
    visitors_file_bytes: int
    seconds: float


def plan_snapshot(
    members: Sequence[Path],
    columns: Sequence[Path],
    keys: MembershipKeys,
    epoch: int,
    out: Path,
    *,
    fingerprint_bits: int = FINGERPRINT_BITS,
) -> Plan:
    """What `build_snapshot` with these arguments will take; `out` is not written, but the sample lies beside it.

    Raises what `build_snapshot` does.
    """
    keys.epoch_key(epoch)
    progress = Progress()
    try:
        inputs = Inputs(members, columns)
        rows = inputs.member_rows + inputs.column_rows
        share_bits = max(0, -(-rows // SAMPLE_ROWS) - 1).bit_length()
        with drafts(out) as folder:
            samples = [
                _Sample(folder / str(bits), inputs, bits, fingerprint_bits) for bits in (share_bits + 1, share_bits)
            ]
            begun = time.monotonic()
            progress.stage("sampling", rows)
            for some in _rows(inputs, keys, epoch):
                for sample in samples:
                    sample.write(some)
                progress.advance(some.batch.num_rows)
            reading_seconds = time.monotonic() - begun
            progress.finish()
            half, whole = (sample.build() for sample in samples)
    finally:
        progress.finish()
    return _extrapolated(inputs, half, whole, 1 << share_bits, reading_seconds)


class _Sample:
    """Some visitors' rows, by pseudonym, in a folder of their own: a file of members and one of columns."""

    def __init__(self, folder: Path, inputs: Inputs, share_bits: int, fingerprint_bits: int) -> None:
        """One in 2^`share_bits` visitors. Raises OSError."""
        folder.mkdir()
        self._fingerprint_bits = fingerprint_bits
        self._folder = folder
        self._end = pa.scalar(2 ** (64 - share_bits) - 1, pa.uint64())
        pseudonym = (PSEUDONYM, pa.binary(PSEUDONYM_BYTES))
        values = [(name, ARROW_TYPES[kind]) for name, kind in inputs.columns.items()]
        self._schemas = [pa.schema([pseudonym, (SEGMENTS, pa.list_(pa.string()))]), pa.schema([pseudonym, *values])]
        self._rows = [0, 0]
        self._writers = [
            pq.ParquetWriter(folder / str(number), schema, compression="none")
            for number, schema in enumerate(self._schemas)
        ]

    def write(self, rows: _Rows) -> None:
        """Add those of the rows that belong to it. Raises OSError."""
        kept = rows.batch.filter(pc.less_equal(rows.unit_keys, self._end))
        self._rows[rows.kind] += kept.num_rows
        self._writers[rows.kind].write_batch(kept)

    def build(self) -> _Sizes:
        """Build a snapshot of them. Raises what `build_snapshot` does."""
        for writer in self._writers:
            writer.close()
        members, columns = ([self._folder / str(kind)] if self._rows[kind] else [] for kind in (_MEMBERS, _VALUES))
        if not members:
            return _Sizes(0, 0, 0, 0, 0, 0.0)
        begun = time.monotonic()
        stats = build_snapshot(
            members, columns, _SAMPLE_KEYS, 0, self._folder / "out", fingerprint_bits=self._fingerprint_bits
        )
        seconds = time.monotonic() - begun
        visitors_file_bytes = visitors_path(self._folder / "out").stat().st_size
        memberships = sum(stats.segments.values())
        return _Sizes(stats.visitors, stats.sets, memberships, stats.size_bytes, visitors_file_bytes, seconds)


class _Rows(NamedTuple):
    """Rows of members or of columns, in the schema of a sample's file of that kind, and their unit keys."""

    kind: int
    batch: pa.RecordBatch
    unit_keys: pa.Array


def _rows(inputs: Inputs, keys: MembershipKeys, epoch: int) -> Iterator[_Rows]:
    def taken(kind: int, pseudonyms: bytes, others: Sequence[pa.Array], names: Sequence[str]) -> _Rows:
        each = from_data(pa.binary(PSEUDONYM_BYTES), pseudonyms)
        batch = pa.RecordBatch.from_arrays([each, *others], [PSEUDONYM, *names])
        return _Rows(kind, batch, from_data(pa.uint64(), keys.unit_keys(epoch, pseudonyms)))

    def of_members(item: tuple[MembersSource, int, pa.RecordBatch]) -> _Rows:
        source, before, batch = item
        rows = source.member_rows(batch, before, keys)
        names = pa.array(inputs.numbers.names, pa.string())
        numbers = from_data(pa.uint16(), rows.numbers)
        if rows.starts is None:
            starts = pa.array(range(rows.rows + 1), pa.int32())
        else:
            starts = from_data(pa.int32(), rows.starts)
        return taken(_MEMBERS, rows.pseudonyms, [pa.ListArray.from_arrays(starts, names.take(numbers))], [SEGMENTS])

    def of_values(item: tuple[ValuesSource, int, pa.RecordBatch]) -> _Rows:
        source, before, batch = item
        values = source.values(batch, before)
        return taken(_VALUES, source.file.pseudonyms(batch, before, keys), values, list(inputs.columns))

    member_batches = ((source, *batch) for source in inputs.members for batch in source.batches())
    with parallel.in_order(of_members, member_batches, parallel.THREADS) as rows:
        yield from rows
    value_batches = ((source, *batch) for source in inputs.values for batch in source.batches())
    with parallel.in_order(of_values, value_batches, parallel.THREADS) as rows:
        yield from rows


def _extrapolated(inputs: Inputs, half: _Sizes, whole: _Sizes, share: int, reading_seconds: float) -> Plan:
    visitors = whole.visitors * share

    def law(some: int, more: int) -> int:
        """What a quantity becomes with all visitors: between the power law and the line through half and whole."""
        if share == 1 or not some or half.visitors == whole.visitors:
            return more * share
        power = math.log(more / some) / math.log(whole.visitors / half.visitors)
        line = more + (more - some) / (whole.visitors - half.visitors) * (visitors - whole.visitors)
        return round(math.sqrt(more * share**power * line))

    sets = min(law(half.sets, whole.sets), visitors)
    image_bytes = law(half.image_bytes, whole.image_bytes)
    visitors_file_bytes = law(half.visitors_file_bytes, whole.visitors_file_bytes)
    values = visitors * len(inputs.columns)
    members_a_set = whole.memberships / max(1, whole.visitors)
    spool_bytes = inputs.spool_bytes + inputs.column_rows * (_SPOOLED_ROW_BYTES + 8 * len(inputs.columns))
    gathered_bytes = _GATHERED_BYTES * (visitors + values) + visitors_file_bytes
    return Plan(
        member_rows=inputs.member_rows,
        column_rows=inputs.column_rows,
        sampled_visitors=whole.visitors,
        visitors=visitors,
        sets=sets,
        image_bytes=image_bytes,
        visitors_file_bytes=visitors_file_bytes,
        memory_bytes=round(
            _FIXED_BYTES
            + _VISITOR_BYTES * visitors
            + _VALUE_BYTES * values
            + (_SET_BYTES + _MEMBER_BYTES * members_a_set) * sets
        ),
        disk_bytes=gathered_bytes + max(spool_bytes, image_bytes),
        seconds=round(reading_seconds + whole.seconds * share, 1),
    )
