from typing_extensions import Buffer

from rulecore import Membership

def follow(places: Buffer, at: int, steps: int) -> int:
    """Go from place to place, each of which (4 bytes) says the next; gives the last one."""

def look_up(membership: Membership, offsets: Buffer, text: Buffer, weights: Buffer, sums: Buffer, nothing: int) -> int:
    """Look up visitors by their ids, an Arrow string array's offsets (4 bytes each) and text; gives how many are known.

    Writes for each the sum of its segments' `weights` (8 bytes a segment id) to `sums`, also 8 bytes. `nothing` is 0,
    which the compiler does not know: so a lookup waits for the sum of the one before.
    """
