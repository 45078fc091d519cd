"""Writes snapshot images. `_snapshot_layout.pxd` draws the format, `_snapshot` reads it.

`write_image` lays out what somebody gathered, at any size; `write_snapshot` does all of it for members in memory.
Building one from files, in bounded memory, and putting it in its place belong to `central.segments`.
"""

from __future__ import annotations

import io
import math
import re
import struct
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import BinaryIO, Final, cast

import msgspec
from typing_extensions import Buffer

from rulecore._grouping import NO_SEGMENT, RowGrouper, bucket_directory
from rulecore._hash import xxh64
from rulecore.errors import LimitError
from rulecore.keys import MembershipKeys
from rulecore.limits import LIMITS
from rulecore.model import Scalar, Type

MAGIC: Final = b"EWSNAP\r\n"
VERSION: Final = 1
COLUMN_TYPES: Final = (Type.BOOL, Type.INT, Type.DOUBLE, Type.STRING)
"""By the number that the image has for them."""

SEGMENT_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
COLUMN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")

_FRONT: Final = struct.Struct("<8sIIQQ")
_COUNTS: Final = struct.Struct("<IIIIQQQ")
_ENTRY: Final = struct.Struct("<QQQ")
_ROWS_PER_BUCKET: Final = 4


class Column(msgspec.Struct, frozen=True):
    """A value a visitor. `ids` has 4 bytes a row: 0 for none, else 1 + the index of the value in `values`.

    `values` is what `encode_values` makes: `count` distinct ones in ascending order.
    """

    name: str
    type: Type
    count: int
    ids: Buffer
    values: Buffer


class Parts(msgspec.Struct, frozen=True):
    """What an image is made of. Buffers are as `RowGrouper` gives them, segments and columns in order of name."""

    epoch: int
    segments: Sequence[str]
    keys: Buffer
    sets: Buffer
    set_starts: Buffer
    members: Buffer
    columns: Sequence[Column] = ()


