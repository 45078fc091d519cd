"""What each operator of `rulecore.model.OPERATORS` gives for plain Python values, as plainly as it can be said.

Half of the oracle: the other half, `tests.oracle`, walks expressions and bundles. A value is a bool, int, float, str,
tuple or `semver.Version`; `ERROR` is CEL's error value. Ints are Python's, so overflow is a comparison with the ends
of int64, never an accident. Times of day come from `zoneinfo` over the `tzdata` package and from `datetime`.
"""

from __future__ import annotations

import functools
import importlib.resources
import ipaddress
import math
import operator
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import re2
import semver


class ErrorValue:
    """CEL's error value. There is one, `ERROR`: why it came about is no part of a condition's value."""

    def __repr__(self) -> str:
        return "ERROR"


ERROR: Final = ErrorValue()

Value = bool | int | float | str | tuple[int, ...] | tuple[str, ...] | semver.Version
Truth = bool | ErrorValue

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
MICROS: Final = 1_000_000
DAY: Final = 86_400 * MICROS
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_1: Final = -719_162 * DAY
YEAR_10000: Final = 2_932_897 * DAY
TEN_THOUSAND_YEARS: Final = 315_576_000_000 * MICROS
GREGORIAN_CYCLE: Final = 146_097
"""Days in 400 years, after which the calendar repeats, days of the week and all."""


def both(values: list[Truth]) -> Truth:
    """CEL's `&&` of any number: false if one is false, else an error if one is, else true."""
    if any(value is False for value in values):
        return False
    return ERROR if any(value is ERROR for value in values) else True


def either(values: list[Truth]) -> Truth:
    """CEL's `||` of any number: true if one is true, else an error if one is, else false."""
    if any(value is True for value in values):
        return True
    return ERROR if any(value is ERROR for value in values) else False


def int64(value: int) -> Value | ErrorValue:
    """An int as long as it is one of 64 bits."""
    return value if INT64_MIN <= value <= INT64_MAX else ERROR


def timestamp(value: int) -> Value | ErrorValue:
    """An instant as long as its year in UTC has four digits, as CEL's timestamps have it."""
    return value if YEAR_1 <= value < YEAR_10000 else ERROR


def duration(value: int) -> Value | ErrorValue:
    """A duration as long as it is at most ten thousand years either way, as CEL has it."""
    return value if abs(value) <= TEN_THOUSAND_YEARS else ERROR


def divide(left: float, right: float) -> Value | ErrorValue:
    """Ints truncate towards zero; doubles follow IEEE 754, which Python does not when it divides by zero."""
    if isinstance(left, int) and isinstance(right, int):
        if right == 0:
            return ERROR
        quotient = abs(left) // abs(right)
        return int64(quotient if (left < 0) == (right < 0) else -quotient)
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def modulus(left: int, right: int) -> Value | ErrorValue:
    """What is left by a division that truncates; an error when that division is one, as in CEL."""
    quotient = divide(left, right)
    return ERROR if isinstance(quotient, ErrorValue) else left - right * int(quotient)  # type: ignore[arg-type]


