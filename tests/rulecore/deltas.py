"""Deltas for tests: written from dicts, read back as tables, and asked."""

from __future__ import annotations

import io
import math
from array import array
from collections.abc import Mapping, Sequence

from rulecore._delta import DeltaImage
from rulecore._delta_table import DeltaTable
from rulecore.delta import DeltaParts, write_delta
from rulecore.model import Scalar, Type
from tests.deltas import column

BASE = 0xB45E_0000_0000_0001
EPOCH = 3
SEGMENTS = ("bargain_hunter", "returning", "vip")
COLUMNS = (("loyal", "bool"), ("orders", "int"), ("score", "double"), ("tier", "string"))

Entry = tuple[tuple[int, ...], Mapping[str, Scalar]] | None
"""Segment ids, ascending, and values by column; or a tombstone."""

Entries = Mapping[int, Entry]


def parts_of(entries: Entries, after: DeltaImage | None = None, segments: Sequence[str] = ()) -> DeltaParts:
    """A delta on the base, or after another one. Sets are given as often as entries have them."""
    keys = sorted(entries)
    rows = [entries[key] for key in keys]
    members = [row[0] if row else () for row in rows]
    starts = [0]
    for of_row in members:
        starts.append(starts[-1] + len(of_row))
    return DeltaParts(
        epoch=EPOCH,
        base=BASE,
        follows=after.stands_for if after else BASE,
        version=after.version + 1 if after else 1,
        segments_before=after.segments_before + len(after.segments) if after else len(SEGMENTS),
        segments=segments,
        keys=array("Q", keys),
        sets=array("I", (row is not None and number for number, row in enumerate(rows, 1))),
        set_starts=array("I", starts),
        members=array("H", (member for of_row in members for member in of_row)),
        columns=[
            column(name, Type(kind), [row[1].get(name) if row else None for row in rows]) for name, kind in COLUMNS
        ],
    )


def image_of(parts: DeltaParts) -> DeltaImage:
    out = io.BytesIO()
    assert write_delta(out, parts) == len(out.getvalue())
    return DeltaImage(out.getvalue())


def table_of(images: Sequence[DeltaImage]) -> DeltaTable:
    return DeltaTable(images, BASE, EPOCH, SEGMENTS, COLUMNS)


def answer(table: DeltaTable, key: int) -> tuple[list[str] | None, dict[str, Scalar]] | None:
    try:
        return table.lookup(key), table.values(key)
    except KeyError:
        return None


def expected(table: DeltaTable, entry: Entry) -> tuple[list[str] | None, dict[str, Scalar]]:
    return (None, {}) if entry is None else ([table.segments[i] for i in entry[0]], dict(entry[1]))


GOLD: dict[str, Scalar] = {"loyal": True, "orders": -(2**63), "score": math.inf, "tier": "größer"}
FEW: dict[int, Entry] = {
    0: ((0, 2), {"tier": ""}),
    1: None,
    0x8000_0000_0000_0000: ((), GOLD),
    0x8000_0000_0000_0001: ((0, 2), {"loyal": False, "score": -1.5}),
    0xFFFF_FFFF_FFFF_FFFF: ((1, 3), {"orders": 7}),
}
FIRST = image_of(parts_of(FEW, segments=["new_here"]))
SECOND = image_of(parts_of({0: None, 5: ((3, 4), {})}, FIRST, ["also_new"]))
SMALL = bytes(memoryview(FIRST.keys.obj))