def write_image(out: BinaryIO, parts: Parts) -> int:
    """Write an image to `out`, from where it stands; gives its size in bytes. Raises LimitError, ValueError."""
    _check_names("segment", parts.segments, SEGMENT_NAME, LIMITS.segments_max)
    _check_names("column", [column.name for column in parts.columns], COLUMN_NAME, LIMITS.columns_max)
    visitors = memoryview(parts.keys).nbytes // 8
    if visitors >= 2**32:
        raise LimitError("a snapshot holds less than 4,294,967,296 visitors")
    bits = max(0, (visitors // _ROWS_PER_BUCKET).bit_length() - 1)
    kinds = b"".join(struct.pack("<II", COLUMN_TYPES.index(column.type), column.count) for column in parts.columns)
    sections: list[Buffer] = [
        _encode_texts(parts.segments),
        kinds + _encode_texts([column.name for column in parts.columns]),
        bucket_directory(parts.keys, bits),
        parts.keys,
        parts.sets,
        parts.set_starts,
        parts.members,
    ]
    for column in parts.columns:
        sections += [column.ids, column.values]

    table = b""
    end = _FRONT.size + _COUNTS.size + _ENTRY.size * len(sections)
    for section in sections:
        size = memoryview(section).nbytes
        start = end + -end % 8
        table += _ENTRY.pack(start, size, xxh64(section))
        end = start + size
    if end > LIMITS.snapshot_bytes_max:
        raise LimitError(f"the snapshot would have {end:,} bytes; at most {LIMITS.snapshot_bytes_max:,} are allowed")
    sets = memoryview(parts.set_starts).nbytes // 4 - 1
    members = memoryview(parts.members).nbytes // 2
    counts = _COUNTS.pack(parts.epoch, len(parts.segments), len(parts.columns), bits, visitors, sets, members)
    at = out.write(_FRONT.pack(MAGIC, VERSION, 0, end, xxh64(counts + table)) + counts + table)
    for section in sections:
        at += out.write(bytes(-at % 8))
        at += out.write(section)
    return at


def write_snapshot(
    members: Mapping[str, Collection[str]],
    keys: MembershipKeys,
    epoch: int,
    columns: Mapping[str, Mapping[str, Scalar]] | None = None,
) -> bytes:
    """An image of members in memory: `members` maps visitor id to segments, `columns` name to visitor id to value.

    The values of a column are of one type. Raises KeyError, LimitError, UnitKeyCollisionError, ValueError.
    """
    columns = columns or {}
    segments = sorted({segment for of_visitor in members.values() for segment in of_visitor})
    number = {segment: i for i, segment in enumerate(segments)}
    rows: list[tuple[int, int, int]] = []
    unit_keys: dict[str, int] = {}
    for visitor_id in {*members, *(visitor_id for values in columns.values() for visitor_id in values)}:
        if not 0 < len(visitor_id.encode()) <= LIMITS.unit_bytes_max:
            raise ValueError(f"a visitor id has 1 to {LIMITS.unit_bytes_max} bytes, not {len(visitor_id.encode())}")
        key = unit_keys[visitor_id] = keys.unit_key(visitor_id, epoch)
        check = int.from_bytes(keys.pseudonym(visitor_id)[:8], "little")
        rows.append((key, NO_SEGMENT, check))
        rows += [(key, number[segment], check) for segment in members.get(visitor_id, ())]
    rows.sort()
    grouper = RowGrouper()
    groups = [
        grouper.add(
            struct.pack(f"<{len(rows)}Q", *(key for key, _, _ in rows)),
            struct.pack(f"<{len(rows)}Q", *(check for _, _, check in rows)),
            struct.pack(f"<{len(rows)}H", *(segment for _, segment, _ in rows)),
        ),
        grouper.finish(),
    ]
    parts = Parts(
        epoch=epoch,
        segments=segments,
        keys=groups[0][0] + groups[1][0],
        sets=groups[0][1] + groups[1][1],
        set_starts=grouper.set_starts(),
        members=grouper.members(),
        columns=[_column(name, columns[name], unit_keys) for name in sorted(columns)],
    )
    out = io.BytesIO()
    write_image(out, parts)
    return out.getvalue()


def _column(name: str, values: Mapping[str, Scalar], unit_keys: Mapping[str, int]) -> Column:
    types = {type(value) for value in values.values()}
    kind = {bool: Type.BOOL, int: Type.INT, float: Type.DOUBLE, str: Type.STRING}.get(types.pop()) if types else None
    if kind is None or types:
        raise ValueError(f"column {name}: its values are not all bool, int, float or str")
    by_key = {unit_keys[visitor_id]: _plain(value) for visitor_id, value in values.items()}
    distinct = sorted(set(by_key.values()), key=_ascending)
    number = {value: i + 1 for i, value in enumerate(distinct)}
    ids = array("I", (number[by_key[key]] if key in by_key else 0 for key in sorted(unit_keys.values())))
    return Column(name, kind, len(distinct), ids.tobytes(), encode_values(kind, distinct))


def _plain(value: Scalar) -> Scalar:
    """One NaN, and no minus zero."""
    if isinstance(value, float):
        return math.nan if math.isnan(value) else value + 0.0
    return value


def _ascending(value: Scalar) -> tuple[bool, bytes | float]:
    if isinstance(value, str):
        return False, value.encode()
    return (True, 0) if math.isnan(value) else (False, value)


def encode_values(kind: Type, values: Sequence[Scalar]) -> bytes:
    """Distinct values of a column, in ascending order: texts by their UTF-8, NaN last."""
    if kind is Type.STRING:
        return _encode_texts(cast("Sequence[str]", values))
    code = {Type.BOOL: "?", Type.INT: "q", Type.DOUBLE: "d"}[kind]
    try:
        return struct.pack(f"<{len(values)}{code}", *values)
    except struct.error:
        raise LimitError("an int column has 64-bit values") from None


def encode_starts(sizes: Iterable[int]) -> bytes:
    """The starts of texts of these sizes in bytes, and where the last one ends: 4 bytes each."""
    starts = array("I", (0,))
    at = 0
    for size in sizes:
        at += size
        if at >= 2**32:
            raise LimitError("the distinct texts of a column have 4 GiB or more")
        starts.append(at)
    return starts.tobytes()


def _encode_texts(texts: Sequence[str]) -> bytes:
    encoded = [text.encode() for text in texts]
    if any(len(text) > LIMITS.string_bytes_max for text in encoded):
        raise LimitError(f"a text has more than {LIMITS.string_bytes_max:,} bytes")
    return encode_starts(map(len, encoded)) + b"".join(encoded)


def _check_names(kind: str, names: Sequence[str], pattern: re.Pattern[str], count_max: int) -> None:
    if len(names) > count_max:
        raise LimitError(f"{len(names):,} {kind}s; a snapshot has at most {count_max:,}")
    for name in names:
        if not pattern.fullmatch(name):
            raise ValueError(f"{kind} name {name!r} does not match {pattern.pattern}")
    if list(names) != sorted(set(names)):
        raise ValueError(f"{kind} names are not in ascending order, each once")
