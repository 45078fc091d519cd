from collections.abc import Sequence

from typing_extensions import Buffer

def order_sets(
    set_starts: Buffer, members: Buffer, weights: Buffer, segments: int, class_counts: Sequence[int]
) -> bytes:
    """New numbers for sets: 4 bytes for each new one, the old one.

    Those of the most weight (4 bytes each) come first, in classes of so many sets; in a class, sets that begin alike
    follow each other. `set_starts` and `members` are as RowGrouper gives them.
    """

def write_records(set_starts: Buffer, members: Buffer, order: Buffer, segments: int) -> bytes:
    """The records of the sets in this order; `order_sets` gives one that makes them small.

    Raises ValueError where equal sets follow each other, LimitError beyond 4 GiB.
    """
