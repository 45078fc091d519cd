"""Reads a snapshot, its deltas and the visitors files beside them as a whole, and tells everything that is wrong.

One fault does not hide another: what can still be read is read. Whether an image is sound is `rulecore`'s to say,
whether the files tell the same is said here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import pyarrow.compute as pc

from central.segments.chain import changes_of, open_image, visitors_of
from central.segments.errors import InputError
from central.segments.progress import Progress
from central.segments.rows import Renumbering, hashed, read_rows
from central.segments.visitors import SEGMENTS, visitors_path
from rulecore import DeltaImage, SnapshotImage
from rulecore.chain import check_chain
from rulecore.errors import EdgewiseError, ImageError
from rulecore.keys import MembershipKeys

Answer = TypeVar("Answer")


class Finding(msgspec.Struct, frozen=True):
    """A file: what it holds when it is sound, else what is wrong with it and where."""

    file: str
    sound: bool
    what: str


class Verification:
    """Collects what is found, a file after the other."""

    def __init__(self, keys: MembershipKeys | None, progress: Progress) -> None:
        """With keys, whether the visitors are in the order that their unit keys give is checked as well."""
        self.findings: list[Finding] = []
        self._keys = keys
        self._progress = progress

    def verify(self, snapshot: Path, deltas: Sequence[Path] = ()) -> None:
        """Read all of a snapshot and its deltas, and whether they follow one another."""
        base = self._snapshot(snapshot)
        images = [image for path in deltas if (image := self._delta(path)) is not None]
        if base is not None and len(images) == len(deltas) and deltas:
            about = (base.checksum, base.epoch, base.segments, base.columns)
            self._asked(deltas[-1], lambda: check_chain(images, *about))

    def _snapshot(self, path: Path) -> SnapshotImage | None:
        image = self._asked(path, lambda: self._whole(path))
        if image is not None and visitors_path(path).exists():
            self._asked(visitors_path(path), lambda: self._visitors(path, image))
        return image

    def _delta(self, path: Path) -> DeltaImage | None:
        image = self._asked(path, lambda: open_image(path, DeltaImage))
        if image is not None:
            self._sound(path, f"version {image.version}, {image.entries:,} entries, {image.tombstones:,} tombstones")
            if visitors_path(path).exists():
                self._asked(visitors_path(path), lambda: self._changed(path, image))
        return image

    def _whole(self, path: Path) -> SnapshotImage:
        self._progress.stage("reading the snapshot")
        image = open_image(path, SnapshotImage)
        try:
            image.verify()
        except ImageError as error:
            raise InputError(str(error), path) from None
        self._sound(path, f"{image.visitors:,} visitors, {len(image.segments):,} segments, {image.sets:,} sets")
        return image

    def _changed(self, path: Path, image: DeltaImage) -> None:
        file = visitors_of(path, image.checksum)
        changes_of(image, file, {name: i for i, name in enumerate(file.segments)})
        self._sound(file.path, f"{file.visitors:,} visitors")

    def _visitors(self, path: Path, image: SnapshotImage) -> None:
        file = visitors_of(path, image.checksum)
        about = (file.epoch, file.segments, tuple(file.columns.items()), file.visitors)
        if about != (image.epoch, image.segments, image.columns, image.visitors):
            raise InputError(f"its epoch, segments, columns or number of visitors are not those of {path}", file.path)
        self._progress.stage("reading visitors", file.visitors)
        same = Renumbering(file.segments, {name: i for i, name in enumerate(file.segments)})
        batches = file.batches() if self._keys is None else read_rows(file, hashed(self._keys, file.epoch), same)
        sizes = Counter[int]()
        for batch in batches:
            counted = pc.value_counts(batch.column(SEGMENTS).flatten())
            ids, counts = (counted.field(name).to_pylist() for name in ("values", "counts"))
            sizes.update(dict(zip(ids, counts, strict=True)))
            self._progress.advance(batch.num_rows)
        for segment, size in enumerate(image.sizes()):
            if sizes[segment] != size:
                name = file.segments[segment]
                what = f"{sizes[segment]:,} visitors are in {name}, which has {size:,} in {path}"
                raise InputError(what, file.path, SEGMENTS)
        self._sound(file.path, f"{file.visitors:,} visitors")

    def _sound(self, path: Path, what: str) -> None:
        self.findings.append(Finding(str(path), True, what))

    def _asked(self, path: Path, question: Callable[[], Answer]) -> Answer | None:
        """The answer; or None, and what is wrong is a finding about `path`."""
        try:
            return question()
        except EdgewiseError as error:
            what = str(error).removeprefix(f"{path}: ")
        except OSError as error:
            what = error.strerror or str(error)
        self.findings.append(Finding(str(path), False, what))
        return None
