"""Writes snapshot images. `_snapshot_layout.pxd` draws the format, `_snapshot` reads it.

`write_image` compresses and lays out what somebody gathered, at any size; `write_snapshot` does all of it for members
in memory. Building one from files and putting it in its place belong to `central.segments`.
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

from rulecore._grouping import NO_SEGMENT, RowGrouper
from rulecore._numbering import most_frequent_first, renumber, reorder, reorder_texts, segment_sizes, weigh
from rulecore._record_writer import order_sets, write_records
from rulecore._retrieval_writer import write_retrieval
from rulecore.codes import PrefixCode, prefix_code
from rulecore.errors import LimitError
from rulecore.keys import MembershipKeys
from rulecore.limits import LIMITS
from rulecore.model import Scalar, Type
from rulecore.sections import write_sections

MAGIC: Final = b"EWSNAP\r\n"
VERSION: Final = 2
COLUMN_TYPES: Final = (Type.BOOL, Type.INT, Type.DOUBLE, Type.STRING, Type.LIST_STRING)
"""By the number that the image has for them."""

Value = Scalar | tuple[str, ...]
"""Of a column."""

SEGMENT_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
COLUMN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")

FINGERPRINT_BITS: Final = 16
"""An unknown visitor is taken for a member with a chance of 1 in 65,536."""

_COUNTS: Final = struct.Struct("<IIIIQQ")
_COLUMN: Final = struct.Struct("<IIII")
_TYPES: Final[Mapping[type, Type]] = {
    bool: Type.BOOL,
    int: Type.INT,
    float: Type.DOUBLE,
    str: Type.STRING,
    tuple: Type.LIST_STRING,
}
_WIDTHS: Final = {Type.BOOL: 1, Type.INT: 8, Type.DOUBLE: 8}


class Column(msgspec.Struct, frozen=True):
    """A value a visitor. `ids` has 4 bytes a row: 0 for none, else 1 + the index of the value in `values`.

    `values` is what `encode_values` makes: `count` distinct ones.
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
    fingerprint_bits: int = FINGERPRINT_BITS


def write_image(out: BinaryIO, parts: Parts) -> int:
    """Write an image to `out`, from where it stands; gives its size in bytes. Raises LimitError, ValueError.

    Takes memory for what it writes, and 8 bytes a visitor.
    """
    column_names = [column.name for column in parts.columns]
    check_names(parts.segments, column_names)
    _check_order("segment", parts.segments, LIMITS.segments_max)
    _check_order("column", column_names, LIMITS.columns_max)
    visitors = memoryview(parts.keys).nbytes // 8
    if visitors >= 2**32:
        raise LimitError("a snapshot holds less than 4,294,967,296 visitors")
    sets = memoryview(parts.set_starts).nbytes // 4 - 1
    kinds, contents = _column_sections(parts)
    sections: list[Buffer] = [
        _encode_names(parts.segments),
        *_set_sections(parts, sets, kinds + _encode_names(column_names)),
        *contents,
    ]
    counts = _COUNTS.pack(parts.epoch, len(parts.segments), len(parts.columns), parts.fingerprint_bits, visitors, sets)
    return write_sections(out, MAGIC, VERSION, counts, sections, bytes_max=LIMITS.snapshot_bytes_max)


def _set_sections(parts: Parts, sets: int, column_names: bytes) -> list[Buffer]:
    """The sections from SEGMENT_SIZES to SETS."""
    weights = weigh(parts.sets, sets)
    _, runs = most_frequent_first(weights)
    code = _code(runs)
    order = order_sets(parts.set_starts, parts.members, weights, len(parts.segments), code.counts if sets else ())
    return [
        segment_sizes(weights, parts.set_starts, parts.members, len(parts.segments)),
        column_names,
        write_records(parts.set_starts, parts.members, order, len(parts.segments)),
        write_retrieval(parts.keys, renumber(parts.sets, order), code, parts.fingerprint_bits),
    ]


def _code(runs: list[tuple[int, int]]) -> PrefixCode:
    """For numbers of these weights; there is one for nobody as well."""
    return prefix_code([run for run in runs if run[0]] or [(1, 1)])


def _column_sections(parts: Parts) -> tuple[bytes, list[Buffer]]:
    """What COLUMN_NAMES says of each column, and the two sections of each."""
    kinds = b""
    sections: list[Buffer] = []
    for column in parts.columns:
        order, runs = most_frequent_first(weigh(column.ids, column.count + 1))
        numbers = array("I", order)
        none = numbers.index(0)
        del numbers[none]
        values = array("I", (number - 1 for number in numbers))
        kinds += _COLUMN.pack(COLUMN_TYPES.index(column.type), column.count, none, 0)
        sections += [
            write_retrieval(parts.keys, renumber(column.ids, order), _code(runs), 0),
            reorder(column.values, _WIDTHS[column.type], values)
            if column.type in _WIDTHS
            else reorder_texts(column.values, values),
        ]
    return kinds, sections


