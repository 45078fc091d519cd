from typing_extensions import Buffer

def weigh(ids: Buffer, count: int) -> bytes:
    """How many rows have each of `count` numbers; `ids` has 4 bytes a row, the result 4 bytes a number.

    Raises ValueError for a number out of range.
    """

def most_frequent_first(weights: Buffer) -> tuple[bytes, list[tuple[int, int]]]:
    """The numbers (4 bytes each) by descending weight, then ascending; and each weight with how many have it."""

def renumber(ids: Buffer, order: Buffer) -> bytes:
    """The rows with new numbers: `order` has the old number of each new one, 4 bytes each. Raises ValueError."""

def segment_sizes(weights: Buffer, set_starts: Buffer, members: Buffer, segments: int) -> bytes:
    """The visitors of each segment, 8 bytes each, from the visitors of each set. Raises ValueError."""

def reorder(values: Buffer, width: int, order: Buffer) -> bytes:
    """Values of `width` bytes, in another order. Raises ValueError."""

def reorder_texts(texts: Buffer, order: Buffer) -> bytes:
    """Starts and texts, as `rulecore.snapshot` encodes them, in another order. Raises ValueError."""
