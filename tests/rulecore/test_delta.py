"""Deltas answer as dicts laid upon one another would; what does not fit is refused, and damage does no harm."""

from __future__ import annotations

import io
import math
import random
import struct
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecore import snapshot
from rulecore._delta import DeltaImage
from rulecore._delta_table import DeltaTable
from rulecore._hash import xxh64
from rulecore.delta import DeltaParts, merge_deltas, write_delta
from rulecore.errors import ImageError, ImageFeatureError, ImageVersionError, LimitError, LinkError
from rulecore.limits import LIMITS
from rulecore.model import Scalar, Type

BASE = 0xB45E_0000_0000_0001
EPOCH = 3
SEGMENTS = ("bargain_hunter", "returning", "vip")
COLUMNS = (("loyal", "bool"), ("orders", "int"), ("score", "double"), ("tier", "string"))
HEADER_BYTES = 96
SECTIONS = 6 + 2 * len(COLUMNS)

Entry = tuple[tuple[int, ...], Mapping[str, Scalar]] | None
"""Segment ids, ascending, and values by column; or a tombstone."""

Entries = Mapping[int, Entry]


def column(name: str, kind: Type, values: Sequence[Scalar | None]) -> snapshot.Column:
    distinct = list(dict.fromkeys(value for value in values if value is not None))
    ids = array("I", (0 if value is None else 1 + distinct.index(value) for value in values))
    return snapshot.Column(name, kind, len(distinct), ids, snapshot.encode_values(kind, distinct))


def parts_of(entries: Entries, after: DeltaImage | None = None, segments: Sequence[str] = ()) -> DeltaParts:
    """A delta on the base, or after another one. Sets are given as often as entries have them."""
    keys = sorted(entries)
    rows = [entries[key] for key in keys]
    members = [row[0] if row else () for row in rows]
    starts = [0]
    for of_row in members:
        starts.append(starts[-1] + len(of_row))
    return DeltaParts(
        epoch=EPOCH,
        base=BASE,
        follows=after.stands_for if after else BASE,
        version=after.version + 1 if after else 1,
        segments_before=after.segments_before + len(after.segments) if after else len(SEGMENTS),
        segments=segments,
        keys=array("Q", keys),
        sets=array("I", (row is not None and number for number, row in enumerate(rows, 1))),
        set_starts=array("I", starts),
        members=array("H", (member for of_row in members for member in of_row)),
        columns=[
            column(name, Type(kind), [row[1].get(name) if row else None for row in rows]) for name, kind in COLUMNS
        ],
    )


def image_of(parts: DeltaParts) -> DeltaImage:
    out = io.BytesIO()
    assert write_delta(out, parts) == len(out.getvalue())
    return DeltaImage(out.getvalue())


def table_of(images: Sequence[DeltaImage]) -> DeltaTable:
    return DeltaTable(images, BASE, EPOCH, SEGMENTS, COLUMNS)


def answer(table: DeltaTable, key: int) -> tuple[list[str] | None, dict[str, Scalar]] | None:
    try:
        return table.lookup(key), table.values(key)
    except KeyError:
        return None


def expected(table: DeltaTable, entry: Entry) -> tuple[list[str] | None, dict[str, Scalar]]:
    return (None, {}) if entry is None else ([table.segments[i] for i in entry[0]], dict(entry[1]))


GOLD: dict[str, Scalar] = {"loyal": True, "orders": -(2**63), "score": math.inf, "tier": "größer"}
FEW: dict[int, Entry] = {
    0: ((0, 2), {"tier": ""}),
    1: None,
    0x8000_0000_0000_0000: ((), GOLD),
    0x8000_0000_0000_0001: ((0, 2), {"loyal": False, "score": -1.5}),
    0xFFFF_FFFF_FFFF_FFFF: ((1, 3), {"orders": 7}),
}
FIRST = image_of(parts_of(FEW, segments=["new_here"]))
SECOND = image_of(parts_of({0: None, 5: ((3, 4), {})}, FIRST, ["also_new"]))
SMALL = bytes(memoryview(FIRST.keys.obj))


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


