"""Whether deltas fit the snapshot that they are laid upon, and one another. `_delta_layout.pxd` draws a chain.

Each image is sound by itself when it gets here; whoever lays a chain upon a base asks this first.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec

from rulecore._delta import DeltaImage
from rulecore.errors import LimitError, LinkError
from rulecore.limits import LIMITS

Columns = Sequence[tuple[str, str]]


class Foot(msgspec.Struct, frozen=True):
    """What a delta is laid upon: an image, and the counts that it leaves. `called` is its name in messages."""

    called: str
    checksum: int
    base: int
    epoch: int
    version: int
    segment_count: int
    columns: Columns

    @classmethod
    def of_base(cls, checksum: int, epoch: int, segments: Sequence[str], columns: Columns) -> Foot:
        """A snapshot."""
        return cls(f"snapshot {checksum:016x}", checksum, checksum, epoch, 0, len(segments), tuple(columns))

    @classmethod
    def of_delta(cls, image: DeltaImage) -> Foot:
        """A delta that another one follows."""
        segment_count = image.segments_before + len(image.segments)
        return cls(
            _called(image), image.stands_for, image.base, image.epoch, image.version, segment_count, image.columns
        )


def check_follows(image: DeltaImage, foot: Foot) -> None:
    """Raises LinkError, which names both, when a delta does not follow what it is laid upon."""
    this = _called(image)
    if image.base != foot.base:
        raise LinkError(f"{this} belongs to snapshot {image.base:016x}, not to snapshot {foot.base:016x}")
    if image.first_version != foot.version + 1:
        raise LinkError(
            f"{this} begins with version {image.first_version}, but version {foot.version + 1} follows {foot.called}"
        )
    if image.follows != foot.checksum:
        raise LinkError(f"{this} follows image {image.follows:016x}, not {foot.called}")
    if image.epoch != foot.epoch:
        raise LinkError(f"{this} is of epoch {image.epoch}, but {foot.called} of epoch {foot.epoch}")
    if image.columns != foot.columns:
        raise LinkError(f"{this} has the columns {_listed(image.columns)}, but {foot.called} {_listed(foot.columns)}")
    if image.segments_before != foot.segment_count:
        raise LinkError(
            f"{this} goes on from {image.segments_before} segments, but {foot.called} ends with {foot.segment_count}"
        )


def check_sequence(images: Sequence[DeltaImage]) -> tuple[str, ...]:
    """Whether each delta follows the one before it. Gives the names that they append, by id. Raises LinkError."""
    for before, image in itertools.pairwise(images):
        check_follows(image, Foot.of_delta(before))
    return _appended((), images)


def check_chain(
    images: Sequence[DeltaImage], base_checksum: int, epoch: int, segments: Sequence[str], columns: Columns
) -> tuple[str, ...]:
    """Whether deltas, in this order, fit a base of which this is known. Gives the names of all segments, by id.

    Raises LinkError, and LimitError for more deltas or entries than may lie on a snapshot.
    """
    if len(images) > LIMITS.deltas_max:
        raise LimitError(f"{len(images):,} deltas; at most {LIMITS.deltas_max:,} lie on a snapshot: make them one")
    entries = sum(image.entries for image in images)
    if entries > LIMITS.delta_entries_max:
        raise LimitError(
            f"the deltas have {entries:,} entries; at most {LIMITS.delta_entries_max:,} lie on a snapshot: "
            "make them one, or fold them into a new snapshot"
        )
    if images:
        check_follows(images[0], Foot.of_base(base_checksum, epoch, segments, columns))
        check_sequence(images)
    return _appended(segments, images)


def _appended(segments: Sequence[str], images: Sequence[DeltaImage]) -> tuple[str, ...]:
    names = dict.fromkeys(segments)
    for image in images:
        again = tuple(name for name in image.segments if name in names)
        if again:
            raise LinkError(f"{_called(image)} appends segments that there are already: {', '.join(again)}")
        names.update(dict.fromkeys(image.segments))
    return tuple(names)


def _called(image: DeltaImage) -> str:
    return f"delta {image.checksum:016x} (version {image.version})"


def _listed(columns: Columns) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in columns) or "none"
