import os

from typing_extensions import Buffer

from rulecore.keys import MembershipKeys

class Membership:
    """A verified snapshot image with the keys to look visitors up. Holds on to the buffer that it was read from."""

    def __init__(self, data: Buffer, keys: MembershipKeys) -> None:
        """Raises ImageError; KeyError when `keys` has no key of the image's epoch."""
    @staticmethod
    def open(path: str | os.PathLike[str], keys: MembershipKeys) -> Membership:
        """Map a file read-only and verify it. Raises ImageError, KeyError, OSError."""
    @property
    def segments(self) -> tuple[str, ...]: ...
    @property
    def columns(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def checksum(self) -> int: ...
    @property
    def visitors(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    def lookup(self, visitor_id: str) -> list[str] | None:
        """The visitor's segments in order of id, or None when the snapshot does not know the visitor."""
    def values(self, visitor_id: str) -> dict[str, bool | int | float | str]:
        """The visitor's other columns."""
