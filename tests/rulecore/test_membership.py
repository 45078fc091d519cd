"""A snapshot answers as a dict of members would, holds no id, and no damage to it does more than raise ImageError."""

from __future__ import annotations

import math
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecore._membership import Membership
from rulecore._snapshot import SnapshotImage
from rulecore.errors import ImageError, ImageFeatureError, ImageVersionError, LimitError
from rulecore.keys import MembershipKeys
from rulecore.limits import LIMITS
from rulecore.snapshot import Value, write_snapshot
from tests.sectioned import SNAPSHOT, section, with_checksums_made_to_fit

KEYS = MembershipKeys(bytes(range(16)), {1: bytes(range(16, 32)), 2: bytes(16)})
MEMBERS = {
    "visitor-1": ["bargain_hunter", "vip"],
    "visitor-2": ["bargain_hunter"],
    "visitor-3": [],
    "visitor-4": ["bargain_hunter", "vip"],
    "visitor-5": ["bargain_hunter", "returning", "vip"],
    "visitor-6": ["returning"],
    "visitor-7": ["vip"],
    "visitor-8": ["vip"],
    "visitor-9": ["bargain_hunter"],
}
COLUMNS: dict[str, dict[str, Value]] = {
    "loyal": {"visitor-1": True, "visitor-2": False},
    "orders": {"visitor-1": -(2**63), "visitor-5": 2**63 - 1, "visitor-6": 7, "visitor-7": 7},
    "offers": {"visitor-1": ("coat", "größer"), "visitor-2": (), "visitor-6": ("coat", "größer"), "visitor-7": ("",)},
    "score": {"visitor-1": -1.5, "visitor-2": math.inf, "visitor-9": 0.25},
    "tier": {"visitor-1": "gold", "visitor-3": "", "visitor-8": "größer", "column-only": "silver"},
}
SMALL = write_snapshot(MEMBERS, KEYS, 1, COLUMNS)
SECTIONS = SNAPSHOT.sections + 2 * len(COLUMNS)
SURE = 24
"""Bits of a fingerprint by which a test can tell thousands of strangers from members."""

Answers = list[tuple[list[str] | None, dict[str, bool | int | float | str | list[str]]]]


def answers(membership: Membership) -> Answers:
    visitors = [*MEMBERS, "column-only", "unknown", ""]
    return [(membership.lookup(visitor), membership.values(visitor)) for visitor in visitors]


def listed(value: Value) -> bool | int | float | str | list[str]:
    return list(value) if isinstance(value, tuple) else value


EXPECTED = answers(Membership(SMALL, KEYS))


def use(image: bytes) -> str:
    """What an image of doubtful origin does: "refused" at once, "used" until it is verified, or "sound"."""
    try:
        snapshot = SnapshotImage(image)
        membership = Membership(image, KEYS)
    except ImageError as error:
        return "refused" if 0 <= error.offset <= len(image) else "refused beyond its end"
    except KeyError:
        return "unknown epoch"
    for segments, values in answers(membership):
        assert set(segments or ()) <= set(membership.segments)
        assert values.keys() <= {name for name, _ in membership.columns}
    try:
        snapshot.verify()
    except ImageError as error:
        return "used" if 0 <= error.offset <= len(image) else "refused beyond its end"
    assert sum(snapshot.sizes()) <= snapshot.visitors * LIMITS.segments_per_visitor_max
    return "sound"


def test_members_are_found_with_their_segments_and_values() -> None:
    membership = Membership(SMALL, KEYS)
    assert membership.segments == ("bargain_hunter", "returning", "vip")
    assert membership.columns == (
        ("loyal", "bool"),
        ("offers", "list(string)"),
        ("orders", "int"),
        ("score", "double"),
        ("tier", "string"),
    )
    assert membership.visitors == len(MEMBERS) + 1
    assert membership.epoch == 1
    snapshot = SnapshotImage(SMALL)
    assert (snapshot.segments, snapshot.columns) == (membership.segments, membership.columns)
    assert (snapshot.size, snapshot.checksum, snapshot.epoch) == (len(SMALL), membership.checksum, 1)
    for visitor, segments in MEMBERS.items():
        assert membership.lookup(visitor) == segments
        assert membership.values(visitor) == {
            name: listed(COLUMNS[name][visitor]) for name in COLUMNS if visitor in COLUMNS[name]
        }


