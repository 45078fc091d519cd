"""Every error that rulecore raises.

EdgewiseError
├── ImageError            a bundle, snapshot or delta image that is damaged, truncated or not one of ours
│   ├── ImageVersionError     written by a newer Edgewise
│   └── ImageFeatureError     asks for a feature that this reader does not have
├── LinkError             images that do not belong together: a bundle and a snapshot, or a delta and what it follows
├── ContextError          a context that can't be taken: which attribute, or which byte
├── PlacementError        a placement that the bundle does not have
├── PatternError          a regular expression that is malformed: what, and at which character
├── UnitKeyCollisionError  two visitors that a snapshot could not tell apart, found when it is built
└── LimitError            something larger than `rulecore.limits` allows, found when images are written or put together
"""

from __future__ import annotations


class EdgewiseError(Exception):
    """The root: catches everything that rulecore raises on purpose."""


class ImageError(EdgewiseError):
    """An image that can't be trusted. `what` says what is wrong, `offset` at which byte of the image."""

    def __init__(self, what: str, offset: int = 0) -> None:
        super().__init__(f"{what} (at byte {offset})")
        self.what = what
        self.offset = offset


class ImageVersionError(ImageError):
    """The image's format is newer than this reader: upgrade Edgewise here, or compile with an older one."""


class ImageFeatureError(ImageError):
    """The image requires a feature that this reader does not have."""


class LinkError(EdgewiseError):
    """Images that are sound each, and do not belong together.

    A bundle names segments or columns that the snapshot lacks: `missing` lists them. Or a delta does not fit what it is
    laid upon.
    """

    def __init__(self, what: str, missing: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.missing = missing


class ContextError(EdgewiseError):
    """A context that can't be taken.

    `attribute` is the dotted name it is about, or None when the bytes are not JSON; `offset` is the byte of the
    body, or None when the context came as a dict.
    """

    def __init__(self, what: str, attribute: str | None = None, offset: int | None = None) -> None:
        where = "" if offset is None else f" (at byte {offset})"
        super().__init__(f"{attribute}: {what}{where}" if attribute is not None else f"{what}{where}")
        self.what = what
        self.attribute = attribute
        self.offset = offset


class PlacementError(EdgewiseError):
    """The bundle has no placement of this name."""

    def __init__(self, placement: str) -> None:
        super().__init__(f"no placement named {placement!r}")
        self.placement = placement


class LimitError(EdgewiseError):
    """More than `rulecore.limits` allows."""


class PatternError(EdgewiseError):
    """A regular expression that can't be read. `what` says why, `at` is the index of the character it is about."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(f"{what} (at character {at})")
        self.what = what
        self.at = at


class UnitKeyCollisionError(EdgewiseError):
    """Two visitor ids have one 64-bit unit key, so that one would get what is meant for the other."""

    def __init__(self, key: int, visitors: tuple[str, ...] = ()) -> None:
        named = f" ({' and '.join(visitors)})" if visitors else ""
        super().__init__(f"two visitors have the unit key {key:016x}{named}: build with the key of another epoch")
        self.key = key
