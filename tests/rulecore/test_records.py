"""Every set comes back by its number, in a few bytes; damaged records are harmless."""

from __future__ import annotations

import random
import struct
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecore._record_writer import order_sets, write_records
from rulecore._records import RecordsReader
from rulecore.errors import ImageError
from rulecore.limits import LIMITS

HEADER_BYTES: Final = 16
END_BYTES: Final = 32
BLOCK_SETS: Final = 8
BASE: Final = 4
WIDE: Final = 255

Sets = Sequence[Iterable[int]]
some_sets = st.integers(1, 60).flatmap(
    lambda segments: st.tuples(
        st.just(segments),
        st.lists(st.frozensets(st.integers(0, segments - 1), max_size=12), unique=True, max_size=60),
    )
)


def packed(sets: Sets) -> tuple[array[int], array[int]]:
    starts, members = array("I", [0]), array("H")
    for one in sets:
        members.extend(sorted(one))
        starts.append(len(members))
    return starts, members


def ordered(sets: Sets, weights: Sequence[int], segments: int, classes: Sequence[int]) -> list[int]:
    return array("I", order_sets(*packed(sets), array("I", weights), segments, classes)).tolist()


def written(sets: Sets, segments: int, order: Sequence[int] | None = None) -> bytes:
    if order is None:
        order = ordered(sets, [1] * len(sets), segments, [len(sets)])
    return write_records(*packed(sets), array("I", order), segments)


def by_rank(sets: Sets, segments: int) -> list[int]:
    held = Counter(segment for one in sets for segment in one)
    return sorted(range(segments), key=lambda segment: (-held[segment], segment))


def ranks(sets: Sets, segments: int) -> list[list[int]]:
    rank_of = {segment: rank for rank, segment in enumerate(by_rank(sets, segments))}
    return [sorted(rank_of[segment] for segment in one) for one in sets]


def random_sets(count: int, segments: int, seed: int) -> list[tuple[int, ...]]:
    """Distinct sets of which some segments are in far more than others."""
    draw = random.Random(seed)
    found: dict[tuple[int, ...], None] = {}
    while len(found) < count:
        size = min(int(draw.expovariate(1 / 6)), 30)
        found[tuple(sorted({int(segments * draw.random() ** 3) for _ in range(size)}))] = None
    return list(found)


@given(some_sets, st.data())
def test_every_set_comes_back_whatever_the_order(case: tuple[int, list[frozenset[int]]], data: st.DataObject) -> None:
    segments, sets = case
    order = data.draw(st.permutations(range(len(sets))))
    reader = RecordsReader(written(sets, segments, order))
    reader.verify()
    assert len(reader) == len(sets)
    names = by_rank(sets, segments)
    of_sets = ranks(sets, segments)
    assert [reader.find(i) for i in range(len(sets))] == [[names[rank] for rank in of_sets[old]] for old in order]
    assert reader.find(len(sets)) is None
    assert reader.find_all(array("I", range(len(sets)))) == sum(map(len, sets))
    with pytest.raises(ImageError, match="a set that there is not"):
        reader.find_all(array("I", [len(sets)]))


@given(some_sets, st.data())
def test_classes_hold_the_most_frequent_sets_each_in_the_order_of_their_ranks(
    case: tuple[int, list[frozenset[int]]], data: st.DataObject
) -> None:
    segments, sets = case
    weights = data.draw(st.lists(st.integers(1, 2**32 - 1), min_size=len(sets), max_size=len(sets)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sets)), max_size=5)))
    classes = [end - start for start, end in zip([0, *cuts], [*cuts, len(sets)], strict=True)]
    order = ordered(sets, weights, segments, classes)
    assert sorted(order) == list(range(len(sets)))
    of_sets, first = ranks(sets, segments), 0
    heaviest = sorted(weights, reverse=True)
    for size in classes:
        here = order[first : first + size]
        assert sorted((weights[i] for i in here), reverse=True) == heaviest[first : first + size]
        assert [of_sets[i] for i in here] == sorted(of_sets[i] for i in here)
        first += size
    RecordsReader(written(sets, segments, order)).verify()