def test_a_visitor_who_only_has_a_column_is_known_and_in_no_segment() -> None:
    membership = Membership(SMALL, KEYS)
    assert membership.lookup("column-only") == []
    assert membership.values("column-only") == {"tier": "silver"}


@pytest.mark.parametrize("visitor", ["unknown", "", "visitor-1 ", "VISITOR-1", "x" * 1000])
def test_an_unknown_visitor_is_none_and_has_no_values(visitor: str) -> None:
    membership = Membership(SMALL, KEYS)
    assert membership.lookup(visitor) is None
    assert membership.values(visitor) == {}


def test_values_have_their_types() -> None:
    values = Membership(SMALL, KEYS).values("visitor-1")
    assert {name: type(value) for name, value in values.items()} == {
        "loyal": bool,
        "offers": list,
        "orders": int,
        "score": float,
        "tier": str,
    }


def test_nan_is_a_value_and_minus_zero_is_zero() -> None:
    image = write_snapshot({}, KEYS, 1, {"score": {"a": math.nan, "b": -0.0, "c": -math.inf, "d": 0.0}})
    membership = Membership(image, KEYS)
    assert str(membership.values("a")["score"]) == "nan"
    assert str(membership.values("b")["score"]) == "0.0"
    assert membership.values("c") == {"score": -math.inf}


def test_a_snapshot_of_nobody_knows_nobody() -> None:
    membership = Membership(write_snapshot({}, KEYS, 1), KEYS)
    assert (membership.visitors, membership.segments, membership.columns) == (0, (), ())
    assert membership.lookup("a") is None


def test_the_same_members_give_the_same_bytes_in_any_order() -> None:
    backwards = {visitor: MEMBERS[visitor][::-1] for visitor in reversed(MEMBERS)}
    columns = {name: dict(reversed(COLUMNS[name].items())) for name in reversed(COLUMNS)}
    assert write_snapshot(backwards, KEYS, 1, columns) == SMALL


def test_the_image_has_not_changed_its_form() -> None:
    """A change here is a change of the format: give it a new version."""
    assert len(SMALL) == 1582
    assert Membership(SMALL, KEYS).checksum == 0x9D740736A2FF9F70


def test_no_raw_id_and_no_key_is_in_the_image() -> None:
    assert b"visitor-" not in SMALL
    assert b"column-only" not in SMALL
    for visitor in MEMBERS:
        assert KEYS.pseudonym(visitor)[:8] not in SMALL
    assert KEYS.site_secret not in SMALL
    assert KEYS.epoch_key(1) not in SMALL


def test_an_image_is_read_from_a_mapped_file(tmp_path: Path) -> None:
    path = tmp_path / "members.snapshot"
    path.write_bytes(SMALL)
    assert answers(Membership.open(path, KEYS)) == EXPECTED
    path.unlink()
    with pytest.raises(FileNotFoundError):
        Membership.open(path, KEYS)


def test_an_image_is_read_at_any_address() -> None:
    for shift in range(1, 8):
        room = bytes(shift) + SMALL
        assert answers(Membership(memoryview(room)[shift:], KEYS)) == EXPECTED


def test_the_image_outlives_the_name_of_its_buffer() -> None:
    buffer = bytearray(SMALL)
    membership = Membership(buffer, KEYS)
    with pytest.raises(BufferError):
        buffer.clear()
    del buffer
    assert answers(membership) == EXPECTED


def test_keys_without_the_epoch_of_the_image_are_refused() -> None:
    with pytest.raises(KeyError, match="no membership key of epoch 1"):
        Membership(SMALL, MembershipKeys(bytes(range(16)), {2: bytes(16)}))


def test_other_keys_know_nobody() -> None:
    membership = Membership(SMALL, MembershipKeys(bytes(16), {1: bytes(range(16, 32))}))
    assert [membership.lookup(visitor) for visitor in MEMBERS] == [None] * len(MEMBERS)


