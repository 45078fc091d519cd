from typing_extensions import Buffer

class RetrievalReader:
    """A retrieval by itself, for tests and tools: an image's own are read by `SnapshotImage`. Holds on to its data."""

    def __init__(self, data: Buffer) -> None:
        """Read the head. Raises ImageError; buckets are not looked at."""
    @property
    def keys(self) -> int: ...
    @property
    def symbols(self) -> int:
        """How many there are."""
    def find(self, key: int) -> int:
        """The key's symbol, or -1. A key that was not written may be taken for one that was."""
    def find_all(self, keys: Buffer) -> bytes:
        """For keys of 8 bytes each, what `find` gives: 8 bytes each. Works without the GIL."""
    def verify(self) -> None:
        """Go through all buckets. Raises ImageError."""