def test_many_sets_that_begin_alike_are_in_order() -> None:
    long = [tuple(sorted({*range(10), *extra})) for extra in random_sets(3_000, 40, 5)]
    sets = [*dict.fromkeys(long), tuple(range(9)), ()]
    of_sets = ranks(sets, 40)
    order = ordered(sets, [1] * len(sets), 40, [len(sets)])
    assert [of_sets[i] for i in order] == sorted(of_sets)


@pytest.mark.parametrize("segments", [0, 1, LIMITS.segments_max])
def test_no_sets_and_an_empty_set_are_records_too(segments: int) -> None:
    for sets in ([], [()]):
        reader = RecordsReader(written(sets, segments))
        reader.verify()
        assert [reader.find(i) for i in range(2)] == [list(one) for one in sets] + [None] * (2 - len(sets))


def test_the_largest_sets_of_the_most_segments_come_back() -> None:
    draw = random.Random(8)
    most = LIMITS.segments_per_visitor_max
    sets = [tuple(sorted(draw.sample(range(LIMITS.segments_max), most))) for _ in range(60)]
    sets += [tuple(range(most)), tuple(range(most - 1)), (LIMITS.segments_max - 1,), ()]
    order = ordered(sets, [1] * len(sets), LIMITS.segments_max, [30, len(sets) - 30])
    data = written(sets, LIMITS.segments_max, order)
    assert data[12] < 4  # a group of fewer blocks than usual: two bytes don't reach across such sets
    reader = RecordsReader(data)
    reader.verify()
    for i, old in enumerate(order):
        found = reader.find(i)
        assert found is not None
        assert sorted(found) == list(sets[old])


def test_the_same_sets_give_the_same_bytes() -> None:
    sets = random_sets(2_000, 300, 1)
    assert written(sets, 300) == written(sets, 300)
    weights = [1 + i % 7 for i in range(len(sets))]
    assert ordered(sets, weights, 300, [500, 1_500]) == ordered(sets, weights, 300, [500, 1_500])


def test_records_take_little_more_than_a_byte_a_segment_that_the_base_has_not() -> None:
    sets = random_sets(20_000, 300, 2)
    data = written(sets, 300)
    assert len(data) < sum(map(len, sets)) + 2 * len(sets)
    alike = [(*range(12), segment) for segment in range(12, 300)]
    assert len(written(alike, 300)) < HEADER_BYTES + 2 * 300 + 5 * len(alike) + END_BYTES


def sizes_of(data: bytes) -> bytes:
    """Of the first block."""
    blocks = len(data) - END_BYTES - struct.unpack_from("<I", data, 8)[0]
    return data[blocks : blocks + BLOCK_SETS]


def test_a_block_of_short_sets_says_in_a_byte_each_what_they_share_with_the_base_and_what_they_have_besides() -> None:
    sets = [(0, 1, 2, 3 + i) for i in range(BLOCK_SETS)]
    data = written(sets, 20)
    one = 3 | 1 << 4
    assert sizes_of(data) == bytes([one] * BASE + [4] + [one] * 3)
    assert len(data) == HEADER_BYTES + 2 * 20 + 34 + BLOCK_SETS + 4 + 7 + END_BYTES


@pytest.mark.parametrize("own", [15, 16])
@pytest.mark.parametrize("shared", [0, 1, 14, 15, 16, 33])
def test_sets_at_the_borders_of_what_a_byte_tells_come_back(shared: int, own: int) -> None:
    segments = shared + BLOCK_SETS * own
    sets = [(*range(shared), *range(shared + i * own, shared + (i + 1) * own)) for i in range(BLOCK_SETS)]
    data = written(sets, segments)
    assert (sizes_of(data)[BASE] == WIDE) == (own > 15 or shared > 15)
    reader = RecordsReader(data)
    reader.verify()
    assert [reader.find(i) for i in range(BLOCK_SETS)] == [list(one) for one in sets]


@pytest.mark.parametrize("gap", [253, 254, 255, 256, 65_533, 65_534])
@pytest.mark.parametrize("before", [(), (0,), tuple(range(14)), tuple(range(40))])
def test_gaps_of_any_width_come_back_wherever_they_are(before: tuple[int, ...], gap: int) -> None:
    last = min(len(before) + gap, LIMITS.segments_max - 1)
    sets = [(*before, last - i) for i in range(20)]
    reader = RecordsReader(written(sets, LIMITS.segments_max, range(20)))
    reader.verify()
    assert [sorted(reader.find(i) or ()) for i in range(20)] == [list(one) for one in sets]


