"""Zone tables give what `zoneinfo` gives from the same data, and a damaged block is refused or harmless."""

from __future__ import annotations

import ctypes
import io
import mmap
import random
import struct
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from rulecore.zones import Footer, YearlyRule, pack_tables, read_footer, read_tzif, zone_block
from tests.rulecore.capi import Text, c_function, text

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROS: Final = 1_000_000
FIRST: Final = int((datetime(1800, 1, 1, tzinfo=UTC) - EPOCH).total_seconds())
LAST: Final = int((datetime(9000, 1, 1, tzinfo=UTC) - EPOCH).total_seconds())
NAMES: Final = tuple((files("tzdata") / "zones").read_text("ascii").split())
TELLING: Final = (
    "Africa/Casablanca",
    "America/Nuuk",
    "America/New_York",
    "America/Santiago",
    "Antarctica/Troll",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Etc/GMT+5",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Chatham",
)
SEED: Final = 20260727


class Civil(ctypes.Structure):
    """`rulecore._zone.Civil`."""

    _fields_ = (
        ("year", ctypes.c_int64),
        *((name, ctypes.c_int32) for name in ("month", "day", "weekday", "yearday")),
        *((name, ctypes.c_int32) for name in ("hour", "minute", "second", "millisecond")),
    )


_zones_verify = c_function(
    "_zone", "zones_verify", ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)
)
_zone_offset = c_function(
    "_zone",
    "zone_offset",
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_size_t,
    Text,
    ctypes.c_int64,
    ctypes.POINTER(ctypes.c_int32),
)
_civil_from_micros = c_function("_zone", "civil_from_micros", None, ctypes.c_int64, ctypes.POINTER(Civil))


