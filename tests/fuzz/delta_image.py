"""Delta images of doubtful origin: each is refused, does not fit, or answers within what it lists."""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterator, Sequence

from rulecore import ImageError, LinkError
from rulecore._delta import DeltaImage
from rulecore._delta_table import DeltaTable
from rulecore.delta import DeltaParts, merge_deltas, write_delta
from rulecore.model import Type
from rulecore.snapshot import Column, Value, encode_values
from tests.sectioned import DELTA, sealed

BASE = 7
EPOCH = 1
SEGMENTS = ("segment-0", "segment-1", "segment-2")
ENTRIES = 16
VALUES: dict[Type, list[Value]] = {
    Type.BOOL: [True],
    Type.INT: [-7, 2**63 - 1],
    Type.DOUBLE: [0.25, float("inf")],
    Type.STRING: ["", "gold", "größer"],
    Type.LIST_STRING: [(), ("coat", "größer")],
}


def seeds() -> Iterator[bytes]:
    """Nobody, one tombstone, some with columns of every type."""
    yield _image([], [])
    yield _image([1 << 63], [0])
    sets = [n % 4 for n in range(ENTRIES)]
    columns = [
        Column(
            kind.name.lower(),
            kind,
            len(values),
            array("I", (number and n % (len(values) + 1) for n, number in enumerate(sets))),
            encode_values(kind, values),
        )
        for kind, values in sorted(VALUES.items())
    ]
    yield _image([n << 60 for n in range(ENTRIES)], sets, columns)


def _image(keys: Sequence[int], sets: Sequence[int], columns: Sequence[Column] = ()) -> bytes:
    out = io.BytesIO()
    parts = DeltaParts(
        epoch=EPOCH,
        base=BASE,
        follows=BASE,
        version=1,
        segments_before=len(SEGMENTS),
        segments=["segment-3", "segment-4"],
        keys=array("Q", keys),
        sets=array("I", sets),
        set_starts=array("I", [0, 0, 2, 5]),
        members=array("H", [0, 3, 1, 2, 4]),
        columns=columns,
    )
    write_delta(out, parts)
    return out.getvalue()


def seal(image: bytearray) -> bytes:
    """The image with its length and every checksum made to fit."""
    return sealed(image, DELTA)


def run(data: bytes) -> None:
    """Anything but a refusal that says where, or answers, raises. A base is made up that its columns fit."""
    try:
        delta = DeltaImage(data)
        merge_deltas([delta])
        table = DeltaTable([delta], BASE, EPOCH, SEGMENTS, delta.columns)
    except ImageError as error:
        if not 0 <= error.offset <= len(data):
            raise
        return
    except LinkError:
        return
    columns = dict(delta.columns)
    for key in delta.keys.cast("Q"):
        assert set(table.lookup(key) or ()) <= set(table.segments)
        assert table.values(key).keys() <= columns.keys()
