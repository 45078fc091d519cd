"""The generator of visitors: it repeats itself exactly, and says what it says of how sets repeat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from benches.generator import NAMED_SEGMENTS, visitor_id
from benches.visitors import (
    NAMES,
    STRANGERS,
    Visitors,
    draw_visitors,
    fingerprints,
    number_sets,
    segment_weights,
    visitor_ids,
    write_members,
)


@pytest.fixture(scope="module")
def visitors() -> Visitors:
    return draw_visitors(20_000)


def test_there_are_500_names_in_order_and_rules_find_theirs() -> None:
    assert len(NAMES) == 500
    assert list(NAMES) == sorted(NAMES)
    assert set(NAMED_SEGMENTS) <= set(NAMES)


def test_more_visitors_begin_with_the_same_ones(visitors: Visitors) -> None:
    more = draw_visitors(300_000)
    assert more.count == 300_000
    assert np.array_equal(more.starts[:20_001], visitors.starts)
    assert np.array_equal(more.members[: len(visitors.members)], visitors.members)


def test_another_seed_gives_others(visitors: Visitors) -> None:
    assert not np.array_equal(draw_visitors(20_000, seed=2).members[:1_000], visitors.members[:1_000])


def test_segments_are_ascending_and_one_of_each_group(visitors: Visitors) -> None:
    for number in range(500):
        segments = visitors.segments(number)
        assert segments == sorted(set(segments))
        groups = [NAMES[segment].partition("_")[0] for segment in segments]
        assert groups[:4] == ["age", "device", "lifecycle", "region"]
        assert set(groups[4:]) <= {"segment", "topic"}


def test_visitors_have_seven_and_a_half_segments_on_average(visitors: Visitors) -> None:
    assert len(visitors.members) / visitors.count == pytest.approx(7.5, abs=0.1)


def test_the_same_number_is_the_same_set(visitors: Visitors) -> None:
    sets = number_sets(visitors)
    assert sets.visitors.sum() == visitors.count
    assert len({tuple(visitors.segments(first)) for first in sets.first.tolist()}) == len(sets)
    for number, of in enumerate(sets.numbers.tolist()[:500]):
        assert visitors.segments(number) == visitors.segments(int(sets.first[of]))


def test_fingerprints_are_sums_of_weights(visitors: Visitors) -> None:
    weights = segment_weights()
    found = fingerprints(visitors, weights)
    for number in 0, 1, visitors.count - 1:
        assert int(found[number]) == sum(map(int, weights[visitors.segments(number)])) % 2**64


def test_ids_are_the_generators() -> None:
    numbers = [0, 1, 255, 123_456_789, STRANGERS, 2**32 - 1]
    assert visitor_ids(np.array(numbers)).to_pylist() == [visitor_id(number) for number in numbers]


def test_members_are_written_as_lists_of_names(visitors: Visitors, tmp_path: Path) -> None:
    path = tmp_path / "members.parquet"
    write_members(visitors, path)
    table = pq.read_table(path)
    assert table.num_rows == visitors.count
    last = visitors.count - 1
    assert table["visitor_id"][last].as_py() == visitor_id(last)
    assert table["segments"][last].as_py() == [NAMES[segment] for segment in visitors.segments(last)]
