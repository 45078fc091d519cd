"""A chain of deltas answers as dicts laid upon one another would, and what does not fit it is refused."""

from __future__ import annotations

import io
import math
import random
from array import array
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecore._delta import DeltaImage
from rulecore._delta_table import DeltaTable
from rulecore.delta import merge_deltas, write_delta
from rulecore.errors import ImageError, LimitError, LinkError
from rulecore.limits import LIMITS
from tests.rulecore.deltas import (
    BASE,
    COLUMNS,
    EPOCH,
    FEW,
    FIRST,
    SECOND,
    SEGMENTS,
    SMALL,
    Entry,
    answer,
    expected,
    image_of,
    parts_of,
    table_of,
)


def test_entries_are_found_with_their_segments_and_values() -> None:
    table = table_of([FIRST])
    assert table.segments == (*SEGMENTS, "new_here")
    assert (table.columns, table.version, table.entries, table.tombstones) == (COLUMNS, 1, 5, 1)
    for key, entry in FEW.items():
        assert answer(table, key) == expected(table, entry)
    assert [answer(table, key) for key in (2, 0x7FFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFE)] == [None] * 3
    assert {name: type(value) for name, value in table.values(0x8000_0000_0000_0000).items()} == {
        "loyal": bool,
        "orders": int,
        "score": float,
        "tier": str,
    }


def test_the_newest_entry_wins_and_a_tombstone_hides() -> None:
    table = table_of([FIRST, SECOND])
    assert table.segments == (*SEGMENTS, "new_here", "also_new")
    assert (table.version, table.entries, table.tombstones) == (2, 6, 2)
    assert answer(table, 0) == (None, {})
    assert table.lookup(5) == ["new_here", "also_new"]
    assert table.lookup(0xFFFF_FFFF_FFFF_FFFF) == ["returning", "new_here"]


def test_a_visitor_who_was_erased_can_come_back() -> None:
    back = image_of(parts_of({1: ((1,), {})}, FIRST))
    assert table_of([FIRST, back]).lookup(1) == ["returning"]


def test_no_deltas_change_nobody() -> None:
    table = table_of([])
    assert (table.segments, table.version, table.entries, table.tombstones) == (SEGMENTS, 0, 0, 0)
    assert [answer(table, key) for key in (0, 1, 2**64 - 1)] == [None] * 3
    assert answer(table_of([image_of(parts_of({}))]), 0) is None


def test_the_largest_set_is_found_and_one_more_is_refused() -> None:
    names = [f"s{i:05}" for i in range(LIMITS.segments_per_visitor_max + 1)]
    most = tuple(range(3, 3 + LIMITS.segments_per_visitor_max))
    sizes = (0, 1, 124, 125, 126, 127, 128, len(most))
    table = table_of([image_of(parts_of({size: (most[:size], {}) for size in sizes}, segments=names))])
    for size in sizes:
        assert table.lookup(size) == names[:size]
    with pytest.raises(ValueError, match="a set has more segments than a visitor may"):
        image_of(parts_of({0: ((*most, most[-1] + 1), {})}, segments=names))


def test_an_image_is_read_from_a_mapped_file_and_at_any_address(tmp_path: Path) -> None:
    path = tmp_path / "changes.delta"
    path.write_bytes(SMALL)
    assert table_of([DeltaImage.open(path)]).lookup(0) == ["bargain_hunter", "vip"]
    for shift in range(1, 8):
        table = table_of([DeltaImage(memoryview(bytes(shift) + SMALL)[shift:])])
        assert all(answer(table, key) == expected(table, entry) for key, entry in FEW.items())


def test_a_table_outlives_the_names_of_its_images() -> None:
    buffer = bytearray(SMALL)
    table = table_of([DeltaImage(buffer)])
    with pytest.raises(BufferError):
        buffer.clear()
    del buffer
    assert table.lookup(0) == ["bargain_hunter", "vip"]


# Chains against dicts

keys = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1])
values = st.fixed_dictionaries(
    {},
    optional={
        "loyal": st.booleans(),
        "orders": st.integers(-(2**63), 2**63 - 1),
        "score": st.floats(allow_nan=False).map(lambda value: value + 0.0),
        "tier": st.text(max_size=5),
    },
)


@st.composite
def chains(draw: st.DrawFn) -> tuple[list[DeltaImage], dict[int, Entry]]:
    """A chain and what it says all in all."""
    images: list[DeltaImage] = []
    newest: dict[int, Entry] = {}
    known = len(SEGMENTS)
    for number in range(draw(st.integers(1, 6))):
        appended = [f"d{number}-{i}" for i in range(draw(st.integers(0, 2)))]
        known += len(appended)
        sets = st.frozensets(st.integers(0, known - 1), max_size=5).map(lambda of: tuple(sorted(of)))
        again = st.sampled_from(sorted(newest)) | keys if newest else keys
        entries: dict[int, Entry] = draw(st.dictionaries(again, st.none() | st.tuples(sets, values), max_size=12))
        images.append(image_of(parts_of(entries, images[-1] if images else None, appended)))
        newest |= entries
    return images, newest