visitor_ids = st.text(min_size=1, max_size=12) | st.sampled_from(["a", "b", "c"])
segment_names = st.from_regex(r"[a-z][a-z0-9_-]{0,5}", fullmatch=True)
value_lists = [
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False).map(lambda value: value + 0.0),
    st.text(max_size=20),
    st.lists(st.text(max_size=5), max_size=4).map(tuple),
]


@given(
    st.dictionaries(visitor_ids, st.frozensets(segment_names, max_size=6), max_size=60),
    st.dictionaries(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,5}", fullmatch=True),
        st.one_of([st.dictionaries(visitor_ids, values, min_size=1, max_size=20) for values in value_lists]),
        max_size=4,
    ),
    st.lists(visitor_ids, max_size=10),
)
def test_answers_are_those_of_a_dict(
    members: dict[str, frozenset[str]], columns: dict[str, dict[str, Value]], others: list[str]
) -> None:
    image = write_snapshot(members, KEYS, 2, columns, SURE)
    SnapshotImage(image).verify()
    membership = Membership(image, KEYS)
    known = {*members, *(visitor for values in columns.values() for visitor in values)}
    assert membership.visitors == len(known)
    for visitor in [*known, *others]:
        assert membership.lookup(visitor) == (sorted(members.get(visitor, ())) if visitor in known else None)
        expected = {name: listed(values[visitor]) for name, values in sorted(columns.items()) if visitor in values}
        assert membership.values(visitor) == expected
    sizes = dict(zip(membership.segments, SnapshotImage(image).sizes(), strict=True))
    assert sizes == {name: sum(name in of for of in members.values()) for name in set().union(*members.values())}


def test_many_visitors_are_told_apart() -> None:
    members = {f"v{i}": [f"s{j}" for j in range(20) if i >> j & 1] for i in range(5_000)}
    image = write_snapshot(members, KEYS, 1, fingerprint_bits=SURE)
    membership = Membership(image, KEYS)
    assert SnapshotImage(image).sets == len({tuple(sorted(of)) for of in members.values()})
    assert all(membership.lookup(visitor) == sorted(of) for visitor, of in members.items())
    assert all(membership.lookup(f"w{i}") is None for i in range(5_000))


def test_a_visitor_in_as_many_segments_as_allowed_is_found_and_one_more_is_refused() -> None:
    most = [f"s{i:05}" for i in range(LIMITS.segments_per_visitor_max)]
    assert Membership(write_snapshot({"a": most}, KEYS, 1), KEYS).lookup("a") == most
    with pytest.raises(LimitError, match="is in more than 4096 segments"):
        write_snapshot({"a": [*most, "t"]}, KEYS, 1)


