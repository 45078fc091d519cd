"""Text functions in C give what Python's own libraries give, or what the specifications write down."""

from __future__ import annotations

import ctypes
import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from rulecore._text import duration_constant, is_semver, timestamp_constant
from tests.rulecore.capi import Text, c_function, text

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
INT64_MAX: Final = 2**63 - 1

_micros = ctypes.POINTER(ctypes.c_int64)
_text_equal = c_function("_text", "text_equal", ctypes.c_int, Text, Text)
_text_compare = c_function("_text", "text_compare", ctypes.c_int, Text, Text)
_text_contains = c_function("_text", "text_contains", ctypes.c_int, Text, Text)
_text_code_points = c_function("_text", "text_code_points", ctypes.c_size_t, Text)
_text_valid_utf8 = c_function("_text", "text_valid_utf8", ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
_parse_timestamp = c_function("_text", "parse_timestamp", ctypes.c_int, Text, _micros)
_parse_duration = c_function("_text", "parse_duration", ctypes.c_int, Text, _micros)
_semver_valid = c_function("_text", "semver_valid", ctypes.c_int, Text)
_semver_compare = c_function("_text", "semver_compare", ctypes.c_int, Text, Text)


def sign(number: int) -> int:
    return (number > 0) - (number < 0)


def parsed(function: object, value: str) -> int | None:
    micros = ctypes.c_int64(0)
    assert callable(function)
    return micros.value if function(text(value), ctypes.byref(micros)) else None


# Strings

words = st.text() | st.text(alphabet="aé€😀", max_size=4)


@given(words, words)
def test_strings_compare_as_python_compares_them(a: str, b: str) -> None:
    assert sign(_text_compare(text(a), text(b))) == (a > b) - (a < b)
    assert bool(_text_equal(text(a), text(b))) == (a == b)
    assert _text_equal(text(a), text(a))


@given(words, words)
def test_a_part_is_found_where_python_finds_it(whole: str, part: str) -> None:
    assert bool(_text_contains(text(whole), text(part))) == (part in whole)
    assert _text_contains(text(whole + part + whole), text(part))


@given(words)
def test_code_points_are_counted(value: str) -> None:
    assert _text_code_points(text(value)) == len(value)


def test_text_of_no_length_may_have_no_data() -> None:
    nothing = Text(None, 0)
    assert _text_equal(nothing, text(""))
    assert _text_compare(nothing, text("a")) < 0
    assert _text_contains(text("a"), nothing)
    assert not _text_contains(nothing, text("a"))


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(
    st.binary()
    | words.map(str.encode)
    | st.lists(st.sampled_from((b"abcdefgh", b"\xc3", b"\xa9", b"\xe2\x82\xac", b"\xf0\x9f", b"\x98\x80"))).map(
        b"".join
    )
)
def test_utf8_is_judged_as_python_judges_it(data: bytes) -> None:
    assert bool(_text_valid_utf8(data, len(data))) == is_utf8(data)


def test_utf8_of_every_lead_and_second_byte_is_judged_as_python_judges_it() -> None:
    for lead in range(0x80, 0x100):
        for second in range(0x7F, 0x101):
            for tail in (b"", b"\x80", b"\xbf\x80", b"\x80\x80\x80"):
                data = bytes([lead, second]) + tail if second < 0x100 else bytes([lead])
                assert bool(_text_valid_utf8(data, len(data))) == is_utf8(data), data


# Timestamps


@given(
    st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),  # noqa: DTZ001
    st.integers(-86_340 // 60, 86_340 // 60),
    st.sampled_from(("T", "t")),
    st.integers(0, 9),
)
def test_timestamps_are_read_as_datetime_reads_them(at: datetime, offset: int, t: str, digits: int) -> None:
    zone = f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    fraction = f"{at.microsecond:06}000"[:digits]
    written = at.strftime(f"%m-%d{t}%H:%M:%S") + (f".{fraction}" if fraction else "")
    micros = int(f"{fraction:0<6}"[:6])
    expected = (
        (at.replace(microsecond=0, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) + micros - offset * 60_000_000
    )
    assert parsed(_parse_timestamp, f"{at.year:04}-{written}{zone}") == expected
    assert timestamp_constant(f"{at.year:04}-{written}{zone}") == expected


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("1969-12-31T23:59:59.9999999Z", -1),
        ("1970-01-01T00:00:00.0000019Z", 1),
        ("1970-01-01T00:00:00.1Z", 100_000),
        ("1970-01-01T00:00:00-00:00", 0),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("0001-01-01T00:00:00-00:01", -62_135_596_740_000_000),
        ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999_999),
        ("2000-02-29T00:00:00Z", 951_782_400_000_000),
    ],
)
def test_a_timestamp_is_cut_off_at_the_microsecond(value: str, micros: int) -> None:
    assert parsed(_parse_timestamp, value) == micros