@given(chains(), st.lists(keys, max_size=10))
def test_a_chain_answers_as_a_dict(chain: tuple[list[DeltaImage], dict[int, Entry]], others: list[int]) -> None:
    images, newest = chain
    table = table_of(images)
    assert table.entries == len(newest)
    assert table.tombstones == sum(entry is None for entry in newest.values())
    for key, entry in newest.items():
        assert answer(table, key) == expected(table, entry)
    assert all(answer(table, key) is None for key in others if key not in newest)


@given(chains(), st.data())
def test_several_made_one_answer_as_the_chain(
    chain: tuple[list[DeltaImage], dict[int, Entry]], data: st.DataObject
) -> None:
    images, newest = chain
    start = data.draw(st.integers(0, len(images) - 1))
    end = data.draw(st.integers(start + 1, len(images)))
    one = image_of(merge_deltas(images[start:end]))
    assert (one.first_version, one.version, one.stands_for) == (start + 1, end, images[end - 1].stands_for)
    before, after = table_of(images), table_of([*images[:start], one, *images[end:]])
    assert (after.segments, after.entries, after.version) == (before.segments, before.entries, before.version)
    for key in newest:
        assert answer(after, key) == answer(before, key)


@given(chains())
def test_deltas_made_one_in_steps_give_the_same_bytes(chain: tuple[list[DeltaImage], dict[int, Entry]]) -> None:
    images, _ = chain
    in_steps = images[0]
    for image in images[1:]:
        in_steps = image_of(merge_deltas([in_steps, image]))
    at_once = image_of(merge_deltas(images))
    if len(images) > 1:
        assert in_steps.checksum == at_once.checksum
    assert image_of(merge_deltas([at_once])).checksum == at_once.checksum


@pytest.mark.parametrize("deltas", [1, 2, 5, 64])
def test_many_entries_are_told_apart(deltas: int) -> None:
    numbers = random.Random(deltas)
    images: list[DeltaImage] = []
    newest: dict[int, Entry] = {}
    everybody = [numbers.getrandbits(64) for _ in range(6_000)]
    for _ in range(deltas):
        some: dict[int, Entry] = {
            key: None if numbers.random() < 0.1 else ((numbers.randrange(3),), {"orders": numbers.randrange(50)})
            for key in numbers.sample(everybody[:3_000], 3_000 // deltas)
        }
        images.append(image_of(parts_of(some, images[-1] if images else None)))
        newest |= some
    table = table_of(images)
    assert table.entries == len(newest)
    for key in everybody:
        assert answer(table, key) == (expected(table, newest[key]) if key in newest else None)


def test_what_is_overwritten_or_erased_is_gone_from_several_made_one() -> None:
    first = image_of(parts_of({1: ((0, 1, 2), {"tier": "old secret"}), 2: ((0,), {"tier": "other"})}))
    second = image_of(parts_of({1: None, 2: ((0, 2), {"tier": "new"})}, first))
    one = image_of(merge_deltas([first, second]))
    assert b"secret" not in bytes(one.keys.obj)
    assert one.column_values(3) == ["new"]
    assert one.members.cast("H").tolist() == [0, 2]


def test_values_that_are_not_numbers_stay_one_value() -> None:
    first = image_of(parts_of({1: ((), {"score": math.nan}), 2: ((), {"score": -0.0})}))
    second = image_of(parts_of({3: ((), {"score": math.nan}), 4: ((), {"score": 1.0})}, first))
    one = image_of(merge_deltas([first, second]))
    assert str(one.column_values(2)) == "[0.0, 1.0, nan]"


def test_the_same_changes_give_the_same_bytes_however_their_sets_are_numbered() -> None:
    parts = parts_of(FEW, segments=["new_here"])
    sets, starts = array("I", [6, 0, 5, 6, 2]), array("I", [0, 1, 3, 3, 3, 3, 5])
    other = msgspec.structs.replace(parts, sets=sets, set_starts=starts, members=array("H", [2, 1, 3, 0, 2]))
    assert image_of(other).checksum == FIRST.checksum


# What does not fit


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base": 1}, "belongs to snapshot 0000000000000001, not to snapshot b45e000000000001"),
        ({"follows": 1}, r"follows image 0000000000000001, not delta \w{16} \(version 1\)"),
        ({"follows": BASE}, r"follows image b45e000000000001, not delta \w{16} \(version 1\)"),
        ({"version": 3}, r"begins with version 3, but version 2 follows delta \w{16} \(version 1\)"),
        ({"version": 1}, "begins with version 1, but version 2 follows"),
        ({"epoch": 4}, "is of epoch 4, but delta .* of epoch 3"),
        ({"segments_before": 5}, "goes on from 5 segments, but delta .* ends with 4"),
        ({"segments": ["vip", "x"]}, "appends segments that there are already: vip"),
        ({"segments": ["new_here"]}, "appends segments that there are already: new_here"),
        ({"columns": ()}, r"has the columns none, but delta .* loyal \(bool\), orders \(int\)"),
    ],
)
def test_a_delta_that_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    parts = parts_of({0: ((0,), {})}, FIRST)
    fitting = image_of(parts)
    other = image_of(msgspec.structs.replace(parts, **changes))
    assert table_of([FIRST, fitting]).version == 2
    with pytest.raises(LinkError, match=f"^delta {other.checksum:016x} .*{message}"):
        table_of([FIRST, other])


