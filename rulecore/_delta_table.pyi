from collections.abc import Iterable, Sequence

from rulecore._delta import DeltaImage

class DeltaTable:
    """A chain of deltas, merged for lookups by unit key. Holds on to the images."""

    def __init__(
        self,
        images: Iterable[DeltaImage],
        base_checksum: int,
        epoch: int,
        segments: Sequence[str],
        columns: Sequence[tuple[str, str]],
    ) -> None:
        """Merge deltas in the order of their chain, on a base of which this is known; the GIL is released meanwhile.

        Raises LinkError, LimitError, and ImageError for keys that no visitors could have.
        """
    @property
    def segments(self) -> tuple[str, ...]:
        """Names by segment id, the base's first."""
    @property
    def columns(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def version(self) -> int:
        """Of the last delta; 0 without one."""
    @property
    def entries(self) -> int:
        """Of different visitors, tombstones among them."""
    @property
    def tombstones(self) -> int: ...
    @property
    def memory(self) -> int:
        """Bytes that the table takes beside the images."""
    def lookup(self, key: int) -> list[str] | None:
        """An entry's segments in order of id, or None for a tombstone. Raises KeyError when no delta has the key."""
    def values(self, key: int) -> dict[str, bool | int | float | str]:
        """An entry's other columns. Raises KeyError."""
