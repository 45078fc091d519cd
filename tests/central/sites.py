"""Snapshots of a small site, with their visitors files, from plain dicts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa

from central.segments.visitors import VisitorsWriter, visitors_path, visitors_schema
from rulecore import SnapshotImage
from rulecore.keys import MembershipKeys
from rulecore.model import Scalar, Type
from rulecore.snapshot import write_snapshot

KEYS: Final = MembershipKeys(bytes(range(16)), {1: bytes(range(16, 32)), 2: bytes(range(32, 48))})

Visitor = tuple[Collection[str], Mapping[str, Scalar]]
"""Segments, and a value for some columns."""


def write_site(
    path: Path, visitors: Mapping[str, Visitor], columns: Mapping[str, Type] | None = None, epoch: int = 1
) -> Path:
    """Write a snapshot and its visitors file. At least one visitor has a value for each column."""
    columns = columns or {}
    members = {visitor: segments for visitor, (segments, _) in visitors.items()}
    values = {
        name: {visitor: values[name] for visitor, (_, values) in visitors.items() if name in values} for name in columns
    }
    path.write_bytes(write_snapshot(members, KEYS, epoch, values))
    image = SnapshotImage.open(path)
    ordered = sorted(visitors, key=lambda visitor: KEYS.unit_key(visitor, epoch))
    arrays = [
        [KEYS.pseudonym(visitor) for visitor in ordered],
        [sorted(image.segments.index(name) for name in visitors[visitor][0]) for visitor in ordered],
        *([visitors[visitor][1].get(name) for visitor in ordered] for name in columns),
    ]
    schema = visitors_schema(columns)
    batch = pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(arrays, schema, strict=True)], schema=schema
    )
    visitors_path(path).unlink(missing_ok=True)
    with VisitorsWriter(visitors_path(path), epoch, image.segments, columns) as writer:
        writer.write(batch)
        writer.finish(image.checksum)
    return path