def test_several_are_only_made_one_when_they_follow_one_another() -> None:
    third = image_of(parts_of({9: None}, SECOND))
    with pytest.raises(LinkError, match="begins with version 3, but version 2 follows delta"):
        merge_deltas([FIRST, third])
    with pytest.raises(LinkError, match="begins with version 1, but version 3 follows"):
        merge_deltas([SECOND, FIRST])
    twice = image_of(parts_of({9: None}, FIRST, ["new_here"]))
    with pytest.raises(LinkError, match="appends segments that there are already: new_here"):
        merge_deltas([FIRST, twice])
    with pytest.raises(ValueError, match="there are no deltas"):
        merge_deltas([])


def test_a_chain_that_does_not_fit_its_base_is_refused() -> None:
    with pytest.raises(LinkError, match="belongs to snapshot b45e000000000001, not to snapshot 0000000000000007"):
        DeltaTable([FIRST], 7, EPOCH, SEGMENTS, COLUMNS)
    with pytest.raises(LinkError, match="is of epoch 3, but snapshot b45e000000000001 of epoch 9"):
        DeltaTable([FIRST], BASE, 9, SEGMENTS, COLUMNS)
    with pytest.raises(LinkError, match="goes on from 3 segments, but snapshot b45e000000000001 ends with 2"):
        DeltaTable([FIRST], BASE, EPOCH, SEGMENTS[:2], COLUMNS)
    with pytest.raises(LinkError, match="appends segments that there are already: new_here"):
        DeltaTable([FIRST], BASE, EPOCH, ("new_here", "returning", "vip"), COLUMNS)
    with pytest.raises(LinkError, match=r"has the columns .* but snapshot b45e000000000001 loyal \(bool\)$"):
        DeltaTable([FIRST], BASE, EPOCH, SEGMENTS, COLUMNS[:1])
    with pytest.raises(LinkError, match="begins with version 2, but version 1 follows snapshot b45e000000000001"):
        table_of([SECOND])
    with pytest.raises(LinkError, match="begins with version 2, but version 1 follows"):
        table_of([SECOND, FIRST])


def test_more_deltas_than_may_lie_on_a_snapshot_are_refused_and_can_be_made_one() -> None:
    images = [FIRST]
    for number in range(1, LIMITS.deltas_max + 1):
        images.append(image_of(parts_of({number: ((number % 4,), {})}, images[-1])))
    assert table_of(images[:-1]).version == LIMITS.deltas_max
    with pytest.raises(LimitError, match="65 deltas; at most 64 lie on a snapshot: make them one"):
        table_of(images)
    assert table_of([image_of(merge_deltas(images))]).version == LIMITS.deltas_max + 1


def test_more_entries_than_may_lie_on_a_snapshot_are_refused() -> None:
    count = LIMITS.delta_entries_max
    keys = array("Q", range(0, count * 2**45, 2**45))
    nothing = array("I", bytes(4 * count))
    parts = msgspec.structs.replace(parts_of({}), keys=keys, sets=nothing)
    parts = msgspec.structs.replace(parts, columns=[msgspec.structs.replace(of, ids=nothing) for of in parts.columns])
    most = image_of(parts)
    table = table_of([most])
    assert table.entries == table.tombstones == count
    assert table.memory <= 32 << 20
    assert table.lookup(2**45) is None
    more = image_of(parts_of({3: None}, most))
    with pytest.raises(LimitError, match="the deltas have 500,001 entries; at most 500,000 lie on a snapshot"):
        table_of([most, more])
    with pytest.raises(LimitError, match="500,001 entries; a delta has at most 500,000"):
        write_delta(io.BytesIO(), msgspec.structs.replace(parts, keys=array("Q", [*keys, 2**64 - 1])))


def test_keys_that_no_visitors_could_have_are_refused() -> None:
    crowd: dict[int, Entry] = dict.fromkeys(range(1_025))
    assert table_of([image_of(parts_of(crowd))]).lookup(1_024) is None
    with pytest.raises(ImageError, match="the unit keys of the deltas crowd together"):
        table_of([image_of(parts_of({**crowd, 1_025: None}))])