@pytest.mark.parametrize(
    "value",
    [
        "",
        "now",
        "2026-11-20",
        "2026-11-20T18:00Z",
        "2026-11-20T18:00:00",
        "2026-11-20 18:00:00Z",
        "2026-11-20T18:00:00,5Z",
        "2026-11-20T18:00:00.Z",
        "2026-11-20T18:00:00.5",
        "2026-11-20T18:00:00.5x",
        "2026-11-20T18:00:00Z ",
        " 2026-11-20T18:00:00Z",
        "2026-11-20T18:00:00ZZ",
        "2026-11-20T18:00:00+0100",
        "2026-11-20T18:00:00+01",
        "2026-11-20T18:00:00+1:000",
        "2026-11-20T18:00:00+24:00",
        "2026-11-20T18:00:00+01:60",
        "2026-11-20T24:00:00Z",
        "2026-11-20T18:60:00Z",
        "2016-12-31T23:59:60Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-1-01T00:00:00ZZ",
        "+026-01-01T00:00:00Z",
        "0000-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "\uff12026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.\u0660Z",
        "2026-01-01T00:00:00Z\0",
    ],
)
def test_what_is_no_timestamp_is_refused(value: str) -> None:
    assert parsed(_parse_timestamp, value) is None
    with pytest.raises(ValueError, match="not an RFC 3339 timestamp of the years 0001 to 9999"):
        timestamp_constant(value)


@pytest.mark.parametrize("month", range(1, 13))
def test_every_month_has_its_days(month: int) -> None:
    for year in (1900, 2000, 2023, 2024):
        for day in range(28, 33):
            try:
                datetime(year, month, day, tzinfo=UTC)
                exists = True
            except ValueError:
                exists = False
            assert (parsed(_parse_timestamp, f"{year}-{month:02}-{day:02}T00:00:00Z") is not None) == exists


def test_a_constant_must_not_be_finer_than_a_microsecond() -> None:
    assert timestamp_constant("1970-01-01T00:00:00.000001000Z") == 1
    with pytest.raises(ValueError, match="finer than a microsecond"):
        timestamp_constant("1970-01-01T00:00:00.0000001Z")
    assert duration_constant("1000ns") == 1
    assert duration_constant("0.5us500ns") == 1
    for value in ("1ns", "0.0000001s", "0.1ns", "1.0000000000000000000000000000001h"):
        with pytest.raises(ValueError, match="finer than a microsecond"):
            duration_constant(value)


# Durations

UNITS: Final = {
    "h": Fraction(3_600_000_000),
    "m": Fraction(60_000_000),
    "s": Fraction(1_000_000),
    "ms": Fraction(1000),
    "us": Fraction(1),
    "µs": Fraction(1),
    "μs": Fraction(1),
    "ns": Fraction(1, 1000),
}
components = st.tuples(
    st.from_regex(re.compile(r"([0-9]{1,22}(\.[0-9]{0,12})?|\.[0-9]{1,12})", re.ASCII), fullmatch=True),
    st.sampled_from(sorted(UNITS)),
)