@functools.cache
def zone(name: str) -> ZoneInfo | timedelta | None:
    """A zone of the `tzdata` package, a fixed offset, or None when there is none of this name."""
    fixed = re.fullmatch(r"([+-])([0-9]{2}):([0-9]{2})", name, re.ASCII)
    if fixed:
        hours, minutes = int(fixed[2]), int(fixed[3])
        offset = timedelta(hours=hours, minutes=minutes)
        return (-offset if fixed[1] == "-" else offset) if hours < 24 and minutes < 60 else None
    package = importlib.resources.files("tzdata")
    if name not in (package / "zones").read_text("ascii").splitlines():
        return None
    with (package / "zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


class Local(msgspec.Struct, frozen=True):
    """A local time: its year, its day in a year that `date` can hold, a cycle or two away, its time of day."""

    year: int
    day: date
    micros: int


def local(micros: int, name: str) -> Local | None:
    """An instant as the clocks of a zone show it; None in a zone that is unknown."""
    found = zone(name)
    if found is None:
        return None
    # `datetime` ends at the years 1 and 9999: near them a zone's offset is what it is a cycle further in.
    shift = GREGORIAN_CYCLE * DAY * ((micros < YEAR_1 + 2 * DAY) - (micros >= YEAR_10000 - 2 * DAY))
    at = EPOCH + timedelta(microseconds=micros + shift)
    offset = found.utcoffset(at.astimezone(found)) if isinstance(found, ZoneInfo) else found
    assert offset is not None
    days, of_day = divmod(micros + offset // timedelta(microseconds=1), DAY)
    cycles, day_of_cycle = divmod(days - YEAR_1 // DAY, GREGORIAN_CYCLE)
    # A day is looked up in the years 401 to 800 and its cycles are put back.
    day = date.fromordinal(day_of_cycle + GREGORIAN_CYCLE + 1)
    return Local(day.year + (cycles - 1) * 400, day, of_day)


CIVIL: Final[dict[str, Callable[[Local], int]]] = {
    "get_full_year": lambda at: at.year,
    "get_month": lambda at: at.day.month - 1,
    "get_date": lambda at: at.day.day,
    "get_day_of_month": lambda at: at.day.day - 1,
    "get_day_of_week": lambda at: at.day.isoweekday() % 7,
    "get_day_of_year": lambda at: at.day.timetuple().tm_yday - 1,
    "get_hours": lambda at: at.micros // (3600 * MICROS),
    "get_minutes": lambda at: at.micros // (60 * MICROS) % 60,
    "get_seconds": lambda at: at.micros // MICROS % 60,
    "get_milliseconds": lambda at: at.micros // 1000 % 1000,
}


def civil(op: str, micros: int, name: str) -> Value | ErrorValue:
    """A part of the local time of an instant; an error in a zone that is unknown."""
    found = local(micros, name)
    return ERROR if found is None else CIVIL[op](found)


def whole(op: str, micros: int) -> int:
    """Whole hours, minutes or seconds of a duration, or the milliseconds of its second, towards zero."""
    size = abs(micros)
    part = {
        "get_hours": size // (3600 * MICROS),
        "get_minutes": size // (60 * MICROS),
        "get_seconds": size // MICROS,
        "get_milliseconds": size % MICROS // 1000,
    }[op]
    return -part if micros < 0 else part


def semantic_version(text: str) -> Value | ErrorValue:
    """A version, or an error when the text is none by Semantic Versioning 2.0.0."""
    # The package takes a line feed at the end for the end, and any script's digits for digits.
    if not text.isascii() or text.endswith("\n"):
        return ERROR
    try:
        return semver.Version.parse(text)
    except ValueError:
        return ERROR


def contains_ip(network: str, text: str) -> Value | ErrorValue:
    """Whether a network holds an address; one of the other family is outside.

    An address with a zone is none here, nor is an IPv4 one written as IPv6, as in Kubernetes' library.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ERROR
    if isinstance(address, ipaddress.IPv6Address) and (address.scope_id is not None or address.ipv4_mapped is not None):
        return ERROR
    return address in ipaddress.ip_network(network)


@functools.cache
def pattern(text: str) -> object:
    """A compiled pattern of RE2 with its default options."""
    return re2.compile(text)


def matches(text: str, regex: str) -> bool:
    """Whether a pattern is found anywhere in a text."""
    return pattern(regex).search(text) is not None  # type: ignore[attr-defined]


def lower_ascii(text: str) -> str:
    """A to Z lowered, nothing else touched."""
    return "".join(chr(ord(char) + 32) if "A" <= char <= "Z" else char for char in text)


COMPARISONS: Final[dict[str, Callable[..., bool]]] = {
    # Python compares an int with a float exactly, NaN as IEEE 754 says, and strings by code point.
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}

FUNCTIONS: Final[dict[str, Callable[..., Value | ErrorValue]]] = {
    **COMPARISONS,
    "in": lambda item, items: item in items,
    "size": len,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": lambda text, part: part in text,
    "matches": matches,
    "lower_ascii": lower_ascii,
    "intersects": lambda left, right: bool(set(left) & set(right)),
    "contains_all": lambda left, right: set(left) >= set(right),
    "semver": semantic_version,
    "contains_ip": contains_ip,
    "div": divide,
    "mod": modulus,
}
"""Operators that mean the same for every type they take, once no argument is an error."""

ARITHMETIC: Final[dict[str, Callable[..., int | float]]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "neg": operator.neg,
}
"""Operators whose result is then held to the range of its type."""