@pytest.mark.parametrize("size", [254, 255])
def test_a_base_of_more_bytes_than_one_tells_comes_back(size: int) -> None:
    sets = [tuple(range(size - BLOCK_SETS + i)) for i in range(BASE + 5)]
    reader = RecordsReader(written(sets, size + 4, range(len(sets))))
    reader.verify()
    assert [reader.find(i) for i in range(len(sets))] == [list(one) for one in sets]


def test_what_are_no_sets_is_refused() -> None:
    with pytest.raises(ValueError, match="follow each other are the same"):
        written([(1, 2), (1, 2)], 3)
    with pytest.raises(ValueError, match="of at most 65,535 segments"):
        written([()], 65_536)
    with pytest.raises(ValueError, match="of at most 65,535 segments"):
        write_records(b"", b"", b"", 3)
    for starts, members in (
        ([0, 2], [1]),
        ([1, 1], [0]),
        ([0, 2, 1, 2], [0, 1]),
        ([0, 1], [3]),
        ([0, 2], [1, 1]),
        ([0, 2], [2, 1]),
        ([0, LIMITS.segments_per_visitor_max + 1], range(LIMITS.segments_per_visitor_max + 1)),
    ):
        with pytest.raises(ValueError, match="members of the sets do not fit"):
            write_records(array("I", starts), array("H", members), array("I", [0]), 3 if len(members) < 9 else 9_999)
    with pytest.raises(ValueError, match="the order is not that of the sets"):
        written([(1,)], 3, [0, 0])
    with pytest.raises(ValueError, match="a set that there is not"):
        written([(1,)], 3, [1])
    for weights, classes in (([1], [1, 1]), ([1, 1], [1]), ([1], [2, -1])):
        with pytest.raises(ValueError, match="the weights, or the classes"):
            ordered([(1,)], weights, 3, classes)


def refusal(data: bytes) -> tuple[str, int]:
    with pytest.raises(ImageError) as raised:
        RecordsReader(data).verify()
    return raised.value.what, raised.value.offset


def changed(data: bytes, at: int, to: bytes) -> bytes:
    return data[:at] + to + data[at + len(to) :]


def test_records_that_do_not_fit_their_header_are_not_opened() -> None:
    data = written(random_sets(100, 20, 3), 20)
    for cut in (0, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 39, HEADER_BYTES + 40 + 33):
        assert refusal(data[:cut])[0] == "records of sets are cut off"
    for other in (data[:-1], data + b"\0"):
        assert refusal(other)[0] == "records of sets are longer or shorter than their parts"
    for at, value, what in (
        (6, 1, "more segments than there can be"),
        (12, 7, "have groups of blocks that are too large"),
        (13, 1, "have groups of blocks that are too large"),
    ):
        assert what in refusal(changed(data, at, bytes([value])))[0]


def test_no_bytes_stand_for_many_sets() -> None:
    """Else a small image would take its reader minutes: each of its blocks would be sound, and the same."""
    groups = 1_000
    many = struct.pack("<IIII", groups * 16 * BLOCK_SETS, 0, 0, 4) + bytes(34 * groups + END_BYTES)
    assert refusal(many)[0] == "a block of sets reaches beyond the last"


def test_verify_says_what_is_wrong_and_where() -> None:
    segments = 20
    data = written(random_sets(99, segments, 3), segments)
    size = struct.unpack_from("<8xI", data)[0]
    directory = HEADER_BYTES + 2 * segments
    blocks = len(data) - END_BYTES - size
    RecordsReader(data).verify()
    assert refusal(changed(data, 18, data[16:18])) == ("the ranks of segments do not hold every segment once", 18)
    assert refusal(changed(data, 18, b"\x14")) == ("the ranks of segments do not hold every segment once", 18)
    assert refusal(changed(data, directory, b"\1"))[0] == "a block of sets does not begin where the one before ends"
    assert refusal(changed(data, directory + 4, b"\0\0")) == (
        "a block of sets does not begin where the one before ends",
        directory,
    )
    assert refusal(changed(data, blocks - 2, b"\1")) == ("the directory names blocks beyond the last", blocks - 2)
    assert refusal(changed(data, blocks + 8, b"\x14")) == ("a set that is not sound", blocks)
    for at in (len(data) - 1, len(data) - END_BYTES):
        assert refusal(changed(data, at, b"\1"))[0] == "the bytes after the last block of sets are not zero"
    longer = struct.pack("<I", size + 1)
    assert refusal(changed(data, 8, longer) + b"\0")[0] == "there is more after the last block of sets"
    shorter = changed(data, 8, struct.pack("<I", size - 1))
    assert refusal(shorter[: -END_BYTES - 1] + bytes(END_BYTES))[0] == "a block of sets reaches beyond the last"


