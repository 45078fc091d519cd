"""Deltas from what has changed of visitors, on a snapshot and the deltas before."""

from __future__ import annotations

import io
from array import array
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate

from rulecore import DeltaImage, SnapshotImage
from rulecore.delta import DeltaParts, write_delta
from rulecore.keys import MembershipKeys
from rulecore.model import Type
from rulecore.snapshot import Column, Value, encode_values


def delta_on(
    chain: Sequence[bytes],
    changes: Mapping[str, Collection[str] | None],
    keys: MembershipKeys,
    columns: Mapping[str, Mapping[str, Value]] | None = None,
) -> bytes:
    """An image of the next delta: of each visitor the whole new set, by names that may be new, or None to erase."""
    base, deltas = SnapshotImage(chain[0]), [DeltaImage(data) for data in chain[1:]]
    known = [*base.segments, *(name for delta in deltas for name in delta.segments)]
    added = sorted({name for names in changes.values() for name in names or ()} - {*known})
    ids = {name: number for number, name in enumerate([*known, *added])}
    rows = sorted((keys.unit_key(visitor, base.epoch), visitor) for visitor in changes)
    sets = [sorted(ids[name] for name in changes[visitor] or ()) for _, visitor in rows]
    parts = DeltaParts(
        epoch=base.epoch,
        base=base.checksum,
        follows=deltas[-1].stands_for if deltas else base.checksum,
        version=deltas[-1].version + 1 if deltas else 1,
        segments_before=len(known),
        segments=added,
        keys=array("Q", (key for key, _ in rows)),
        sets=array("I", (0 if changes[visitor] is None else 1 + i for i, (_, visitor) in enumerate(rows))),
        set_starts=array("I", accumulate(map(len, sets), initial=0)),
        members=array("H", (member for members in sets for member in members)),
        columns=[
            column(name, Type(kind), [(columns or {}).get(name, {}).get(visitor) for _, visitor in rows])
            for name, kind in base.columns
        ],
    )
    out = io.BytesIO()
    write_delta(out, parts)
    return out.getvalue()


def column(name: str, kind: Type, values: Sequence[Value | None]) -> Column:
    """Values of entries in their order, None for none."""
    distinct = list(dict.fromkeys(value for value in values if value is not None))
    ids = array("I", (0 if value is None else 1 + distinct.index(value) for value in values))
    return Column(name, kind, len(distinct), ids, encode_values(kind, distinct))