@given(st.sampled_from(("", "+", "-")), st.lists(components, min_size=1, max_size=4))
def test_durations_are_the_sum_of_their_parts(sign: str, parts: list[tuple[str, str]]) -> None:
    nanos = sum(int(Fraction(f"0{number}") * UNITS[unit] * 1000) for number, unit in parts)
    micros = -(nanos // 1000) if sign == "-" else nanos // 1000
    written = sign + "".join(number + unit for number, unit in parts)
    assert parsed(_parse_duration, written) == (micros if -INT64_MAX - 1 <= micros <= INT64_MAX else None)


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        ("0", 0),
        ("+0", 0),
        ("-0", 0),
        ("0s", 0),
        ("1h30m", 5_400_000_000),
        ("-1h30m", -5_400_000_000),
        ("1.5h", 5_400_000_000),
        (".5s", 500_000),
        ("5.s", 5_000_000),
        ("1m1s1ms1us", 61_001_001),
        ("3m2h", 7_380_000_000),
        ("1999ns", 1),
        ("-1999ns", -1),
        ("9223372036854775807us", INT64_MAX),
        ("-9223372036854775808us", -INT64_MAX - 1),
        ("9223372036854775807999ns", INT64_MAX),
        ("0000000000000000000000000000001s", 1_000_000),
    ],
)
def test_a_duration_is_read_as_go_reads_it(value: str, micros: int) -> None:
    assert parsed(_parse_duration, value) == micros


@pytest.mark.parametrize(
    "value",
    [
        "",
        "+",
        "-",
        "1",
        "00",
        "s",
        ".s",
        ".",
        "1.2.3s",
        "1 s",
        "1s ",
        " 1s",
        "1d",
        "1h-30m",
        "--1s",
        "1S",
        "1µ",
        "1hm",
        "1h30",
        "1e3s",
        "inf",
        "\u0663s",
        "1s\0",
        "9223372036854775808us",
        "-9223372036854775809us",
        "9223372036854775807us1000ns",
        "9223372036854775807us1us",
        "99999999999999999999999h",
        "9223372036854775808000ns",
    ],
)
def test_what_is_no_duration_is_refused(value: str) -> None:
    assert parsed(_parse_duration, value) is None
    with pytest.raises(ValueError, match="not a duration such as"):
        duration_constant(value)


# Semantic versions

identifiers = st.text(alphabet="0123456789abzABZ-", min_size=1, max_size=4) | st.integers(0, 10**25).map(str)
dotted = st.lists(identifiers, max_size=3).map(".".join)
core = st.integers(0, 3) | st.integers(0, 10**30)


@st.composite
def versions(draw: st.DrawFn) -> str:
    """Mostly well-formed."""
    version = ".".join(str(draw(core)) for _ in range(3))
    prerelease, build = draw(dotted), draw(dotted)
    return version + (f"-{prerelease}" if prerelease else "") + (f"+{build}" if build else "")


def is_version(value: str) -> bool:
    try:
        semver.Version.parse(value)
    except ValueError:
        return False
    return value.isascii() and not value.endswith("\n")


@given(versions(), versions())
def test_versions_compare_as_the_semver_package_compares_them(a: str, b: str) -> None:
    assert is_semver(a) == is_version(a)
    if is_version(a) and is_version(b):
        assert sign(_semver_compare(text(a), text(b))) == semver.Version.parse(a).compare(b)


@given(versions(), st.integers(0, 40), st.sampled_from(("", ".", "-", "+", "0", "_", " ", "\n", "v", "é", "\0")))
def test_a_version_with_an_accident_is_judged_as_the_semver_package_judges_it(a: str, at: int, accident: str) -> None:
    written = a[:at] + accident + a[at + 1 :]
    assert bool(_semver_valid(text(written))) == is_version(written)


def test_versions_are_ordered_as_the_specification_orders_them() -> None:
    prereleases = ("alpha", "alpha.1", "alpha.beta", "beta", "beta.2", "beta.11", "rc.1")
    releases = ("1.0.0", "2.0.0", "2.1.0", "2.1.1", "2.1.11", "2.1.99999999999999999999", "2.1.100000000000000000000")
    ascending = [*(f"1.0.0-{prerelease}" for prerelease in prereleases), *releases]
    for i, a in enumerate(ascending):
        for j, b in enumerate(ascending):
            assert sign(_semver_compare(text(a), text(b))) == sign(i - j), (a, b)
    assert _semver_compare(text("1.0.0+a"), text("1.0.0+b")) == 0


@pytest.mark.parametrize(
    "value",
    ["", "1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.02.3", "1.2.3-", "1.2.3-01", "1.2.3+", "1.2.3-a..b", "-1.2.3"],
)
def test_what_is_no_version_is_refused(value: str) -> None:
    assert not is_semver(value)
