import os

from typing_extensions import Buffer

class SnapshotImage:
    """A snapshot image, opened. Holds on to the buffer that it was read from. Knows unit keys, not visitor ids."""

    def __init__(self, data: Buffer) -> None:
        """Read the header and the names. Raises ImageError, ImageVersionError or ImageFeatureError."""
    @staticmethod
    def open(path: str | os.PathLike[str]) -> SnapshotImage:
        """Map a file read-only and open it. Raises ImageError, OSError."""
    def verify(self) -> None:
        """Read all of it: checksums, every set and every value. Raises ImageError. Does not hold the GIL."""
    @property
    def segments(self) -> tuple[str, ...]:
        """Names, by segment id."""
    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and type (bool, int, double, string or list(string)), by column."""
    @property
    def size(self) -> int:
        """Bytes."""
    @property
    def checksum(self) -> int:
        """Of the header and the table of sections, hence of the checksums of all sections."""
    @property
    def epoch(self) -> int: ...
    @property
    def fingerprint_bits(self) -> int:
        """An unknown visitor is taken for a member with a chance of 2 to the minus this."""
    @property
    def visitors(self) -> int: ...
    @property
    def sets(self) -> int:
        """Distinct sets of segments."""
    @property
    def parts(self) -> tuple[tuple[str, int], ...]:
        """What the image consists of, and the bytes of each."""
    def sizes(self) -> tuple[int, ...]:
        """How many visitors each segment has, by segment id."""