class Guarded:
    """Memory that ends where a page begins that must not be read: a read past the end kills the process."""

    def __init__(self, room: int) -> None:
        pages = -(-room // mmap.PAGESIZE)
        self.end = pages * mmap.PAGESIZE
        self.memory = mmap.mmap(-1, self.end + mmap.PAGESIZE)
        self.start = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.mprotect(ctypes.c_void_p(self.start + self.end), mmap.PAGESIZE, 0) == 0

    def put(self, data: bytes) -> int:
        """The address of a copy that ends at the guard."""
        self.memory[self.end - len(data) : self.end] = data
        return self.start + self.end - len(data)


def verify(block: bytes, at: int | None = None) -> str | None:
    where = ctypes.c_size_t(0)
    fault = _zones_verify(block if at is None else at, len(block), ctypes.byref(where))
    assert where.value <= len(block)
    return None if fault is None else fault.decode()


def offset(block: bytes, name: str, instant: int, at: int | None = None) -> int | None:
    seconds = ctypes.c_int32(0)
    found = _zone_offset(block if at is None else at, len(block), text(name), instant * MICROS, ctypes.byref(seconds))
    return seconds.value if found else None


def expected(zone: ZoneInfo, instant: int) -> int:
    found = (EPOCH + timedelta(seconds=instant)).astimezone(zone).utcoffset()
    assert found is not None
    return int(found.total_seconds())


def zone_info(name: str) -> ZoneInfo:
    with (files("tzdata") / "zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@pytest.fixture(scope="module")
def everything() -> bytes:
    block, version = zone_block(None)
    first_line = (files("tzdata") / "zoneinfo" / "tzdata.zi").read_text("utf-8").partition("\n")[0]
    assert first_line == f"# version {version}"
    return block


def test_all_zones_agree_with_zoneinfo_at_instants_of_seven_thousand_years(everything: bytes) -> None:
    assert verify(everything) is None
    chooser = random.Random(SEED)
    for name in NAMES:
        zone = zone_info(name)
        instants = [chooser.randrange(FIRST, LAST) for _ in range(20)]
        instants += [chooser.randrange(FIRST, 2**32) for _ in range(20)]
        for instant in instants:
            assert offset(everything, name, instant) == expected(zone, instant), (name, instant)


def test_all_zones_agree_with_zoneinfo_around_their_listed_changes(everything: bytes) -> None:
    for name in NAMES:
        table = read_tzif((files("tzdata") / "zoneinfo").joinpath(*name.split("/")).read_bytes())
        zone = zone_info(name)
        for change, _ in table.changes:
            for instant in (change - 1, change, change + 1):
                assert offset(everything, name, instant) == expected(zone, instant), (name, instant)


@pytest.mark.parametrize("name", TELLING)
def test_yearly_changes_agree_with_zoneinfo_to_the_second(everything: bytes, name: str) -> None:
    zone = zone_info(name)
    for year in (*range(1990, 2045), 2100, 2400, 8999):
        at = int((datetime(year, 1, 1, tzinfo=UTC) - EPOCH).total_seconds())
        for day in range(366):
            begin, end = at + day * 86_400, at + (day + 1) * 86_400
            if expected(zone, begin) != expected(zone, end):
                while end - begin > 1:
                    middle = (begin + end) // 2
                    if expected(zone, middle) == expected(zone, begin):
                        begin = middle
                    else:
                        end = middle
                for instant in (begin, end):
                    assert offset(everything, name, instant) == expected(zone, instant), (year, instant)


@given(
    st.sampled_from(
        (
            "EST5EDT,J60/2,J300/2",
            "EST5EDT,59/2,299/2",
            "NZST-12NZDT,M9.5.0,M4.1.0/3",
            "IST-1GMT0,M10.5.0,M3.5.0/1",
            "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
            "IST-2IDT,M3.4.4/26,M10.5.0",
            "XXX3YYY,M3.1.1/-60,M7.1.1/167",
            "XXX-5:30:15YYY-7,M11.5.0/100,M6.3.3",
            "UTC0",
        )
    ),
    st.integers(FIRST, LAST),
)
def test_footers_of_every_form_agree_with_zoneinfo(footer: str, instant: int) -> None:
    data = tzif(footer)
    block = pack_tables({"Test/Zone": read_tzif(data)})
    assert verify(block) is None
    try:
        zone = ZoneInfo.from_file(io.BytesIO(data))
    except ValueError:
        reject()  # early patch releases of Python 3.11 take no hours of three digits
    assert offset(block, "Test/Zone", instant) == expected(zone, instant)


@pytest.mark.parametrize("instant", [-86_400, 0, 1_767_243_599, 1_767_243_600, 1_782_000_000, LAST])
def test_daylight_saving_all_year_has_no_gap_at_new_year(instant: int) -> None:
    block = pack_tables({"Test/Zone": read_tzif(tzif("EST5EDT,0/0,J365/25"))})
    assert offset(block, "Test/Zone", instant) == -4 * 3600


def tzif(footer: str) -> bytes:
    """A file without changes, with this footer."""
    part = struct.pack(">4sc15x6I", b"TZif", b"2", 0, 0, 0, 0, 1, 4) + struct.pack(">iBB", 0, 0, 0) + b"LMT\0"
    return part + part + b"\n" + footer.encode() + b"\n"


def test_a_footer_is_read_with_the_sign_of_east() -> None:
    assert read_footer("IST-1GMT0,M10.5.0,M3.5.0/1") == Footer(
        3600, 0, YearlyRule(3, 10, 5, 0, seconds=7200), YearlyRule(3, 3, 5, 0, seconds=3600)
    )
    assert read_footer("<+1245>-12:45") == Footer(45_900, 45_900)
    with pytest.raises(ValueError, match="not a TZ string"):
        read_footer("EST")


def test_only_a_zone_file_with_a_footer_is_read() -> None:
    with pytest.raises(ValueError, match="not a TZif file"):
        read_tzif(b"TZif\0" + bytes(60))


def test_a_block_is_the_same_bytes_whenever_it_is_written() -> None:
    names = {"Europe/Dublin", "America/New_York", "Asia/Tokyo"}
    assert zone_block(names) == zone_block(sorted(names, reverse=True))


def test_names_of_the_same_rules_share_a_table() -> None:
    one, _ = zone_block({"Europe/Berlin"})
    both, _ = zone_block({"Europe/Berlin", "Europe/Zurich"})
    alias, _ = zone_block({"Asia/Kolkata", "Asia/Calcutta"})
    assert struct.unpack_from("<4s2I", both)[1:] == (2, 2)
    assert struct.unpack_from("<4s2I", alias)[1:] == (2, 1)
    assert len(both) > len(one)


def test_what_tzdata_does_not_have_is_unknown() -> None:
    block, _ = zone_block({"Europe/Berlin", "Europe/Atlantis"})
    assert offset(block, "Europe/Berlin", 0) == 3600
    for name in ("Europe/Atlantis", "Europe/Berli", "Europe/Berlin2", "europe/berlin", "", "A", "zzz"):
        assert offset(block, name, 0) is None


def test_an_empty_block_knows_utc_and_fixed_offsets() -> None:
    assert zone_block(set()) == (b"", "")
    assert zone_block({"UTC", "Europe/Atlantis"}) == (b"", "")
    assert verify(b"") is None
    assert offset(b"", "UTC", 0) == 0
    assert offset(b"", "+05:30", 0) == 19_800
    assert offset(b"", "-23:59", 0) == -86_340
    for name in (
        "utc",
        "Z",
        "+5:30",
        "05:30",
        "+24:00",
        "+00:60",
        "+05-30",
        "+05:3x",
        "+0a:30",
        "+05:300",
        "Asia/Tokyo",
    ):
        assert offset(b"", name, 0) is None, name


@given(st.datetimes(timezones=st.just(UTC)))
def test_civil_time_agrees_with_datetime(at: datetime) -> None:
    civil = civil_time((at - EPOCH) // timedelta(microseconds=1))
    assert civil == {
        "year": at.year,
        "month": at.month - 1,
        "day": at.day - 1,
        "weekday": at.isoweekday() % 7,
        "yearday": at.timetuple().tm_yday - 1,
        "hour": at.hour,
        "minute": at.minute,
        "second": at.second,
        "millisecond": at.microsecond // 1000,
    }


@given(st.integers(-(2**63), 2**63 - 1 - 146_097 * 86_400 * MICROS))
def test_civil_time_repeats_after_a_cycle_of_the_calendar(micros: int) -> None:
    earlier = civil_time(micros)
    later = civil_time(micros + 146_097 * 86_400 * MICROS)
    assert later == {**earlier, "year": earlier["year"] + 400}


def civil_time(micros: int) -> dict[str, int]:
    civil = Civil()
    _civil_from_micros(micros, ctypes.byref(civil))
    return {field[0]: getattr(civil, field[0]) for field in civil._fields_}


# Damage


@pytest.fixture(scope="module")
def small() -> bytes:
    return zone_block({"Africa/Abidjan", "America/Jamaica", "Asia/Tokyo", "Australia/Lord_Howe"})[0]


def read_everything(block: bytes, at: int) -> None:
    """What a wrong block would read wrongly."""
    for name in ("Africa/Abidjan", "America/Jamaica", "Asia/Tokyo", "Australia/Lord_Howe", "", "zzzz"):
        for instant in (-(2**43), FIRST, -1_000_000_000, 0, 1_700_000_000, LAST, 2**43 - 1):
            seconds = offset(block, name, instant, at)
            assert seconds is None or abs(seconds) <= 93_599


def harmless(memory: Guarded, block: bytes) -> bool:
    """Verify a block that lies right before memory that can't be read; whether it is taken."""
    at = memory.put(block)
    if verify(block, at) is not None:
        return False
    read_everything(block, at)
    return True


def test_every_truncation_is_refused(small: bytes) -> None:
    memory = Guarded(len(small))
    assert harmless(memory, small)
    for size in range(1, len(small)):
        assert not harmless(memory, small[:size])
    assert not harmless(Guarded(len(small) + 1), small + b"\0")


def test_every_changed_byte_is_refused_or_harmless(small: bytes) -> None:
    memory = Guarded(len(small))
    for i in range(len(small)):
        for value in {small[i] ^ 1, small[i] ^ 0x80, 0, 0xFF} - {small[i]}:
            harmless(memory, small[:i] + bytes([value]) + small[i + 1 :])


def test_random_damage_is_refused_or_harmless(small: bytes) -> None:
    memory = Guarded(len(small))
    chooser = random.Random(SEED)
    for _ in range(2000):
        block = bytearray(small)
        for _ in range(chooser.randrange(1, 6)):
            at = chooser.randrange(len(block) // 4) * 4
            block[at : at + 4] = chooser.choice((bytes(4), b"\xff" * 4, chooser.randbytes(4), b"\x01\0\0\0"))
        harmless(memory, bytes(block[: len(small)]))


@pytest.mark.parametrize(
    ("at", "value", "fault"),
    [
        (0, b"XXXX", "not a block of them"),
        (20, b"\1", "not a block of them"),
        (4, b"\xff\xff\xff\xff", "not of the size"),
        (16, b"\0\0\0\0", "not of the size"),
    ],
)
def test_a_fault_is_named(small: bytes, at: int, value: bytes, fault: str) -> None:
    damaged = small[:at] + value + small[at + len(value) :]
    assert fault in (verify(damaged) or "")


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        (("times", 1, 0), -(2**60), "transitions out of order or of range"),
        (("offsets", 0, 0), 93_600, "an offset of more than a day"),
        (("tables", 0, 0), 1, "transitions that are not its own"),
        (("tables", 0, 4), 2**31, "transitions that are not its own"),
        (("tables", 0, 8), -93_600, "an offset of more than a day"),
        (("tables", 3, 20), 4, "a malformed yearly rule"),
        (("tables", 0, 20), 1, "a malformed yearly rule"),
        (("tables", 3, 28), 604_800, "a malformed yearly rule"),
        (("names", 0, 0), 1, "a name that is not its own"),
        (("names", 0, 4), 65_535, "a name that is not its own"),
        (("names", 1, 8), 4, "a name without a table"),
        (("pool", 0, 0), int.from_bytes(b"zzzz", "little"), "names out of order"),
    ],
)
def test_a_damaged_entry_is_named(small: bytes, place: tuple[str, int, int], value: int, fault: str) -> None:
    section, entry, at = place
    _, names, tables, changes, _, _ = struct.unpack_from("<4s5I", small)
    begins = {"times": 24, "offsets": 24 + 8 * changes, "tables": 24 + 12 * changes}
    begins["names"] = begins["tables"] + 44 * tables
    begins["pool"] = begins["names"] + 12 * names
    sizes = {"times": 8, "offsets": 4, "tables": 44, "names": 12, "pool": 1}
    damaged = bytearray(small)
    packed = struct.pack("<q" if section == "times" else "<i" if value < 2**31 else "<I", value)
    where = begins[section] + entry * sizes[section] + at
    damaged[where : where + len(packed)] = packed
    assert fault in (verify(bytes(damaged)) or "")