def test_verify_refuses_a_last_block_of_more_sets_than_there_are() -> None:
    data = written([(0,), (1,), (0, 1)], 2)
    assert refusal(changed(data, 0, b"\2"))[0] == "a block of sets has more than there are"


def test_verify_refuses_wide_blocks_that_say_more_than_they_need() -> None:
    sets = [tuple(range(20 * i, 20 * i + 20)) for i in range(BLOCK_SETS)]
    data = written(sets, 160)
    block = len(data) - END_BYTES - struct.unpack_from("<I", data, 8)[0]
    assert refusal(changed(data, block, b"\1")) == ("a block of sets has sizes twice", block)
    base = block + BLOCK_SETS + 4 * BASE
    other = changed(data, base, struct.pack("<HHHH", 20, 10, 0, 10))
    assert refusal(other) == ("a base of sets has something of its own", block)
    assert refusal(changed(data, base - 4, struct.pack("<H", 21)))[0] == "a block of sets reaches beyond the last"


def harmless(data: bytes, count: int, segments: int) -> None:
    """Finds every set of what may be damaged; where `verify` finds nothing wrong, every set is one."""
    try:
        reader = RecordsReader(data)
    except ImageError:
        return
    found = [reader.find(i) for i in range(count + 1)]
    for ids in found:
        assert ids is None or (len(ids) <= LIMITS.segments_per_visitor_max and all(0 <= i < segments for i in ids))
    try:
        reader.verify()
    except ImageError:
        return
    assert all(ids is not None and len(set(ids)) == len(ids) for ids in found[: len(reader)])


@pytest.mark.parametrize("segments", [1, 20, 500])
def test_damaged_records_are_found_wrong_or_read_within_their_bounds(segments: int) -> None:
    draw = random.Random(segments)
    sets = random_sets(2 if segments == 1 else 90, segments, 4)
    data = written(sets, segments)
    for _ in range(1_500):
        at = draw.choice([draw.randrange(len(data)), draw.randrange(HEADER_BYTES), draw.randrange(120)]) % len(data)
        size = draw.choice([1, 1, 2, 4, 40])
        values = draw.choice([bytes(size), b"\xff" * size, draw.randbytes(size)])
        damaged = changed(data, at, values)[: len(data)]
        harmless(damaged, len(sets), segments)


@pytest.mark.parametrize("fill", [b"\0", b"\xff", b"\x7f\x01", b"\x1f\xfe\x01\x00"])
def test_parts_filled_with_anything_are_read_within_their_bounds(fill: bytes) -> None:
    sets = random_sets(300, 50, 6)
    data = written(sets, 50)
    size = struct.unpack_from("<8xI", data)[0]
    parts = (HEADER_BYTES, HEADER_BYTES + 2 * 50, len(data) - END_BYTES - size, len(data) - END_BYTES, len(data))
    for start, end in pairwise(parts):
        harmless(changed(data, start, (fill * (end - start))[: end - start]), len(sets), 50)
    harmless(data[:HEADER_BYTES] + (fill * len(data))[: len(data) - HEADER_BYTES], len(sets), 50)


@given(st.binary(max_size=400), st.integers(0, 60_000))
def test_bytes_that_are_no_records_are_read_within_their_bounds(body: bytes, sets: int) -> None:
    for size in range(max(0, len(body) - 60)):
        header = struct.pack("<IIII", sets % 50, 3, size, 4)
        harmless(header + body, sets % 50, 3)
