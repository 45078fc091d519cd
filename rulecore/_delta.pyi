import os

from typing_extensions import Buffer

class DeltaImage:
    """A verified delta image. Holds on to the buffer that it was read from. Knows unit keys, not visitor ids.

    Buffers are views of it: numbers are little-endian, of so many bytes each as said.
    """

    def __init__(self, data: Buffer) -> None:
        """Verify in one pass. Raises ImageError, ImageVersionError or ImageFeatureError."""
    @staticmethod
    def open(path: str | os.PathLike[str]) -> DeltaImage:
        """Map a file read-only and verify it. Raises ImageError, OSError."""
    @property
    def size(self) -> int:
        """Bytes."""
    @property
    def checksum(self) -> int: ...
    @property
    def base(self) -> int:
        """The checksum of the snapshot image that the chain begins with."""
    @property
    def follows(self) -> int:
        """The checksum of the image before it: of the base, or what a delta `stands_for`."""
    @property
    def stands_for(self) -> int:
        """What the next delta follows: its own checksum, or that of the last of those that were made one."""
    @property
    def epoch(self) -> int: ...
    @property
    def first_version(self) -> int:
        """The first of the versions that it holds; the same as `version` unless several were made one."""
    @property
    def version(self) -> int: ...
    @property
    def segments_before(self) -> int:
        """How many segments there are in the images before it."""
    @property
    def segments(self) -> tuple[str, ...]:
        """Names that it appends, by segment id from `segments_before` on."""
    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and type (bool, int, double or string), by column."""
    @property
    def entries(self) -> int:
        """Visitors who have changed, tombstones among them."""
    @property
    def tombstones(self) -> int: ...
    @property
    def keys(self) -> memoryview:
        """8 bytes an entry, ascending."""
    @property
    def sets(self) -> memoryview:
        """4 bytes an entry: 0 for a tombstone, else 1 + the number of its set."""
    @property
    def set_starts(self) -> memoryview:
        """4 bytes each: the first member of each set, and the number of members."""
    @property
    def members(self) -> memoryview:
        """2 bytes each: segment ids, ascending in each set."""
    def column_ids(self, column: int) -> memoryview:
        """4 bytes an entry: 0 for none, else 1 + the number of its value. Raises IndexError."""
    def column_values(self, column: int) -> list[bool | int | float | str]:
        """The distinct values of a column, by number. Raises IndexError."""
