"""Snapshot images of doubtful origin: each is refused, or looks visitors up within what it lists."""

from __future__ import annotations

from collections.abc import Iterator

from rulecore import ImageError, Membership, MembershipKeys, SnapshotImage
from rulecore.snapshot import write_snapshot
from tests.sectioned import SNAPSHOT, sealed

KEYS = MembershipKeys(bytes(16), {1: bytes(16)})
MEMBERS = {f"visitor-{n}": {f"segment-{n % 3}", f"segment-{n % 5}"} for n in range(40)}
MANY = {f"visitor-{n}": {f"segment-{k}" for k in range(8) if n * n % (3 + 2 * k) < 2} for n in range(300)}


def seeds() -> Iterator[bytes]:
    """Nobody, one visitor, some with columns of every type, many: in several buckets, with ids of several lengths."""
    yield write_snapshot({}, KEYS, 1)
    yield write_snapshot({"visitor-0": {"vip"}}, KEYS, 1)
    yield write_snapshot(
        MEMBERS,
        KEYS,
        1,
        {
            "loyal": {"visitor-0": True},
            "orders": {"visitor-1": -7, "visitor-2": 2**63 - 1},
            "score": {"visitor-1": 0.25, "visitor-3": float("inf")},
            "offers": {"visitor-1": ("coat", "größer"), "visitor-4": ()},
            "tier": {"visitor-1": "gold", "visitor-4": "größer", "visitor-5": ""},
        },
    )
    yield write_snapshot(MANY, KEYS, 1, fingerprint_bits=2)  # few bits, so that changed ones let visitors through


def seal(image: bytearray) -> bytes:
    """The image with its length and every checksum made to fit."""
    return sealed(image, SNAPSHOT)


def run(data: bytes) -> None:
    """Anything but a refusal that says where, or answers, raises."""
    try:
        membership = Membership(data, KEYS)
        snapshot = SnapshotImage(data)
    except ImageError as error:
        if not 0 <= error.offset <= len(data):
            raise
        return
    except KeyError:
        return  # of an epoch that there is no key for
    columns = dict(membership.columns)
    for visitor in (*MEMBERS, "unknown", ""):
        assert set(membership.lookup(visitor) or ()) <= set(membership.segments)
        assert membership.values(visitor).keys() <= columns.keys()
    try:
        snapshot.verify()
    except ImageError as error:
        if not 0 <= error.offset <= len(data):
            raise
