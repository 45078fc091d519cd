"""What a context says, for the oracle: which attributes it gives, and whether it can be taken at all.

Reads `rulecore`'s contract for contexts (nested or dotted names, null is absent, exact types) off plain Python values.
Evaluation is left to `tests.oracle`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final, TypeGuard, TypeVar

from rulecore.errors import ContextError
from rulecore.limits import LIMITS
from rulecore.model import Type
from tests.oracle_values import EPOCH, INT64_MAX, INT64_MIN, MICROS, YEAR_1, YEAR_10000, Value

T = TypeVar("T")

EXACT_DOUBLE: Final = 2**53
UNIT_MICROS: Final = {
    "h": Fraction(3600 * MICROS),
    "m": Fraction(60 * MICROS),
    "s": Fraction(MICROS),
    "ms": Fraction(1000),
    "us": Fraction(1),
    "µs": Fraction(1),
    "μs": Fraction(1),
    "ns": Fraction(1, 1000),
}
DURATION_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(h|ms|us|µs|μs|ns|m|s)")
TIMESTAMP: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def read_context(context: dict[str, object], types: dict[str, Type]) -> dict[str, Value]:
    """The attributes of `types` that a context gives, by dotted name. Raises ContextError."""
    given: dict[str, Value | None] = {}
    for name, value in leaves(context, types):
        if name in given:
            raise ContextError("is given twice", name)
        given[name] = None if value is None else convert(name, types[name], value)
    return {name: value for name, value in given.items() if value is not None}


def leaves(context: dict[str, object], types: dict[str, Type], prefix: str = "") -> Iterable[tuple[str, object]]:
    """Every attribute of `types` that a context names, with what it says there, nested and dotted names alike."""
    for key, value in context.items():
        name = prefix + key
        if name in types:
            yield name, value
        elif isinstance(value, dict):
            yield from leaves(value, types, name + ".")


def convert(name: str, kind: Type, value: object) -> Value:
    """A context's value as one of `kind`. Raises ContextError when it is of another type."""
    result = _converted(kind, value)
    if result is None:
        raise ContextError(f"is not a {kind}", name)
    return result


def _converted(kind: Type, value: object) -> Value | None:
    match kind, value:
        case Type.BOOL, bool():
            return value
        case Type.INT, _:
            return _int(value)
        case Type.DOUBLE, int() | float() if not isinstance(value, bool):
            return _double(value)
        case Type.STRING, _:
            return _text(value)
        case Type.TIMESTAMP, str():
            return parse_timestamp(value)
        case Type.DURATION, str():
            return parse_duration(value)
        case Type.LIST_STRING, list():
            return tuple(texts) if all_known(texts := [_text(item) for item in value]) else None
        case Type.LIST_INT, list():
            return tuple(numbers) if all_known(numbers := [_int(item) for item in value]) else None
    return None


def all_known(items: list[T | None]) -> TypeGuard[list[T]]:
    """Whether a list is no longer than it may be and has nothing of a wrong type."""
    return len(items) <= LIMITS.list_items_max and None not in items


def _int(value: object) -> int | None:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= EXACT_DOUBLE else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if INT64_MIN <= value <= INT64_MAX else None
    return None


def _double(value: float) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return value if len(value.encode()) <= LIMITS.string_bytes_max else None
    except UnicodeEncodeError:
        return None


def parse_timestamp(text: str) -> int | None:
    """Microseconds since the epoch of an RFC 3339 time, finer digits cut off; None when it is none."""
    found = TIMESTAMP.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    fraction, sign, hours, minutes = found.groups()[6:]
    if int(hours or 0) > 23 or int(minutes or 0) > 59:
        return None
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    offset = (int(hours or 0) * 3600 + int(minutes or 0) * 60) * MICROS
    micros = (at - EPOCH) // timedelta(microseconds=1) + int(f"{fraction or 0:0<6}"[:6])
    micros += offset if sign == "-" else -offset
    return micros if YEAR_1 <= micros < YEAR_10000 else None


def parse_duration(text: str) -> int | None:
    """Microseconds of a duration as Go and CEL write it, finer digits cut off; None when it is none."""
    body = text[1:] if text[:1] in ("-", "+") else text
    parts = DURATION_PART.findall(body)
    if body != "0" and (not parts or "".join(number + unit for number, unit in parts) != body):
        return None
    size = int(sum((Fraction(f"0{number}") * UNIT_MICROS[unit] for number, unit in parts), Fraction()))
    micros = -size if text.startswith("-") else size
    return micros if INT64_MIN <= micros <= INT64_MAX else None
