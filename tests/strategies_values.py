"""Values that matter, by type: the edges of their range, neighbours of each other, and such as occur again.

Conditions and contexts draw from the same few, so that comparisons are met from both sides and on the spot.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from rulecore.model import Type
from tests.oracle_values import EPOCH, MICROS, TEN_THOUSAND_YEARS, YEAR_1, YEAR_10000, Value

HOUR: Final = 3600 * MICROS
INTS: Final = (0, 1, -1, 2, 3, 7, 18, 100, 2**31, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63))
DOUBLES: Final = (
    *(0.0, 1.0, -0.0, 0.5, -1.0, 2.0, 7.25, 0.1, 100.0, float(2**31)),
    *(2.0**53 - 1, 2.0**53, 2.0**53 + 2, 2.0**63, -(2.0**63), 1e300, -1e300, 5e-324),
)
ODD_DOUBLES: Final = (math.nan, math.inf, -math.inf)
WORDS: Final = (
    *("a", "", "b", "ab", "A", "Ab", "mobile", "New York", "é", "e\u0301", "ÀB", "😀", "a😀b", "\uffff", "\0"),
    "'\"\\",
)
VERSIONS: Final = (
    *("1.2.3", "1.2.3-alpha", "1.2.3-alpha.1", "1.2.3-alpha.beta", "1.10.0", "1.2.3+b", "2.0.0-0", "1.2", "01.2.3"),
)
ADDRESSES: Final = (
    *("10.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "2001:db8::1", "::ffff:10.0.0.1"),
    *("10.0.0", "fe80::1%eth0", "010.0.0.1"),
)
NETWORKS: Final = ("10.0.0.0/8", "10.0.0.1/32", "0.0.0.0/0", "192.168.0.0/30", "::/0", "2001:db8::/32", "::1/128")
ZONES: Final = (
    *("UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"),
    *("+05:30", "-11:00", "+00:00"),
)
UNKNOWN_ZONES: Final = ("", "Mars/Olympus", "utc", "+25:00", "05:30", "UTC ", "America", "../UTC")
PATTERNS: Final = (
    *("a", "^a.*b$", "(?i)AB", "[0-9]+", r"\bNew\b", "^$", "é|😀", ".", r"^\w+\s\w+$", "a{2,3}", r"\.alpha"),
    "(a|b)*c?",
)
PURPOSES: Final = ("personalization", "analytics", "storage")


def _micros(*civil: int) -> int:
    year, month, day, *rest = civil
    return (datetime(year, month, day, *rest, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)  # type: ignore[arg-type, misc]


TRANSITIONS: Final = (
    _micros(2026, 3, 8, 7),  # New York springs forward
    _micros(2026, 11, 1, 6),  # and falls back
    _micros(2026, 3, 29, 1),  # Berlin, two months of four
    _micros(2026, 10, 25, 1),
    _micros(2026, 4, 4, 15),  # Lord Howe, by half an hour
    _micros(2045, 3, 12, 7),  # past the table of transitions, by rule
    _micros(1883, 11, 18, 17),  # from local mean time
)
INSTANTS: Final = (
    *TRANSITIONS,
    *(0, _micros(2026, 11, 20, 12), _micros(2024, 2, 29), _micros(2024, 12, 31, 23, 59, 59), _micros(2027, 1, 1)),
    *(YEAR_1, YEAR_10000 - 1, _micros(1900, 3, 1), _micros(1969, 12, 31, 23, 59, 59)),
)
DURATIONS: Final = (
    *(0, 1, -1, 999, 1500 * 1000, -1500 * 1000, 90 * 60 * MICROS, HOUR, -HOUR, 24 * HOUR, 400 * 366 * 24 * HOUR),
    *(TEN_THOUSAND_YEARS, -TEN_THOUSAND_YEARS, 2**63 - 1, -(2**63)),
)


def chance(draw: DrawFn, one_in: int) -> bool:
    """True once in so many times. Hypothesis prefers the ends of a range, so the one that counts is not there."""
    return draw(st.integers(0, one_in - 1 if one_in > 2 else 1)) == one_in // 2


DRAWN: Final[dict[Type, SearchStrategy[Value]]] = {
    Type.BOOL: st.booleans(),
    Type.INT: st.sampled_from(INTS) | st.integers(-20, 120) | st.integers(-(2**63), 2**63 - 1),
    Type.DOUBLE: st.sampled_from(DOUBLES) | st.floats(allow_nan=False, allow_infinity=False),
    Type.STRING: st.sampled_from(WORDS + VERSIONS + ADDRESSES) | st.text(max_size=4),
    Type.TIMESTAMP: st.sampled_from(INSTANTS) | st.integers(YEAR_1, YEAR_10000 - 1),
    Type.DURATION: st.sampled_from(DURATIONS) | st.integers(-(10**12), 10**12),
    Type.LIST_STRING: st.lists(st.sampled_from(WORDS), max_size=4).map(tuple),
    Type.LIST_INT: st.lists(st.sampled_from(INTS), max_size=4).map(tuple),
}
"""What a constant may be. Lists may be empty: not as constants, but that is for who writes the constant to see to."""


def neighbours(kind: Type, value: Value) -> list[Value]:
    """Values just beside one: what tells `<` from `<=`."""
    match kind, value:
        case ((Type.INT | Type.TIMESTAMP | Type.DURATION), int()):
            low, high = (YEAR_1, YEAR_10000 - 1) if kind is Type.TIMESTAMP else (-(2**63), 2**63 - 1)
            return [near for near in (value - 1, value + 1) if low <= near <= high]
        case Type.DOUBLE, float():
            return [math.nextafter(value, -math.inf), math.nextafter(value, math.inf), float(round(value, 2))]
        case Type.STRING, str():
            return [value + "x", "x" + value, value.upper(), value[:-1]]
        case ((Type.LIST_STRING | Type.LIST_INT), tuple()):
            return [value[:1], value[::-1], ()]
    return []
