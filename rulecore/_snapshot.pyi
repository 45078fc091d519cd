import os

from typing_extensions import Buffer

class SnapshotImage:
    """A verified snapshot image. Holds on to the buffer that it was read from. Knows unit keys, not visitor ids."""

    def __init__(self, data: Buffer) -> None:
        """Verify in one pass. Raises ImageError, ImageVersionError or ImageFeatureError."""
    @staticmethod
    def open(path: str | os.PathLike[str]) -> SnapshotImage:
        """Map a file read-only and verify it. Raises ImageError, OSError."""
    @property
    def segments(self) -> tuple[str, ...]:
        """Names, by segment id."""
    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and type (bool, int, double or string), by column."""
    @property
    def size(self) -> int:
        """Bytes."""
    @property
    def checksum(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def visitors(self) -> int: ...
    @property
    def sets(self) -> int:
        """Distinct sets of segments."""
    def sizes(self) -> tuple[int, ...]:
        """How many visitors each segment has, by segment id. Reads the whole image."""
