"""Writes delta images, and makes several one. `_delta_layout.pxd` draws the format, `_delta` reads it.

`write_delta` lays out what somebody has found to have changed. Finding it, and folding deltas into a new snapshot,
belong to `central.segments`.
"""

from __future__ import annotations

import io
import itertools
import struct
from array import array
from collections.abc import Sequence
from typing import BinaryIO, Final, Literal

import msgspec
from typing_extensions import Buffer

from rulecore._delta import DeltaImage
from rulecore.chain import check_sequence
from rulecore.errors import ImageError, LimitError
from rulecore.limits import LIMITS
from rulecore.model import Type
from rulecore.sections import write_sections
from rulecore.snapshot import COLUMN_TYPES, Column, Value, check_names, encode_values, in_order, plain

MAGIC: Final = b"EWDELT\r\n"
VERSION: Final = 1

_COUNTS: Final = struct.Struct("<QQQ10I")
_MEMBER_BYTES: Final = 2


class DeltaParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a delta is made of. `keys` (8 bytes each) and `sets` (4 bytes each) are one an entry, keys ascending.

    An entry's set is 0 for a tombstone, else 1 + a set of `set_starts` and `members`, which are as `RowGrouper` gives
    them. `segments` are appended, in order of id. `base` and `follows` are checksums of images: of the snapshot, and of
    the image before (what a delta `stands_for`). Columns are the snapshot's, with an id an entry, 0 for a tombstone.
    `first_version` and `stands_for` are for several that were made one, as `merge_deltas` gives them.
    """

    epoch: int
    base: int
    follows: int
    version: int
    segments_before: int
    segments: Sequence[str]
    keys: Buffer
    sets: Buffer
    set_starts: Buffer
    members: Buffer
    columns: Sequence[Column] = ()
    first_version: int | None = None
    stands_for: int = 0


def write_delta(out: BinaryIO, parts: DeltaParts) -> int:
    """Write an image to `out`, from where it stands; gives its size in bytes. Raises LimitError, ValueError.

    Of the sets it writes those that an entry has, each once: the same changes give the same bytes.
    """
    entries = memoryview(parts.keys).nbytes // 8
    if entries > LIMITS.delta_entries_max:
        raise LimitError(f"{entries:,} entries; a delta has at most {LIMITS.delta_entries_max:,}")
    if parts.segments_before + len(parts.segments) > LIMITS.segments_max:
        raise LimitError(
            f"{parts.segments_before + len(parts.segments):,} segments; a snapshot has at most {LIMITS.segments_max:,}"
        )
    check_names(parts.segments, [column.name for column in parts.columns])
    image = _image(parts, entries)
    try:
        DeltaImage(image)
    except ImageError as error:
        raise ValueError(f"these parts make no delta: {error.what}") from error
    return out.write(image)


def _image(parts: DeltaParts, entries: int) -> bytes:
    sets, set_starts, members = _each_once(parts)
    kinds = b"".join(struct.pack("<II", COLUMN_TYPES.index(column.type), column.count) for column in parts.columns)
    sections: list[Buffer] = [
        encode_values(Type.STRING, parts.segments),
        kinds + encode_values(Type.STRING, [column.name for column in parts.columns]),
        parts.keys,
        sets,
        set_starts,
        members,
    ]
    for column in parts.columns:
        sections += [column.ids, column.values]
    counts = _COUNTS.pack(
        parts.base,
        parts.follows,
        parts.stands_for,
        parts.epoch,
        parts.version if parts.first_version is None else parts.first_version,
        parts.version,
        parts.segments_before,
        len(parts.segments),
        len(parts.columns),
        entries,
        sets.count(0),
        len(set_starts) - 1,
        len(members) // _MEMBER_BYTES,
    )
    out = io.BytesIO()
    write_sections(out, MAGIC, VERSION, counts, sections, bytes_max=LIMITS.delta_bytes_max)
    return out.getvalue()


def _each_once(parts: DeltaParts) -> tuple[array[int], array[int], bytes]:
    """Sets, starts and members with the sets in order of first appearance, each once, and none that no entry has."""
    starts, members = _numbers(parts.set_starts), memoryview(parts.members).cast("B")
    if starts[:1] != [0] or starts != sorted(starts) or _MEMBER_BYTES * starts[-1] != len(members):
        raise ValueError("set_starts do not say where sets lie in members")
    numbers = {0: 0}
    by_content: dict[bytes, int] = {}
    for old in _numbers(parts.sets):
        if old not in numbers:
            if old >= len(starts):
                raise ValueError(f"an entry has set {old - 1}, but there are {len(starts) - 1} sets")
            content = bytes(members[_MEMBER_BYTES * starts[old - 1] : _MEMBER_BYTES * starts[old]])
            numbers[old] = by_content.setdefault(content, len(by_content) + 1)
    sets = array("I", map(numbers.__getitem__, _numbers(parts.sets)))
    ends = itertools.accumulate(len(content) // _MEMBER_BYTES for content in by_content)
    return sets, array("I", [0, *ends]), b"".join(by_content)


def merge_deltas(images: Sequence[DeltaImage]) -> DeltaParts:
    """Deltas that follow one another as one that stands for the last of them: of each visitor, the newest entry.

    There may be more of them than may lie on a snapshot. Raises LinkError when one does not follow the one before it,
    and ValueError for none at all.
    """
    if not images:
        raise ValueError("there are no deltas to be made one")
    segments = check_sequence(images)
    newest: dict[int, int] = {}
    firsts = list(itertools.accumulate((image.entries for image in images), initial=0))
    for first, image in zip(firsts, images, strict=False):
        newest.update(zip(_numbers(image.keys, "Q"), itertools.count(first), strict=False))
    keys = sorted(newest)
    entries = [newest[key] for key in keys]
    sets, set_starts = array("I"), array("I", [0])
    for image in images:
        before = len(set_starts) - 1
        sets.extend(number and number + before for number in _numbers(image.sets))
        set_starts.extend(start + set_starts[before] for start in _numbers(image.set_starts)[1:])
    first_image, last = images[0], images[-1]
    return DeltaParts(
        epoch=last.epoch,
        base=last.base,
        follows=first_image.follows,
        version=last.version,
        segments_before=first_image.segments_before,
        segments=segments,
        keys=array("Q", keys),
        sets=array("I", map(sets.__getitem__, entries)),
        set_starts=set_starts,
        members=b"".join(image.members for image in images),
        columns=[_merged_column(images, number, entries) for number in range(len(last.columns))],
        first_version=first_image.first_version,
        stands_for=last.stands_for,
    )


def _merged_column(images: Sequence[DeltaImage], number: int, entries: Sequence[int]) -> Column:
    """A column of the entries that are left, which are counted through all images; only their values are kept."""
    name, type_name = images[-1].columns[number]
    kind = Type(type_name)
    everyone: list[Value | None] = []
    for image in images:
        values = [None, *map(plain, image.column_values(number))]
        everyone += map(values.__getitem__, _numbers(image.column_ids(number)))
    distinct = sorted({value for entry in entries if (value := everyone[entry]) is not None}, key=in_order)
    numbers: dict[Value | None, int] = {value: i + 1 for i, value in enumerate(distinct)}
    numbers[None] = 0
    ids = array("I", (numbers[everyone[entry]] for entry in entries))
    return Column(name, kind, len(distinct), ids, encode_values(kind, distinct))


def _numbers(buffer: Buffer, code: Literal["I", "Q"] = "I") -> list[int]:
    """A buffer of numbers of 4 or 8 bytes each."""
    view = memoryview(buffer).cast("B")
    size = array(code).itemsize
    if len(view) % size:
        raise ValueError(f"{len(view)} bytes are no whole number of {size} bytes each")
    return view.cast(code).tolist()
