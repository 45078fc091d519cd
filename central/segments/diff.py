"""Makes deltas: from two snapshots, or one from several that follow one another.

Both snapshots are read from their visitors files, in order of unit key, side by side; only what differs is held. What
makes a difference belongs to `central.segments.changes`, the image to `rulecore.delta`.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from central.segments.chain import Chain, changes_of, open_image, visitors_of
from central.segments.changes import Changes, compared
from central.segments.files import drafts, put_in_place, refuse_to_overwrite
from central.segments.progress import Progress
from central.segments.rows import UNIT_KEY, aligned, data, rows_schema
from central.segments.visitors import SEGMENTS, VisitorsWriter, visitors_path
from rulecore import DeltaImage
from rulecore.delta import DeltaParts, merge_deltas, write_delta
from rulecore.errors import LimitError, LinkError
from rulecore.keys import MembershipKeys
from rulecore.limits import LIMITS
from rulecore.model import Type
from rulecore.snapshot import Column, encode_values

_NEW_BASE: Final = "publish the new snapshot itself, and no delta"


class DeltaStats(msgspec.Struct, frozen=True):
    """What a delta holds, and where it stands. Checksums are 16 hexadecimal digits."""

    epoch: int
    base: str
    follows: str
    first_version: int
    version: int
    entries: int
    tombstones: int
    segments: list[str]
    size_bytes: int
    checksum: str


class DiffStats(msgspec.Struct, frozen=True):
    """A delta, how many of its entries are visitors that the old one did not know, and names that the new one lacks."""

    delta: DeltaStats
    added: int
    kept_segments: list[str]
    """Segments that the old snapshot has and the new one lacks: they stay, since ids are never used again."""


def diff(old: Chain, new: Chain, keys: MembershipKeys, out: Path, progress: Progress) -> DiffStats:
    """Write to `out` the delta that leads from the end of the chain `old` to the snapshot `new`; and its visitors file.

    Raises InputError, KeyError without a key of the epoch, LimitError, LinkError, OSError.
    """
    refuse_to_overwrite((old.path, *old.delta_paths, new.path), out)
    _check_alike(old, new)
    appended = sorted(set(new.segments) - set(old.segments))
    segments = (*old.segments, *appended)
    if len(segments) > LIMITS.segments_max:
        what = f"there would be {len(segments):,} segments, and at most {LIMITS.segments_max:,} are allowed"
        raise LimitError(f"{what}: {_NEW_BASE}")
    changes, added = _changes(old, new, keys, {name: i for i, name in enumerate(segments)}, progress)
    progress.stage("writing")
    parts = _parts(old, changes, appended)
    delta = _write(out, parts, segments, changes.rows)
    return DiffStats(delta, added, sorted(set(old.segments) - set(new.segments)))


def compact(paths: Sequence[Path], out: Path) -> DeltaStats:
    """Write to `out` one delta that stands for several that follow one another; its visitors file, if they have theirs.

    Raises InputError, LimitError, LinkError, OSError, and ValueError for no paths.
    """
    refuse_to_overwrite(paths, out)
    deltas = [open_image(path, DeltaImage) for path in paths]
    parts = merge_deltas(deltas)
    if not all(visitors_path(path).exists() for path in paths):
        return _write(out, parts)
    files = [visitors_of(path, delta.checksum) for path, delta in zip(paths, deltas, strict=True)]
    segments = files[-1].segments
    id_of = {name: i for i, name in enumerate(segments)}
    changes = [changes_of(delta, file, id_of) for delta, file in zip(deltas, files, strict=True)]
    return _write(out, parts, segments, Changes.folded(files[-1].columns, changes).rows)


def delta_stats(delta: DeltaImage) -> DeltaStats:
    return DeltaStats(
        epoch=delta.epoch,
        base=f"{delta.base:016x}",
        follows=f"{delta.follows:016x}",
        first_version=delta.first_version,
        version=delta.version,
        entries=delta.entries,
        tombstones=delta.tombstones,
        segments=list(delta.segments),
        size_bytes=delta.size,
        checksum=f"{delta.checksum:016x}",
    )


def _check_alike(old: Chain, new: Chain) -> None:
    if old.base.epoch != new.base.epoch:
        raise LinkError(f"{old.path} is of epoch {old.base.epoch}, {new.path} of epoch {new.base.epoch}: {_NEW_BASE}")
    if old.columns != new.columns:
        raise LinkError(
            f"{old.path} has the columns {_listed(old.columns)}, {new.path} has {_listed(new.columns)}: {_NEW_BASE}"
        )
    if len(old.deltas) >= LIMITS.deltas_max:
        what = f"{len(old.deltas)} deltas lie on {old.path}, and at most {LIMITS.deltas_max} may"
        raise LimitError(f"{what}: make them one with `central snapshot compact`, or {_NEW_BASE}")


def _listed(columns: Mapping[str, Type]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in columns.items()) or "none"


def _changes(
    old: Chain, new: Chain, keys: MembershipKeys, id_of: Mapping[str, int], progress: Progress
) -> tuple[Changes, int]:
    """What differs, and how many visitors are new."""
    room = LIMITS.delta_entries_max - old.entries
    before = f", with the {old.entries:,} entries of the deltas before" if old.deltas else ""
    parts: list[Changes] = []
    found = added = 0
    progress.stage("comparing", old.base.visitors + new.base.visitors)
    schema = rows_schema(old.columns)
    for old_rows, new_rows in aligned(schema, old.rows(keys, id_of), new.rows(keys, id_of)):
        part, new_here = compared(old_rows, new_rows)
        parts.append(part)
        found += len(part)
        added += new_here
        if found > room:
            what = f"more than {LIMITS.delta_entries_max:,} visitors differ{before}, which is more than deltas may hold"
            raise LimitError(f"{what}: {_NEW_BASE}")
        progress.advance(old_rows.num_rows + new_rows.num_rows)
    return Changes.gathered(old.columns, parts), added


def _parts(old: Chain, changes: Changes, appended: Sequence[str]) -> DeltaParts:
    keys = changes.keys
    gone = pc.is_in(keys, value_set=changes.gone)
    numbers = pc.cumulative_sum(pc.invert(gone).cast(pa.uint32()))
    rows = pc.if_else(gone, None, pc.subtract(numbers, pa.scalar(1, pa.uint32())))
    sets = changes.rows.column(SEGMENTS)
    ends = pc.cumulative_sum(pc.list_value_length(sets)).cast(pa.uint32())
    return DeltaParts(
        epoch=old.base.epoch,
        base=old.base.checksum,
        follows=old.follows,
        version=old.version + 1,
        segments_before=len(old.segments),
        segments=appended,
        keys=data(keys),
        sets=data(pc.if_else(gone, pa.scalar(0, pa.uint32()), numbers)),
        set_starts=data(pa.concat_arrays([pa.array([0], pa.uint32()), ends])),
        members=data(sets.flatten()),
        columns=[_column(name, kind, changes.rows.column(name).take(rows)) for name, kind in old.columns.items()],
    )


def _column(name: str, kind: Type, values: pa.Array) -> Column:
    """A value an entry; distinct ones are numbered in order of what is written of them."""
    plain = [math.nan if value != value else value for value in map(_hashable, values.to_pylist())]  # noqa: PLR0124
    distinct = sorted(set(plain) - {None}, key=lambda value: encode_values(kind, [value]))
    numbers = {None: 0} | {value: i + 1 for i, value in enumerate(distinct)}
    return Column(name, kind, len(distinct), array("I", map(numbers.__getitem__, plain)), encode_values(kind, distinct))


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _write(
    out: Path, parts: DeltaParts, segments: Sequence[str] = (), rows: pa.RecordBatch | None = None
) -> DeltaStats:
    """Write a delta and, of `rows`, its visitors file, and put them in their place."""
    with drafts(out) as folder:
        path = folder / "delta"
        with path.open("xb") as file:
            write_delta(file, parts)
        delta = open_image(path, DeltaImage)
        places = {path: out}
        if rows is not None:
            beside = folder / "visitors"
            columns = {column.name: column.type for column in parts.columns}
            with VisitorsWriter(beside, parts.epoch, segments, columns) as writer:
                writer.write(rows.drop_columns([UNIT_KEY]))
                writer.finish(delta.checksum)
            places = {beside: visitors_path(out), **places}
        put_in_place(places)
    return delta_stats(delta)