@pytest.mark.parametrize(
    ("members", "columns", "message"),
    [
        ({"": ["a"]}, {}, "a visitor id has 1 to 256 bytes, not 0"),
        ({"ü" * 129: ["a"]}, {}, "a visitor id has 1 to 256 bytes, not 258"),
        ({"v": ["Big"]}, {}, "segment name 'Big' does not match"),
        ({"v": ["a" * 65]}, {}, "segment name"),
        ({}, {"1st": {"v": 1}}, "column name '1st' does not match"),
        ({}, {"tier": {"v": 1, "w": "x"}}, "column tier: its values are not all bool, int, float, str or tuple"),
        ({}, {"tier": {"v": None}}, "column tier: its values are not all"),
        ({}, {"tier": {}}, "column tier: its values are not all"),
    ],
)
def test_what_no_image_may_hold_is_not_written(
    members: dict[str, list[str]], columns: dict[str, dict[str, Value]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_snapshot(members, KEYS, 1, columns)


def test_values_beyond_the_limits_are_not_written() -> None:
    with pytest.raises(LimitError, match="64-bit"):
        write_snapshot({}, KEYS, 1, {"n": {"v": 2**63}})
    with pytest.raises(LimitError, match="more than 32,768 bytes"):
        write_snapshot({}, KEYS, 1, {"n": {"v": "x" * 32_769}})
    with pytest.raises(LimitError, match="65 columns; a snapshot has at most 64"):
        write_snapshot({}, KEYS, 1, {f"n{i}": {"v": 1} for i in range(65)})


def test_more_segments_than_a_snapshot_holds_are_not_written() -> None:
    everybody = {f"v{n}": [f"s{i}" for i in range(4_096 * n, 4_096 * (n + 1))] for n in range(16)}
    with pytest.raises(LimitError, match="65,536 segments; a snapshot has at most 65,535"):
        write_snapshot(everybody, KEYS, 1)
    with pytest.raises(LimitError, match="69,632 segments; a snapshot has at most 65,535"):
        write_snapshot({**everybody, "v": [f"t{i}" for i in range(4_096)]}, KEYS, 1)


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (b"", ImageError, "too short to be a snapshot image"),
        (b"PAR1" * 100, ImageError, "not a snapshot image"),
        (SMALL[:8] + struct.pack("<I", 3) + SMALL[12:], ImageVersionError, "written by a newer Edgewise"),
        (SMALL[:8] + struct.pack("<I", 1) + SMALL[12:], ImageError, "written by an older Edgewise"),
        (SMALL[:12] + struct.pack("<I", 1) + SMALL[16:], ImageFeatureError, "requires a feature"),
        (SMALL + b"\0", ImageError, "truncated or extended"),
    ],
)
def test_a_foreign_or_future_image_says_what_it_is(image: bytes, error: type[ImageError], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        SnapshotImage(image)
    assert type(raised.value) is error


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ImageError, match=r"too short to be a snapshot image \(at byte 0\)"):
        Membership.open(tmp_path / "empty", KEYS)