def write_snapshot(
    members: Mapping[str, Collection[str]],
    keys: MembershipKeys,
    epoch: int,
    columns: Mapping[str, Mapping[str, Value]] | None = None,
    fingerprint_bits: int = FINGERPRINT_BITS,
) -> bytes:
    """An image of members in memory: `members` maps visitor id to segments, `columns` name to visitor id to value.

    The values of a column are of one type. Raises KeyError, LimitError, UnitKeyCollisionError, ValueError.
    """
    columns = columns or {}
    segments = sorted({segment for of_visitor in members.values() for segment in of_visitor})
    _check_order("segment", segments, LIMITS.segments_max)
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
        fingerprint_bits=fingerprint_bits,
    )
    out = io.BytesIO()
    write_image(out, parts)
    return out.getvalue()


def _column(name: str, values: Mapping[str, Value], unit_keys: Mapping[str, int]) -> Column:
    types = {type(value) for value in values.values()}
    kind = _TYPES.get(types.pop()) if types else None
    if kind is None or types:
        raise ValueError(f"column {name}: its values are not all bool, int, float, str or tuple")
    by_key = {unit_keys[visitor_id]: plain(value) for visitor_id, value in values.items()}
    distinct = sorted(set(by_key.values()), key=in_order)
    number = {value: i + 1 for i, value in enumerate(distinct)}
    ids = array("I", (number[by_key[key]] if key in by_key else 0 for key in sorted(unit_keys.values())))
    return Column(name, kind, len(distinct), ids.tobytes(), encode_values(kind, distinct))


def plain(value: Value | list[str]) -> Value:
    """One NaN, no minus zero, and a list that can be hashed."""
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, float):
        return math.nan if math.isnan(value) else value + 0.0
    return value


def in_order(value: Value) -> tuple[bool, bytes | float]:
    """What the values of one column are sorted by."""
    if isinstance(value, tuple):
        return False, encode_items(value)
    if isinstance(value, str):
        return False, value.encode()
    return (True, 0) if math.isnan(value) else (False, value)


def encode_values(kind: Type, values: Sequence[Value]) -> bytes:
    """Distinct values of a column. Raises LimitError."""
    if kind is Type.STRING:
        return _encode_texts([text.encode() for text in cast("Sequence[str]", values)])
    if kind is Type.LIST_STRING:
        return _encode_texts([encode_items(items) for items in cast("Sequence[tuple[str, ...]]", values)])
    code = {Type.BOOL: "?", Type.INT: "q", Type.DOUBLE: "d"}[kind]
    try:
        return struct.pack(f"<{len(values)}{code}", *values)
    except struct.error:
        raise LimitError("an int column has 64-bit values") from None


def encode_items(items: Sequence[str]) -> bytes:
    """A list as one text: each string after its length in bytes, 4 bytes. Raises LimitError."""
    if len(items) > LIMITS.list_items_max:
        raise LimitError(f"a list has more than {LIMITS.list_items_max:,} strings")
    encoded = [item.encode() for item in items]
    return b"".join(len(item).to_bytes(4, "little") + item for item in encoded)


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


def _encode_texts(texts: Sequence[bytes]) -> bytes:
    if any(len(text) > LIMITS.string_bytes_max for text in texts):
        raise LimitError(f"a value has more than {LIMITS.string_bytes_max:,} bytes")
    return encode_starts(map(len, texts)) + b"".join(texts)


def _encode_names(names: Iterable[str]) -> bytes:
    return _encode_texts([name.encode() for name in names])


def check_names(segments: Iterable[str], columns: Iterable[str]) -> None:
    """Raises ValueError for one that no segment or column can have."""
    for kind, names, pattern in (("segment", segments, SEGMENT_NAME), ("column", columns, COLUMN_NAME)):
        for name in names:
            if not pattern.fullmatch(name):
                raise ValueError(f"{kind} name {name!r} does not match {pattern.pattern}")


def _check_order(kind: str, names: Sequence[str], count_max: int) -> None:
    if len(names) > count_max:
        raise LimitError(f"{len(names):,} {kind}s; a snapshot has at most {count_max:,}")
    if list(names) != sorted(set(names)):
        raise ValueError(f"{kind} names are not in ascending order, each once")
