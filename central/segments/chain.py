"""A snapshot file with the deltas that follow it, opened and checked as one; and who is in it, from the files beside.

A delta has a visitors file beside it, as a snapshot has: `1.delta.visitors` lists those whose rows are new in it. With
it a chain can be read row by row, which the images alone don't allow. What rows are belongs to `central.segments.rows`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from central.segments.changes import Changes, laid_upon
from central.segments.errors import InputError
from central.segments.rows import Renumbering, from_data, hashed, read_rows, rows_schema
from central.segments.visitors import VisitorsFile, visitors_path
from rulecore import DeltaImage, SnapshotImage
from rulecore.chain import check_chain
from rulecore.errors import ImageError
from rulecore.keys import MembershipKeys
from rulecore.model import Type

Image = TypeVar("Image", SnapshotImage, DeltaImage)


class Chain:
    """A snapshot and its deltas. Opening it reads the images; visitors files are opened when they are needed."""

    def __init__(self, snapshot: Path, deltas: Sequence[Path] = ()) -> None:
        """Raises InputError, LimitError, LinkError, OSError."""
        self.path = snapshot
        self.delta_paths = tuple(deltas)
        self.base = open_image(snapshot, SnapshotImage)
        self.deltas = tuple(open_image(path, DeltaImage) for path in deltas)
        base = self.base
        self.segments = check_chain(self.deltas, base.checksum, base.epoch, base.segments, base.columns)
        self.columns = {name: Type(kind) for name, kind in base.columns}

    @property
    def last_path(self) -> Path:
        return (self.path, *self.delta_paths)[-1]

    @property
    def version(self) -> int:
        """Of the last delta; 0 for the snapshot alone."""
        return self.deltas[-1].version if self.deltas else 0

    @property
    def follows(self) -> int:
        """The checksum that the next delta follows."""
        return self.deltas[-1].stands_for if self.deltas else self.base.checksum

    @property
    def entries(self) -> int:
        """Of all deltas."""
        return sum(delta.entries for delta in self.deltas)

    def visitors(self) -> VisitorsFile:
        """The snapshot's visitors file. Raises InputError, OSError."""
        return visitors_of(self.path, self.base.checksum)

    def rows(self, keys: MembershipKeys, id_of: Mapping[str, int]) -> Iterator[pa.RecordBatch]:
        """All visitors in order of unit key, as the last delta leaves them, with segments by `id_of` their names.

        Raises InputError, KeyError without a key of the epoch, OSError.
        """
        file = self.visitors()
        rows = read_rows(file, hashed(keys, file.epoch), Renumbering(file.segments, id_of))
        if not self.deltas:
            return rows
        files = zip(self.delta_paths, self.deltas, strict=True)
        changes = [changes_of(delta, visitors_of(path, delta.checksum), id_of) for path, delta in files]
        return laid_upon(rows, Changes.folded(self.columns, changes))


def changes_of(delta: DeltaImage, file: VisitorsFile, id_of: Mapping[str, int]) -> Changes:
    """What a delta says: who is gone stands in the image, the new rows in its visitors file. Raises InputError."""
    keys = from_data(pa.uint64(), delta.keys)
    gone = pc.equal(from_data(pa.uint32(), delta.sets), 0)
    kept = keys.filter(pc.invert(gone))
    if len(kept) != file.visitors:
        raise InputError(f"has {file.visitors:,} visitors; those in its delta are {len(kept):,}", file.path)
    at = 0

    def next_keys(pseudonyms: pa.FixedSizeBinaryArray) -> pa.UInt64Array:
        nonlocal at
        at += len(pseudonyms)
        return kept[at - len(pseudonyms) : at]

    batches = list(read_rows(file, next_keys, Renumbering(file.segments, id_of)))
    empty = pa.RecordBatch.from_pylist([], rows_schema(file.columns))
    return Changes(pa.concat_batches([empty, *batches]), keys.filter(gone))


def visitors_of(path: Path, checksum: int) -> VisitorsFile:
    """The visitors file beside an image. Raises InputError when it is that of another one, OSError."""
    file = VisitorsFile(visitors_path(path))
    if file.checksum != checksum:
        raise InputError(
            f"belongs to an image with checksum {file.checksum:016x}; that of {path} is {checksum:016x}", file.path
        )
    return file


def open_image(path: Path, kind: type[Image]) -> Image:
    """Map an image and open it, which verifies a delta, but not a snapshot. Raises InputError, OSError."""
    try:
        return kind.open(path)
    except ImageError as error:
        raise InputError(str(error), path) from error