def test_an_image_says_what_it_holds() -> None:
    assert (FIRST.base, FIRST.follows, FIRST.epoch, FIRST.first_version, FIRST.version) == (BASE, BASE, EPOCH, 1, 1)
    assert (FIRST.segments_before, FIRST.segments, FIRST.columns) == (3, ("new_here",), COLUMNS)
    assert (FIRST.entries, FIRST.tombstones, FIRST.size) == (len(FEW), 1, len(SMALL))
    assert FIRST.stands_for == FIRST.checksum == struct.unpack_from("<Q", SMALL, 24)[0]
    assert FIRST.keys.cast("Q").tolist() == sorted(FEW)
    assert FIRST.sets.cast("I").tolist() == [1, 0, 2, 1, 3]
    assert FIRST.set_starts.cast("I").tolist() == [0, 2, 2, 4]
    assert FIRST.members.cast("H").tolist() == [0, 2, 1, 3]
    assert FIRST.column_ids(3).cast("I").tolist() == [1, 0, 2, 0, 0]
    assert FIRST.column_values(3) == ["", "größer"]
    assert FIRST.keys.readonly
    with pytest.raises(IndexError, match="the delta has 4 columns"):
        FIRST.column_ids(4)
    with pytest.raises(IndexError, match="the delta has 4 columns"):
        FIRST.column_values(4)


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


def test_the_image_has_not_changed_its_form() -> None:
    """A change here is a change of the format: give it a new version."""
    assert len(SMALL) == 764
    assert FIRST.checksum == 0x1747DEDE9FFC1FF7


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"segments": ["Big"]}, "segment name 'Big' does not match"),
        ({"segments": ["a", "a"]}, "a segment name comes twice"),
        ({"keys": array("Q", [2, 1])}, "unit keys are not in ascending order"),
        ({"keys": array("Q", [1, 1])}, "unit keys are not in ascending order"),
        ({"keys": array("Q", [1, 2, 3])}, "another length than its header implies"),
        ({"sets": b"123"}, "3 bytes are no whole number of 4 bytes each"),
        ({"sets": array("I", [1, 4])}, "an entry has set 3, but there are 2 sets"),
        ({"set_starts": array("I", [0, 2, 1])}, "set_starts do not say where sets lie in members"),
        ({"set_starts": array("I", [0, 1, 1])}, "set_starts do not say where sets lie in members"),
        ({"set_starts": b""}, "set_starts do not say where sets lie in members"),
        ({"members": array("H", [0, 3])}, "a segment id out of range"),
        ({"set_starts": array("I", [0, 2, 2]), "members": array("H", [1, 0])}, "segments of a set are not in asc"),
        ({"version": 0}, "versions are counted from 1"),
        ({"version": 1, "first_version": 2}, "the last is not before the first"),
        ({"columns": [column("1st", Type.INT, [1, 2])]}, "column name '1st' does not match"),
        ({"columns": [column("n", Type.INT, [1])]}, "another length than its header implies"),
        ({"columns": [column("n", Type.INT, [1, 2]), column("m", Type.INT, [1, 2])]}, "texts are not in ascending"),
        ({"sets": array("I", [1, 0]), "columns": [column("n", Type.INT, [1, 2])]}, "a tombstone has a value"),
    ],
)
def test_what_no_delta_may_hold_is_not_written(changes: dict[str, object], message: str) -> None:
    parts = parts_of({1: ((0,), {}), 2: ((1,), {})})
    out = io.BytesIO()
    with pytest.raises(ValueError, match=message):
        write_delta(out, msgspec.structs.replace(parts, **changes))
    assert out.getvalue() == b""


def test_sizes_beyond_the_limits_are_not_written() -> None:
    with pytest.raises(LimitError, match="65,536 segments; a snapshot has at most 65,535"):
        write_delta(io.BytesIO(), msgspec.structs.replace(parts_of({}), segments_before=65_536))
    many = column("n", Type.INT, [])
    huge = msgspec.structs.replace(many, values=bytes(LIMITS.delta_bytes_max))
    with pytest.raises(LimitError, match="at most 268,435,456 are allowed"):
        write_delta(io.BytesIO(), msgspec.structs.replace(parts_of({}), columns=[huge]))


# Damage


def section(image: bytes, number: int) -> tuple[int, int]:
    start, size = struct.unpack_from("<QQ", image, HEADER_BYTES + 24 * number)
    return start, size


