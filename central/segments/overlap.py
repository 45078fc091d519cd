"""How many visitors two segments share, for all pairs.

A segment is a roaring bitmap of the rows that its visitors have in the snapshot's visitors file; what two share is the
cardinality of the intersection. How it is printed belongs to the command, the picture to `central.segments.heat_map`.
"""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyroaring import BitMap

from central.segments.progress import Progress
from rulecore.errors import LimitError

SEGMENTS_MAX: Final = 2_000
"""At once: they have two million pairs."""


class Measure(Enum):
    """How alike two segments are, from 0 to 1."""

    JACCARD = "jaccard"
    """Of the visitors of either, the share in both."""

    SMALLER = "smaller"
    """Of the visitors of the smaller one, the share in both: 1 when the other holds all of them."""


class Pair(msgspec.Struct, frozen=True):
    """Two segments: how many visitors each has, how many are in both, and what these are of either and the smaller."""

    segment: str
    other: str
    visitors: int
    other_visitors: int
    shared: int
    jaccard: float
    smaller: float


class Overlap:
    """The segments' sizes and what each pair shares."""

    def __init__(self, segments: Sequence[str], sizes: Sequence[int], shared: Sequence[Sequence[int]]) -> None:
        """`shared[i][j]` for all j < i."""
        self.segments = tuple(segments)
        self.sizes = tuple(sizes)
        self._shared = shared

    def shared(self, first: int, second: int) -> int:
        if first == second:
            return self.sizes[first]
        return self._shared[max(first, second)][min(first, second)]

    def alike(self, measure: Measure, first: int, second: int) -> float:
        """0 for two segments without visitors."""
        shared = self.shared(first, second)
        if measure is Measure.SMALLER:
            whole = min(self.sizes[first], self.sizes[second])
        else:
            whole = self.sizes[first] + self.sizes[second] - shared
        return shared / whole if whole else 0.0

    def pair(self, first: int, second: int) -> Pair:
        return Pair(
            segment=self.segments[first],
            other=self.segments[second],
            visitors=self.sizes[first],
            other_visitors=self.sizes[second],
            shared=self.shared(first, second),
            jaccard=self.alike(Measure.JACCARD, first, second),
            smaller=self.alike(Measure.SMALLER, first, second),
        )

    def pairs(self) -> Iterator[Pair]:
        """All of them, in order of the segments."""
        for first in range(len(self.segments)):
            for second in range(first + 1, len(self.segments)):
                yield self.pair(first, second)

    def top(self, measure: Measure, count: int | None = None) -> list[Pair]:
        """The pairs that share visitors, the most alike first, then those that share the most; all without a count."""
        found = (
            (-self.alike(measure, first, second), -shared, second, first)
            for first, row in enumerate(self._shared)
            for second, shared in enumerate(row)
            if shared
        )
        return [self.pair(first, second) for _, _, first, second in sorted(found)[:count]]


def overlap(
    batches: Iterable[pa.RecordBatch], segments: Sequence[str], chosen: Sequence[int], progress: Progress
) -> Overlap:
    """Count over `batches` of a visitors file, whose column `segments` lists each visitor's ids.

    `segments` are the names by id, `chosen` the ids to compare. Raises LimitError.
    """
    if len(chosen) > SEGMENTS_MAX:
        raise LimitError(f"{len(chosen):,} segments; at most {SEGMENTS_MAX:,} are compared at once")
    bitmaps = _bitmaps(batches, {segment: BitMap() for segment in chosen}, progress)
    progress.stage("comparing segments", len(chosen) * (len(chosen) - 1) // 2)
    shared = []
    for i, bitmap in enumerate(bitmaps):
        shared.append(array("Q", (bitmap.intersection_cardinality(other) for other in bitmaps[:i])))
        progress.advance(i)
    return Overlap([segments[segment] for segment in chosen], list(map(len, bitmaps)), shared)


def csv_text(found: Overlap) -> str:
    """All pairs, a line each, after a line of names."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(Pair.__struct_fields__)
    for pair in found.pairs():
        *counted, jaccard, smaller = msgspec.structs.astuple(pair)
        writer.writerow((*counted, f"{jaccard:.6f}", f"{smaller:.6f}"))
    return out.getvalue()


def _bitmaps(batches: Iterable[pa.RecordBatch], bitmaps: dict[int, BitMap], progress: Progress) -> list[BitMap]:
    """The rows of each segment."""
    before = 0
    for batch in batches:
        sets = batch.column("segments")
        ids = sets.flatten()
        order = pc.array_sort_indices(ids)
        rows = pc.add(pc.list_parent_indices(sets), before).take(order).cast(pa.uint32())
        before += batch.num_rows
        content = memoryview(rows.buffers()[1])[: 4 * len(rows)].cast("I")
        runs = pc.run_end_encode(ids.take(order))
        start = 0
        for segment, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            if segment in bitmaps:
                bitmaps[segment] |= BitMap(content[start:end])
            start = end
        progress.advance(batch.num_rows)
    return list(bitmaps.values())
