"""What two segments share is counted right, in every form in which it is told."""

from __future__ import annotations

import io

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given

from central.segments.overlap import SEGMENTS_MAX, Measure, Overlap, csv_text, overlap
from central.segments.progress import Progress
from rulecore.errors import LimitError

NAMES = ["a", "b", "c", "d"]


def batches(visitors: list[list[int]], size: int) -> list[pa.RecordBatch]:
    sets = pa.array(visitors, pa.list_(pa.uint16()))
    return [pa.record_batch({"segments": sets[start : start + size]}) for start in range(0, len(visitors), size)]


def count(visitors: list[list[int]], chosen: list[int], size: int = 3) -> Overlap:
    return overlap(batches(visitors, size), NAMES, chosen, Progress(io.StringIO()))


@given(
    st.lists(st.lists(st.integers(0, 3), unique=True).map(sorted), max_size=20),
    st.lists(st.integers(0, 3), unique=True),
    st.integers(1, 7),
)
def test_it_counts_as_sets_do(visitors: list[list[int]], chosen: list[int], size: int) -> None:
    rows = [{row for row, segments in enumerate(visitors) if segment in segments} for segment in range(4)]
    found = count(visitors, chosen, size)
    assert found.segments == tuple(NAMES[segment] for segment in chosen)
    assert found.sizes == tuple(len(rows[segment]) for segment in chosen)
    for i, first in enumerate(chosen):
        for j, second in enumerate(chosen):
            both, either = rows[first] & rows[second], rows[first] | rows[second]
            assert found.shared(i, j) == len(both)
            assert found.alike(Measure.JACCARD, i, j) == (len(both) / len(either) if either else 0)
            smaller = min(len(rows[first]), len(rows[second]))
            assert found.alike(Measure.SMALLER, i, j) == (len(both) / smaller if smaller else 0)


def test_the_top_are_the_most_alike_by_the_measure_asked_for_and_share_visitors() -> None:
    found = count([[0, 1, 2], [0, 1, 2], [0, 1], [0], [3]], [0, 1, 2, 3])
    by_jaccard = [(pair.segment, pair.other, pair.shared) for pair in found.top(Measure.JACCARD)]
    assert by_jaccard == [("a", "b", 3), ("b", "c", 2), ("a", "c", 2)]
    by_smaller = [(pair.segment, pair.other, pair.shared) for pair in found.top(Measure.SMALLER)]
    assert by_smaller == [("a", "b", 3), ("a", "c", 2), ("b", "c", 2)]
    assert found.top(Measure.JACCARD, 1) == found.top(Measure.JACCARD)[:1]


def test_csv_has_all_pairs_also_those_that_share_nobody() -> None:
    assert csv_text(count([[0, 1], [0], [0]], [0, 1, 2])) == (
        "segment,other,visitors,other_visitors,shared,jaccard,smaller\n"
        "a,b,3,1,1,0.333333,1.000000\n"
        "a,c,3,0,0,0.000000,0.000000\n"
        "b,c,1,0,0,0.000000,0.000000\n"
    )


def test_too_many_segments_at_once_are_refused() -> None:
    with pytest.raises(LimitError, match="2,001 segments; at most 2,000"):
        overlap([], [], range(SEGMENTS_MAX + 1), Progress(io.StringIO()))
