"""Sorted rows become visitors and distinct sets, in whatever pieces they come; rows that can't be right are refused."""

from __future__ import annotations

import itertools
import struct
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecore._grouping import NO_SEGMENT, RowGrouper, SetNumbers
from rulecore.errors import LimitError, UnitKeyCollisionError
from rulecore.limits import LIMITS

SEGMENTS_MAX: Final = LIMITS.segments_per_visitor_max


def grouped(rows: list[tuple[int, int]], pieces: int = 1) -> tuple[list[int], list[list[int]]]:
    grouper = RowGrouper()
    keys, sets = b"", b""
    step = max(1, -(-len(rows) // pieces))
    for at in range(0, len(rows), step):
        some = rows[at : at + step]
        packed = struct.pack(f"<{len(some)}Q", *(key for key, _ in some))
        more_keys, more_sets = grouper.add(packed, packed, struct.pack(f"<{len(some)}H", *(s for _, s in some)))
        keys, sets = keys + more_keys, sets + more_sets
    more_keys, more_sets = grouper.finish()
    keys, sets = keys + more_keys, sets + more_sets
    starts = struct.unpack(f"<{grouper.set_count + 1}I", grouper.set_starts())
    members = struct.unpack(f"<{starts[-1]}H", grouper.members())
    of_visitor = struct.unpack(f"<{len(sets) // 4}I", sets)
    return list(struct.unpack(f"<{len(keys) // 8}Q", keys)), [
        list(members[starts[i] : starts[i + 1]]) for i in of_visitor
    ]


@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from([0, 1, 2, 3, 500, NO_SEGMENT])), max_size=200),
    st.integers(1, 9),
)
def test_rows_in_any_pieces_are_grouped_as_a_dict_would(rows: list[tuple[int, int]], pieces: int) -> None:
    expected: dict[int, set[int]] = {}
    for key, segment in sorted(rows):
        expected.setdefault(key, set()).update({segment} - {NO_SEGMENT})
    keys, sets = grouped(sorted(rows), pieces)
    assert keys == list(expected)
    assert sets == [sorted(of) for of in expected.values()]


def test_many_distinct_sets_are_numbered_once_each() -> None:
    rows = [(key, bit) for key in range(8_192) for bit in range(12) if key % 4_096 >> bit & 1]
    keys, sets = grouped(rows, 7)
    assert sets == [[bit for bit in range(12) if key % 4_096 >> bit & 1] for key in keys]


def test_rows_out_of_order_are_refused() -> None:
    for rows in ([(2, 0), (1, 0)], [(1, 1), (1, 0)]):
        with pytest.raises(ValueError, match="not in order"):
            grouped(rows)
    grouper = RowGrouper()
    grouper.finish()
    with pytest.raises(ValueError, match="after finish"):
        grouper.add(b"", b"", b"")
    with pytest.raises(ValueError, match="not of one number of rows"):
        RowGrouper().add(bytes(8), bytes(8), bytes(4))


def test_large_sets_are_kept_whole() -> None:
    rows = [(key, segment) for key in range(5) for segment in range(key, SEGMENTS_MAX)]
    assert [len(of) for of in grouped(rows)[1]] == [SEGMENTS_MAX - key for key in range(5)]


def test_a_visitor_in_more_segments_than_allowed_is_refused() -> None:
    with pytest.raises(LimitError, match="unit key 0000000000000007 is in more than 4096 segments"):
        grouped([(7, segment) for segment in range(SEGMENTS_MAX + 1)])


def test_two_visitors_with_one_unit_key_are_told_apart() -> None:
    with pytest.raises(UnitKeyCollisionError) as raised:
        RowGrouper().add(struct.pack("<2Q", 7, 7), struct.pack("<2Q", 1, 2), bytes(4))
    assert raised.value.key == 7


@given(st.lists(st.sets(st.integers(0, 30), max_size=6), max_size=60), st.integers(1, 5))
def test_sets_are_numbered_in_order_of_first_appearance(sets: list[set[int]], pieces: int) -> None:
    numbers = SetNumbers()
    found = b""
    step = max(1, -(-len(sets) // pieces))
    for at in range(0, len(sets), step):
        some = [sorted(of) for of in sets[at : at + step]]
        starts = [0, *itertools.accumulate(map(len, some))]
        members = [segment for of in some for segment in of]
        found += numbers.add(struct.pack(f"<{len(starts)}I", *starts), struct.pack(f"<{len(members)}H", *members))
    distinct = list(dict.fromkeys(map(frozenset, sets)))
    assert list(struct.unpack(f"<{len(sets)}I", found)) == [distinct.index(frozenset(of)) for of in sets]
    assert numbers.set_count == len(distinct)


@pytest.mark.parametrize(
    ("starts", "segments"), [([], 0), ([1, 0], 2), ([0, 2], 2), ([0, SEGMENTS_MAX + 1], 2 * SEGMENTS_MAX + 2)]
)
def test_starts_of_sets_that_do_not_fit_are_refused(starts: list[int], segments: int) -> None:
    with pytest.raises(ValueError, match="starts"):
        SetNumbers().add(struct.pack(f"<{len(starts)}I", *starts), bytes(segments))
