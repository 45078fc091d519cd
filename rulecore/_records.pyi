from typing_extensions import Buffer

class RecordsReader:
    """The records of sets, apart from a snapshot. Raises ImageError when they are not as long as they say."""

    def __init__(self, data: Buffer) -> None: ...
    def __len__(self) -> int: ...
    def find(self, set_id: int) -> list[int] | None:
        """The ids of a set's segments, that which most sets hold first; None without such a set, or if damaged."""
    def find_all(self, set_ids: Buffer) -> int:
        """Find sets (4 bytes each) one after the other, without the GIL; how many segments they have in all.

        Raises ImageError where `find` gives None.
        """
    def verify(self) -> None:
        """Read everything. Raises ImageError, which says what is wrong and where."""