def with_checksums_made_to_fit(image: bytearray) -> bytes:
    """As whoever wants to harm a reader would do it: damage anything, then make every checksum fit."""
    columns = min(struct.unpack_from("<I", image, 76)[0], LIMITS.columns_max)
    end = HEADER_BYTES + 24 * (6 + 2 * columns)
    for entry in range(HEADER_BYTES, min(end, len(image) - 23), 24):
        start, size = struct.unpack_from("<QQ", image, entry)
        struct.pack_into("<Q", image, entry + 16, xxh64(image[start : start + size]))
    struct.pack_into("<Q", image, 24, xxh64(image[32:end]))
    return bytes(image)


def use(image: bytes) -> str:
    """What an image of doubtful origin does: "refused", does not fit its base, or lets itself be used."""
    try:
        delta = DeltaImage(image)
        merge_deltas([delta])
        table = table_of([delta])
    except ImageError as error:
        return "refused" if 0 <= error.offset <= len(image) else "refused beyond its end"
    except LinkError:
        return "does not fit"
    for key in [*FEW, *delta.keys.cast("Q").tolist(), 2, 2**63 - 1]:
        found = answer(table, key)
        if found is not None:
            assert set(found[0] or ()) <= set(table.segments)
            assert found[1].keys() <= {name for name, _ in COLUMNS}
    return "used"


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (b"", ImageError, r"too short to be a delta image \(at byte 0\)"),
        (b"EWSNAP\r\n" * 20, ImageError, "not a delta image"),
        (SMALL[:8] + struct.pack("<I", 2) + SMALL[12:], ImageVersionError, "written by a newer Edgewise"),
        (SMALL[:8] + struct.pack("<I", 0) + SMALL[12:], ImageError, "no format has this version"),
        (SMALL[:12] + struct.pack("<I", 1) + SMALL[16:], ImageFeatureError, "requires a feature"),
        (SMALL + b"\0", ImageError, "truncated or extended"),
    ],
)
def test_a_foreign_or_future_image_says_what_it_is(image: bytes, error: type[ImageError], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        DeltaImage(image)
    assert type(raised.value) is error


@pytest.mark.parametrize("number", range(SECTIONS))
def test_damage_names_the_section_by_its_first_byte(number: int) -> None:
    start, size = section(SMALL, number)
    damaged = bytearray(SMALL)
    damaged[start + size // 2] ^= 1
    with pytest.raises(ImageError, match="the checksum of the section that begins here does not match") as raised:
        DeltaImage(damaged)
    assert raised.value.offset == start


def test_every_single_bit_that_is_changed_is_found() -> None:
    for at in range(len(SMALL)):
        for bit in range(8):
            damaged = bytearray(SMALL)
            damaged[at] ^= 1 << bit
            with pytest.raises(ImageError):
                DeltaImage(damaged)


def test_every_truncation_is_found_with_its_length_made_to_fit_or_not() -> None:
    for size in range(len(SMALL)):
        assert use(SMALL[:size]) == "refused"
        if size >= HEADER_BYTES:
            shorter = bytearray(SMALL[:size])
            struct.pack_into("<Q", shorter, 16, size)
            assert use(with_checksums_made_to_fit(shorter)) == "refused"


def changes(count: int) -> list[int]:
    return random.Random(1).sample(range(1, 256), count)


@pytest.mark.parametrize("values", [changes(8), pytest.param(range(1, 256), marks=pytest.mark.soak)])
def test_no_single_byte_does_harm_with_checksums_made_to_fit(values: list[int]) -> None:
    seen = set()
    for at in range(len(SMALL)):
        for change in values:
            damaged = bytearray(SMALL)
            damaged[at] ^= change
            seen.add(use(with_checksums_made_to_fit(damaged)))
    assert seen == {"refused", "does not fit", "used"}


@pytest.mark.parametrize("count", [3_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_no_mutation_does_harm(count: int) -> None:
    numbers = random.Random(count)
    for _ in range(count):
        damaged = bytearray(SMALL)
        for _ in range(numbers.randint(1, 4)):
            width = numbers.choice([1, 2, 4, 8])
            at = numbers.randrange(8, len(damaged) - width)
            value = bytes(numbers.choice([0, 1, 0x7F, 0x80, 0xFF]) for _ in range(width))
            damaged[at : at + width] = numbers.randbytes(width) if numbers.random() < 0.5 else value
        if numbers.random() < 0.2:
            del damaged[numbers.randrange(HEADER_BYTES, len(damaged)) :]
        struct.pack_into("<IIQ", damaged, 8, 1, 0, len(damaged))
        assert use(with_checksums_made_to_fit(damaged)) in {"refused", "does not fit", "used"}


@pytest.mark.parametrize(
    ("number", "at", "value", "message"),
    [
        (0, 0, b"\1", "the first text does not start at 0"),
        (0, 4, b"\xff", "a text reaches beyond its section"),
        (0, 4, b"\0", "bytes beyond the last text"),
        (0, 8, b"\xff", "a text is not valid UTF-8"),
        (1, 0, b"\5", "a column of an unknown type"),
        (1, 52, b"z", "texts are not in ascending order"),
        (2, 0, b"\2", "unit keys are not in ascending order"),
        (3, 0, b"\2", "an entry's set is out of range or out of order"),
        (3, -4, b"\xff\xff\xff\xff", "an entry's set is out of range or out of order"),
        (3, 4, b"\1", "another number of tombstones than its header says"),
        (3, -4, b"\2", "a set that no entry has"),
        (4, 0, b"\1", "the first set does not start at 0"),
        (4, 4, b"\xff", "a set reaches beyond its section"),
        (4, -4, b"\3", "members beyond the last set"),
        (5, 0, b"\4", "a segment id out of range"),
        (5, 0, b"\3", "the segments of a set are not in ascending order"),
        (6, 0, b"\xff", "the id of a column's value is out of range"),
        (6, 4, b"\1", "a tombstone has a value"),
        (7, 0, b"\2", "a truth is neither 0 nor 1"),
        (13, 4, b"\xff", "a text is out of bounds, too long or not valid UTF-8"),
    ],
)
def test_what_is_wrong_inside_is_said_though_checksums_fit(number: int, at: int, value: bytes, message: str) -> None:
    start, size = section(SMALL, number)
    damaged = bytearray(SMALL)
    place = start + at % size
    damaged[place : place + len(value)] = value
    with pytest.raises(ImageError, match=message):
        DeltaImage(with_checksums_made_to_fit(damaged))


def test_sections_that_do_not_follow_one_another_are_refused_though_checksums_fit() -> None:
    for field, change, message in [
        (0, 8, "a section does not begin where the one before it ends"),
        (8, 2**20, "a section reaches beyond the end"),
        (8, 1, "bytes beyond the last text"),
    ]:
        damaged = bytearray(SMALL)
        value = struct.unpack_from("<Q", damaged, HEADER_BYTES + field)[0] + change
        struct.pack_into("<Q", damaged, HEADER_BYTES + field, value)
        with pytest.raises(ImageError, match=message):
            DeltaImage(with_checksums_made_to_fit(damaged))
    start, size = section(SMALL, 3)
    assert (start + size) % 8 == 4
    damaged = bytearray(SMALL)
    damaged[start + size] = 1
    with pytest.raises(ImageError, match="the padding between two sections is not zero"):
        DeltaImage(with_checksums_made_to_fit(damaged))


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (60, 0, "versions are counted from 1"),
        (60, 2, "the last is not before the first"),
        (68, 65_536, "more segments than a snapshot may have"),
        (68, 65_535, "more segments than a snapshot may have"),
        (72, 65_535, "more segments than a snapshot may have"),
        (72, 2, "bytes beyond the last section|a section of texts is too short|a text reaches"),
        (76, 65, "more columns than a delta may have"),
        (76, 64, "too short for its table of sections"),
        (80, 500_001, "more entries than a delta may have"),
        (84, 6, "more tombstones than entries"),
        (88, 5, "more sets than entries that have one"),
        (92, 5, "another length than its header implies"),
    ],
)
def test_counts_that_cannot_be_are_refused_though_checksums_fit(at: int, value: int, message: str) -> None:
    damaged = bytearray(SMALL)
    struct.pack_into("<I", damaged, at, value)
    with pytest.raises(ImageError, match=message):
        DeltaImage(with_checksums_made_to_fit(damaged))
