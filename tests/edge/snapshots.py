"""Snapshots with their keys, as files of a release."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from edge.config import Files
from rulecore.keys import MembershipKeys
from rulecore.model import Attr, Attribute, Bundle, Call, Const, Scalar, Source, Type
from rulecore.snapshot import Column, Parts, encode_starts, write_image, write_snapshot
from tests.edge.bundles import BY_NAME, placement, put, serve

KEYS: Final = MembershipKeys(b"s" * 16, {1: b"k" * 16})
TEXT_BYTES: Final = 32 << 10


def files(directory: Path, deltas: int = 0) -> Files:
    """The files of a release in a directory, wherever it leads."""
    return Files(
        bundle=directory / "bundle",
        snapshot=directory / "snapshot",
        deltas=tuple(directory / f"delta-{number}" for number in range(1, deltas + 1)),
        keys=directory / "keys",
    )


def put_snapshot(
    directory: Path,
    members: Mapping[str, Collection[str]],
    columns: Mapping[str, Mapping[str, Scalar]] | None = None,
) -> bytes:
    """Put a snapshot and its keys in place; the snapshot's bytes."""
    put_keys(directory)
    data = write_snapshot(members, KEYS, 1, columns)
    put(directory / "snapshot", data)
    return data


def put_keys(directory: Path) -> None:
    """Put the keys in place."""
    (directory / "keys").mkdir(exist_ok=True)
    put(directory / "keys" / "membership.json", KEYS.to_json())


def put_large_snapshot(directory: Path, visitors: int) -> int:
    """A snapshot of so many visitors with 32 KiB of text each, which begins with the visitor's number; its size."""
    put_keys(directory)
    rows = sorted((KEYS.unit_key(f"v{number}", 1), number) for number in range(visitors))
    filler = b"x" * (TEXT_BYTES - 8)
    texts = bytearray(encode_starts([TEXT_BYTES] * visitors))
    for number in range(visitors):
        texts += b"%08d" % number
        texts += filler
    parts = Parts(
        epoch=1,
        segments=["vip"],
        keys=array("Q", (key for key, _ in rows)).tobytes(),
        sets=bytes(4 * visitors),
        set_starts=array("I", (0, 1)).tobytes(),
        members=array("H", (0,)).tobytes(),
        columns=[Column("note", Type.STRING, visitors, array("I", (1 + n for _, n in rows)).tobytes(), texts)],
    )
    with (directory / "new").open("wb") as out:
        size = write_image(out, parts)
    (directory / "new").replace(directory / "snapshot")
    return size


def bundle_of_note(text: str) -> Bundle:
    """A bundle that shows `seen` to whom the large snapshot has a note that begins so."""
    note = Attribute("note", Type.STRING, (), Source.SNAPSHOT, "note")
    condition = Call("starts_with", (Attr("note", Type.STRING), Const(Type.STRING, text)), Type.BOOL)
    place = placement("hero", {"seen": None, "other": None}, "other", serve("noted", "seen", condition))
    return Bundle("notes", "UTC", (note, BY_NAME["visitor_id"]), (), (), (), (place,))
