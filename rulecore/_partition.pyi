from collections.abc import Sequence

from typing_extensions import Buffer

RECORD_HEAD_BYTES: int
"""Of a record, without its segments of 2 bytes each."""

def partition_records(
    keys: Buffer, pseudonyms: Buffer, starts: Buffer | None, segments: Buffer, bits: int
) -> tuple[bytes, Sequence[int]]:
    """Records of visitors, those of one partition together: the partition is the first `bits` bits of the unit key.

    A row has a unit key (8 bytes), a pseudonym (16 bytes) and the segment numbers (2 bytes each) from its entry in
    `starts` (4 bytes) to the next one; without `starts` one segment each. Also gives where each partition begins in
    bytes, and where the last one ends. Raises ValueError for what does not fit together, and for a row of more than
    65,535 segments.
    """

def gather_visitors(records: Buffer, bits: int, segment_ids: Buffer) -> tuple[bytes, bytes, bytes, bytes]:
    """The visitors of one partition, from its records in any order.

    `segment_ids` (2 bytes each) says what id a segment number stands for. Gives the unit keys (8 bytes, ascending),
    the pseudonyms (16 bytes), the starts of the visitors' segments and their end (4 bytes), and the segment ids
    (2 bytes, ascending for each visitor, each once). Raises UnitKeyCollisionError, LimitError, and ValueError for
    records that are not sound.
    """
