import os
from collections.abc import Iterable

from typing_extensions import Buffer

from rulecore._snapshot import SnapshotImage
from rulecore.keys import MembershipKeys

class Membership:
    """A snapshot image and its deltas, with the keys to look visitors up. Holds on to the buffers that they lie in.

    `deltas` are those that follow the image, in their order.
    """

    def __init__(self, data: Buffer, keys: MembershipKeys, deltas: Iterable[Buffer] = ()) -> None:
        """Raises ImageError; KeyError when `keys` has no key of the image's epoch; LinkError for deltas that do not
        follow the image and one another; LimitError for too many.
        """
    @staticmethod
    def open(
        path: str | os.PathLike[str], keys: MembershipKeys, deltas: Iterable[str | os.PathLike[str]] = ()
    ) -> Membership:
        """Map files read-only and open them. Raises what the constructor does, and OSError."""
    def populate(self) -> None:
        """Bring the image into memory, so that no lookup waits for a disk. Does not hold the GIL."""
    @property
    def image(self) -> SnapshotImage: ...
    @property
    def segments(self) -> tuple[str, ...]: ...
    @property
    def columns(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def checksum(self) -> int:
        """Of the image and the deltas together."""
    @property
    def base_checksum(self) -> int:
        """Of the image."""
    @property
    def version(self) -> int:
        """That of the last delta; 0 without deltas."""
    @property
    def visitors(self) -> int:
        """Of the image: what deltas add or take away is not counted."""
    @property
    def epoch(self) -> int: ...
    def lookup(self, visitor_id: str) -> list[str] | None:
        """The visitor's segments in order of id, or None when the snapshot does not know the visitor."""
    def values(self, visitor_id: str) -> dict[str, bool | int | float | str | list[str]]:
        """The visitor's other columns."""