@pytest.mark.parametrize("number", set(range(SECTIONS)) - {2})  # a column's type is wrong where its values are
def test_damage_is_found_in_the_section_that_has_it(number: int) -> None:
    start, size = section(SMALL, SNAPSHOT, number)
    damaged = bytearray(SMALL)
    damaged[start + size // 2] ^= 1
    with pytest.raises(ImageError) as raised:
        SnapshotImage(damaged).verify()
    assert start <= raised.value.offset <= start + size


@pytest.mark.parametrize("number", [3, 4, 6])
def test_damage_that_lookups_bear_with_is_found_by_its_checksum(number: int) -> None:
    start, size = section(SMALL, SNAPSHOT, number)
    damaged = bytearray(SMALL)
    damaged[start + size - 1] ^= 1
    assert use(bytes(damaged)) in {"used", "refused"}
    with pytest.raises(ImageError, match="the checksum of the section that begins here does not match"):
        SnapshotImage(damaged).verify()


def test_every_single_byte_that_is_changed_is_found() -> None:
    for at in range(len(SMALL)):
        for change in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            damaged = bytearray(SMALL)
            damaged[at] ^= change
            assert use(bytes(damaged)) in {"refused", "used"}, (at, change)


def test_every_truncation_is_found_with_its_length_made_to_fit_or_not() -> None:
    for size in range(len(SMALL)):
        assert use(SMALL[:size]) == "refused"
        if size >= SNAPSHOT.header_bytes:
            shorter = bytearray(SMALL[:size])
            struct.pack_into("<Q", shorter, 16, size)
            assert use(with_checksums_made_to_fit(shorter, SNAPSHOT)) == "refused"


def changes(count: int) -> list[int]:
    return random.Random(1).sample(range(1, 256), count)


@pytest.mark.parametrize("values", [changes(12), pytest.param(range(1, 256), marks=pytest.mark.soak)])
def test_no_single_byte_does_harm_with_checksums_made_to_fit(values: list[int]) -> None:
    seen = set()
    for at in range(len(SMALL)):
        for change in values:
            damaged = bytearray(SMALL)
            damaged[at] ^= change
            seen.add(use(with_checksums_made_to_fit(damaged, SNAPSHOT)))
    assert seen == {"refused", "used", "sound", "unknown epoch"}


@pytest.mark.parametrize("count", [5_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_no_mutation_does_harm(count: int) -> None:
    random_numbers = random.Random(count)
    interesting = [0, 1, 0x7F, 0x80, 0xFF]
    for _ in range(count):
        damaged = bytearray(SMALL)
        for _ in range(random_numbers.randint(1, 4)):
            width = random_numbers.choice([1, 2, 4, 8])
            at = random_numbers.randrange(8, len(damaged) - width)
            value = bytes(random_numbers.choice(interesting) for _ in range(width))
            if random_numbers.random() < 0.5:
                value = random_numbers.randbytes(width)
            damaged[at : at + width] = value
        if random_numbers.random() < 0.2:
            del damaged[random_numbers.randrange(SNAPSHOT.header_bytes, len(damaged)) :]
        struct.pack_into("<IIQ", damaged, 8, 2, 0, len(damaged))
        assert use(with_checksums_made_to_fit(damaged, SNAPSHOT)) in {"refused", "used", "sound", "unknown epoch"}


@pytest.mark.parametrize(
    ("number", "at", "value", "message"),
    [
        (0, 0, b"\1", "the first text does not start at 0"),
        (0, 4, b"\xff", "a text reaches beyond its section"),
        (0, 4, b"\0", "a name is empty"),
        (0, 16, b"\xff", "a text is not valid UTF-8"),
        (0, 16, b"z", "texts are not in ascending order"),
        (1, 0, b"\xff", "a segment of more visitors than there are"),
        (2, 0, b"\5", "a column of an unknown type"),
        (2, 8, b"\xff", "a column whose number for none is out of range"),
        (6, 0, b"\2", "a truth is neither 0 nor 1"),
        (8, -1, b"\xff", "a text is out of bounds, too long or not valid UTF-8"),
        (14, 0, b"\1", "the first text of a column does not start at 0"),
        (14, -1, b"\xff", "a text is out of bounds, too long or not valid UTF-8"),
    ],
)
def test_what_is_wrong_inside_is_said_though_checksums_fit(number: int, at: int, value: bytes, message: str) -> None:
    start, size = section(SMALL, SNAPSHOT, number)
    damaged = bytearray(SMALL)
    place = start + at % size
    damaged[place : place + len(value)] = value
    with pytest.raises(ImageError, match=message):
        SnapshotImage(with_checksums_made_to_fit(damaged, SNAPSHOT)).verify()


@pytest.mark.parametrize(("number", "from_end"), [(3, 32), (4, 8), (5, 8), (9, 8)])
def test_what_is_wrong_inside_is_said_where_it_is(number: int, from_end: int) -> None:
    """Of records and retrievals by the zeros that end them."""
    start, size = section(SMALL, SNAPSHOT, number)
    damaged = bytearray(SMALL)
    damaged[start + size - 1] = 1
    with pytest.raises(ImageError, match="not zero") as raised:
        SnapshotImage(with_checksums_made_to_fit(damaged, SNAPSHOT)).verify()
    assert raised.value.offset == start + size - from_end


def test_visitors_have_sets_and_numbers_have_values() -> None:
    nobody, somebody = write_snapshot({}, KEYS, 1), write_snapshot({"v": []}, KEYS, 1)
    mixed = bytearray(nobody)
    struct.pack_into("<Q", mixed, 48, 1)
    with pytest.raises(ImageError, match="visitors, but no sets for them"):
        SnapshotImage(with_checksums_made_to_fit(mixed, SNAPSHOT))
    assert SnapshotImage(somebody).sets == 1

    start, _ = section(SMALL, SNAPSHOT, 2)
    fewer = bytearray(SMALL)
    place = start + 16 * sorted(COLUMNS).index("tier")
    count = struct.unpack_from("<I", fewer, place + 4)[0]
    struct.pack_into("<I", fewer, place + 4, count - 1)
    with pytest.raises(ImageError, match="the numbers of a column are more than its values"):
        SnapshotImage(with_checksums_made_to_fit(fewer, SNAPSHOT))


def test_an_image_is_opened_without_reading_what_its_visitors_have() -> None:
    """So it takes the same time for a thousand visitors and a hundred million; who installs an image verifies it."""
    start, size = section(SMALL, SNAPSHOT, 4)
    damaged = bytearray(SMALL)
    damaged[start + size - 20 : start + size] = b"\xff" * 20
    SnapshotImage(damaged)
    with pytest.raises(ImageError):
        SnapshotImage(damaged).verify()
