"""A delta image keeps its form, holds nothing that it may not, and no damage to it does more than raise ImageError."""

from __future__ import annotations

import io
import random
import struct
from array import array

import msgspec
import pytest

from rulecore._delta import DeltaImage
from rulecore.delta import merge_deltas, write_delta
from rulecore.errors import ImageError, ImageFeatureError, ImageVersionError, LimitError, LinkError
from rulecore.limits import LIMITS
from rulecore.model import Type
from tests.deltas import column
from tests.rulecore.deltas import BASE, COLUMNS, EPOCH, FEW, FIRST, SMALL, answer, parts_of, table_of
from tests.sectioned import DELTA, section, with_checksums_made_to_fit

SECTIONS = DELTA.sections + 2 * len(COLUMNS)


def test_the_image_has_not_changed_its_form() -> None:
    """A change here is a change of the format: give it a new version."""
    assert len(SMALL) == 764
    assert FIRST.checksum == 0x1747DEDE9FFC1FF7


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
    start, size = section(SMALL, DELTA, number)
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
        if size >= DELTA.header_bytes:
            shorter = bytearray(SMALL[:size])
            struct.pack_into("<Q", shorter, 16, size)
            assert use(with_checksums_made_to_fit(shorter, DELTA)) == "refused"


def changes(count: int) -> list[int]:
    return random.Random(1).sample(range(1, 256), count)


@pytest.mark.parametrize("values", [changes(8), pytest.param(range(1, 256), marks=pytest.mark.soak)])
def test_no_single_byte_does_harm_with_checksums_made_to_fit(values: list[int]) -> None:
    seen = set()
    for at in range(len(SMALL)):
        for change in values:
            damaged = bytearray(SMALL)
            damaged[at] ^= change
            seen.add(use(with_checksums_made_to_fit(damaged, DELTA)))
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
            del damaged[numbers.randrange(DELTA.header_bytes, len(damaged)) :]
        struct.pack_into("<IIQ", damaged, 8, 1, 0, len(damaged))
        assert use(with_checksums_made_to_fit(damaged, DELTA)) in {"refused", "does not fit", "used"}


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
    start, size = section(SMALL, DELTA, number)
    damaged = bytearray(SMALL)
    place = start + at % size
    damaged[place : place + len(value)] = value
    with pytest.raises(ImageError, match=message):
        DeltaImage(with_checksums_made_to_fit(damaged, DELTA))


def test_sections_that_do_not_follow_one_another_are_refused_though_checksums_fit() -> None:
    for field, change, message in [
        (0, 8, "a section does not begin where the one before it ends"),
        (8, 2**20, "a section reaches beyond the end"),
        (8, 1, "bytes beyond the last text"),
    ]:
        damaged = bytearray(SMALL)
        value = struct.unpack_from("<Q", damaged, DELTA.header_bytes + field)[0] + change
        struct.pack_into("<Q", damaged, DELTA.header_bytes + field, value)
        with pytest.raises(ImageError, match=message):
            DeltaImage(with_checksums_made_to_fit(damaged, DELTA))
    start, size = section(SMALL, DELTA, 3)
    assert (start + size) % 8 == 4
    damaged = bytearray(SMALL)
    damaged[start + size] = 1
    with pytest.raises(ImageError, match="the padding between two sections is not zero"):
        DeltaImage(with_checksums_made_to_fit(damaged, DELTA))


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
        DeltaImage(with_checksums_made_to_fit(damaged, DELTA))
