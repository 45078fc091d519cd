"""Text of a request to a value of an attribute's type.

The core is strict; this is the one lenient place: what can't be taken raises `ValueError`, and the reader of the
request leaves it out and counts it. Timestamps and durations stay text here: the core knows their forms.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_to_bytes

from rulecore.limits import LIMITS
from rulecore.model import Type

INT64_MAX: Final = 2**63 - 1
INT64_MIN: Final = -(2**63)

_INT: Final = re.compile(r"-?[0-9]{1,19}")
_DOUBLE: Final = re.compile(r"-?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?")
_BOOLS: Final = {"true": True, "1": True, "false": False, "0": False}

Value = bool | int | float | str | list[str] | list[int]


def decode(raw: bytes) -> str:
    """Header bytes as UTF-8. Raises ValueError for anything else."""
    return raw.decode()


def unquote(raw: bytes) -> str:
    """Percent-decoded UTF-8. Raises ValueError when that is no Unicode."""
    return (unquote_to_bytes(raw) if b"%" in raw else raw).decode()


def unquote_form(raw: bytes) -> str:
    """As `unquote`, with `+` for a space: what a query is written in."""
    return unquote(raw.replace(b"+", b" "))


def to_bool(text: str) -> bool:
    """`true`, `1`, `false` or `0`, in any case."""
    value = _BOOLS.get(text.strip().lower())
    if value is None:
        raise ValueError("not a bool")
    return value


def to_int(text: str) -> int:
    """A whole number in decimal that fits 64 bits."""
    text = text.strip()
    if _INT.fullmatch(text) is None:
        raise ValueError("not an int")
    value = int(text)
    if not INT64_MIN <= value <= INT64_MAX:
        raise ValueError("beyond 64 bits")
    return value


def to_double(text: str) -> float:
    """A finite number in decimal, with an exponent if need be."""
    text = text.strip()
    if _DOUBLE.fullmatch(text) is None:
        raise ValueError("not a double")
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("not finite")
    return value


def to_string(text: str) -> str:
    """Any text that the core takes."""
    if len(text) > LIMITS.string_bytes_max or len(text.encode()) > LIMITS.string_bytes_max:
        raise ValueError("too long")
    return text


def to_strings(text: str) -> list[str]:
    """Items between commas, without the spaces around them; empty ones don't count."""
    items = [item for item in (part.strip() for part in text.split(",")) if item]
    if len(items) > LIMITS.list_items_max:
        raise ValueError("too many items")
    return [to_string(item) for item in items]


def to_ints(text: str) -> list[int]:
    """Whole numbers between commas: all of them, or none is taken."""
    return [to_int(item) for item in to_strings(text)]


COERCIONS: Final[dict[Type, Callable[[str], Value]]] = {
    Type.BOOL: to_bool,
    Type.INT: to_int,
    Type.DOUBLE: to_double,
    Type.STRING: to_string,
    Type.TIMESTAMP: str.strip,
    Type.DURATION: str.strip,
    Type.LIST_STRING: to_strings,
    Type.LIST_INT: to_ints,
}
