from typing_extensions import Buffer

NO_SEGMENT: int
"""In place of a segment id: a row that only says that the visitor is known."""

class SetNumbers:
    """Numbers distinct sets of segments in order of first appearance."""

    def __init__(self) -> None: ...
    def add(self, starts: Buffer, segments: Buffer) -> bytes:
        """The set number, 4 bytes, of each visitor.

        `starts` (4 bytes each) say where in `segments` (2 bytes each, ascending for each visitor) a visitor's begin,
        and where the last one's end. Raises LimitError, and ValueError for starts that are not ascending.
        """
    @property
    def set_count(self) -> int: ...
    def set_starts(self) -> bytes:
        """4 bytes each: the first member of each set, and the number of members."""
    def members(self) -> bytes:
        """2 bytes each: the segment ids of the sets, ascending in each."""

class RowGrouper:
    """Gathers sorted rows (unit key, check, segment id) into visitors and their distinct sets of segments.

    Rows are in order of unit key, then of segment id; the same row may come more than once. `check` is what tells
    two visitors with one unit key apart. Sets are numbered in order of first appearance.
    """

    def __init__(self) -> None: ...
    def add(self, keys: Buffer, checks: Buffer, segments: Buffer) -> tuple[bytes, bytes]:
        """Take rows (8, 8 and 2 bytes each). Gives the unit keys and the set ids (8 and 4 bytes each) of the visitors
        that are complete.

        Raises UnitKeyCollisionError, LimitError, and ValueError for rows out of order.
        """
    def finish(self) -> tuple[bytes, bytes]:
        """The last visitor, if there is one. Nothing can be added after it."""
    @property
    def set_count(self) -> int: ...
    def set_starts(self) -> bytes:
        """As of `SetNumbers`."""
    def members(self) -> bytes:
        """As of `SetNumbers`."""
