"""Rows in any order, in partitions, become the visitors that a dict would have; what is not sound is refused."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecore._partition import gather_visitors, partition_records
from rulecore.errors import LimitError, UnitKeyCollisionError
from rulecore.limits import LIMITS

Row = tuple[int, list[int]]
"""A unit key and segment numbers; the pseudonym is the key, twice."""

SAME_IDS = struct.pack("<65535H", *range(65_535))


def partitioned(rows: list[Row], bits: int) -> list[bytes]:
    keys = b"".join(struct.pack("<Q", key) for key, _ in rows)
    pseudonyms = b"".join(struct.pack("<QQ", key, key) for key, _ in rows)
    starts, segments = [0], b""
    for _, of in rows:
        starts.append(starts[-1] + len(of))
        segments += struct.pack(f"<{len(of)}H", *of)
    records, ends = partition_records(keys, pseudonyms, struct.pack(f"<{len(starts)}I", *starts), segments, bits)
    assert (len(ends), ends[0], ends[-1]) == ((1 << bits) + 1, 0, len(records))
    return [records[ends[i] : ends[i + 1]] for i in range(1 << bits)]


def gathered(records: bytes, bits: int, ids: bytes = SAME_IDS) -> list[Row]:
    keys, pseudonyms, starts, segments = gather_visitors(records, bits, ids)
    count = len(keys) // 8
    places = struct.unpack(f"<{count + 1}I", starts)
    members = struct.unpack(f"<{places[-1]}H", segments)
    numbers = struct.unpack(f"<{count}Q", keys)
    assert pseudonyms == b"".join(struct.pack("<QQ", key, key) for key in numbers)
    return [(key, list(members[places[i] : places[i + 1]])) for i, key in enumerate(numbers)]


few_keys = st.sampled_from([0, 1, 2, 2**31, 2**62, 2**63, 2**63 + 1, 2**64 - 1])
keys = few_keys | st.integers(0, 2**64 - 1)
segment_lists = st.lists(st.integers(0, 9) | st.integers(0, 65_534), max_size=12)


@given(st.lists(st.tuples(keys, segment_lists), max_size=120), st.integers(0, 4), st.integers(1, 3))
def test_rows_in_any_order_become_what_a_dict_has(rows: list[Row], bits: int, batches: int) -> None:
    expected: dict[int, set[int]] = {}
    for key, of in rows:
        expected.setdefault(key, set()).update(of)
    pieces = [partitioned(rows[start::batches], bits) for start in range(batches)]
    found = [row for part in range(1 << bits) for row in gathered(b"".join(piece[part] for piece in pieces), bits)]
    assert found == [(key, sorted(expected[key])) for key in sorted(expected)]


@given(st.lists(few_keys, min_size=100, max_size=400))
def test_many_rows_of_few_visitors_are_gathered(some: list[int]) -> None:
    expected: dict[int, set[int]] = {}
    for number, key in enumerate(some):
        expected.setdefault(key, set()).add(number % 211)
    [records] = partitioned([(key, [number % 211]) for number, key in enumerate(some)], 0)
    assert gathered(records, 0) == [(key, sorted(expected[key])) for key in sorted(expected)]


def test_a_segment_number_stands_for_an_id() -> None:
    [records] = partitioned([(5, [0, 1, 2]), (5, [2])], 0)
    assert gathered(records, 0, struct.pack("<3H", 9, 4, 7)) == [(5, [4, 7, 9])]


def test_without_starts_each_row_has_one_segment() -> None:
    records, _ = partition_records(bytes(16), bytes(32), None, struct.pack("<2H", 8, 3), 0)
    assert gathered(records, 0) == [(0, [3, 8])]


def test_two_pseudonyms_with_one_unit_key_are_a_collision() -> None:
    records, _ = partition_records(struct.pack("<2Q", 7, 7), bytes(31) + b"\1", None, bytes(4), 0)
    with pytest.raises(UnitKeyCollisionError) as raised:
        gather_visitors(records, 0, SAME_IDS)
    assert raised.value.key == 7


def test_a_visitor_in_as_many_segments_as_allowed_is_kept_and_one_in_more_refused() -> None:
    most = list(range(LIMITS.segments_per_visitor_max))
    [records] = partitioned([(7, most[::-1]), (7, most)], 0)
    assert gathered(records, 0) == [(7, most)]
    [records] = partitioned([(7, most), (7, [65_534])], 0)
    with pytest.raises(LimitError, match="unit key 0000000000000007 is in more than 4096 segments"):
        gathered(records, 0)


@pytest.mark.parametrize(
    ("keys", "pseudonyms", "starts", "segments", "bits", "message"),
    [
        (7, 16, None, 2, 0, "not of whole rows"),
        (8, 15, None, 2, 0, "not of whole rows"),
        (8, 16, None, 3, 0, "not of whole rows"),
        (8, 16, None, 4, 0, "2 segments are not one for each of 1 rows"),
        (8, 16, [0], 0, 0, "starts of the rows' segments"),
        (8, 16, [1, 0], 2, 0, "starts of the rows' segments"),
        (8, 16, [0, 2], 2, 0, "starts of the rows' segments"),
        (8, 16, [0, 65_536], 2 * 65_536, 0, "a row has more than 65,535"),
        (8, 16, None, 2, 17, "at most 16 bits"),
    ],
)
def test_rows_that_do_not_fit_together_are_refused(
    keys: int, pseudonyms: int, starts: list[int] | None, segments: int, *, bits: int, message: str
) -> None:
    packed = None if starts is None else struct.pack(f"<{len(starts)}I", *starts)
    with pytest.raises(ValueError, match=message):
        partition_records(bytes(keys), bytes(pseudonyms), packed, bytes(segments), bits)


@pytest.mark.parametrize("cut", [1, 25, 27])
def test_records_that_are_cut_off_or_have_no_id_are_refused(cut: int) -> None:
    [records] = partitioned([(7, [3])], 0)
    with pytest.raises(ValueError, match="not sound"):
        gather_visitors(records[:cut], 0, SAME_IDS)
    with pytest.raises(ValueError, match="not sound"):
        gather_visitors(records, 0, bytes(6))
    with pytest.raises(ValueError, match="at most 16 bits"):
        gather_visitors(records, 17, SAME_IDS)
