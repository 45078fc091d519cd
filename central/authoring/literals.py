"""CEL's literals: from the text that the author wrote to the value, and for strings back to the place of a character.

Where a literal begins and ends is said in `tokens.py`; what a string means (a pattern, a time zone) is for
`constants.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final

INT_MAX: Final = (1 << 63) - 1
"""The largest int. The smallest is one further from zero, so `-9223372036854775808` is read as one literal."""

_SIMPLE_ESCAPES: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "?": "?", '"': '"', "'": "'", "`": "`",
}  # fmt: skip
_CODE_ESCAPES: Final = {"x": 2, "X": 2, "u": 4, "U": 8}
_OCTAL: Final = re.compile(r"[0-3][0-7]{2}")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_LINE_BREAK: Final = re.compile(r"\r\n?")


class LiteralError(Exception):
    """A literal that CEL does not have. `at` is the offset of the fault from the literal's first character."""

    def __init__(self, at: int, message: str, expected: str) -> None:
        super().__init__(message)
        self.at = at
        self.message = message
        self.expected = expected


def read_int(text: str) -> int:
    """The value of an unsigned int literal, decimal or hexadecimal. One more than `INT_MAX` is for a minus to use."""
    digits = text.removeprefix("0x")
    value = int(digits, 10 if digits == text else 16) if len(digits.lstrip("0")) < 20 else INT_MAX + 2
    if value > INT_MAX + 1:
        raise int_too_large()
    return value


def int_too_large() -> LiteralError:
    return LiteralError(0, "this int is too large", f"an int from {-INT_MAX - 1} to {INT_MAX}")


def read_double(text: str) -> float:
    """The value of an unsigned double literal."""
    value = float(text)
    if math.isinf(value):
        raise LiteralError(0, "this double is too large", "a double up to 1.7976931348623157e308")
    return value


def read_string(text: str) -> str:
    """The value of a string literal with its quotes and, if raw, its `r`."""
    if not text.isascii() and (surrogate := _SURROGATE.search(text)):
        raise LiteralError(surrogate.start(), "a lone surrogate is no Unicode character", "valid Unicode")
    start, stop = _body(text)
    plain = text[start:stop]
    if text[0] in "rR" or "\\" not in plain:
        return _LINE_BREAK.sub("\n", plain)
    return "".join(char for _, char in _characters(text))


def string_offset(text: str, index: int) -> int:
    """Where the character `index` of a string literal's value is written, from the literal's first character."""
    for offset, _ in _characters(text):
        if index == 0:
            return offset
        index -= 1
    return _body(text)[1]


def _body(text: str) -> tuple[int, int]:
    """From where to where it stands between the quotes."""
    start = 1 if text[0] in "rR" else 0
    quotes = 3 if text[start : start + 3] in ('"""', "'''") and len(text) - start >= 6 else 1
    return start + quotes, len(text) - quotes


def _characters(text: str) -> Iterator[tuple[int, str]]:
    """Each character of a string literal's value, with the offset at which it is written."""
    at, stop = _body(text)
    raw = text[0] in "rR"
    while at < stop:
        start = at
        if text[at] == "\\" and not raw:
            char, at = _escape(text, at, stop)
        elif text[at] == "\r":
            char, at = "\n", at + (2 if text[at + 1] == "\n" else 1)
        else:
            char, at = text[at], at + 1
        yield start, char


def _escape(text: str, at: int, stop: int) -> tuple[str, int]:
    """The character that the escape at `at` stands for, and the offset after it."""
    kind = text[at + 1]
    if kind in _SIMPLE_ESCAPES:
        return _SIMPLE_ESCAPES[kind], at + 2
    if octal := _OCTAL.match(text, at + 1, stop):
        return chr(int(octal[0], 8)), octal.end()
    if kind in _CODE_ESCAPES:
        width = _CODE_ESCAPES[kind]
        digits = text[at + 2 : min(at + 2 + width, stop)]
        if len(digits) < width or not re.fullmatch("[0-9A-Fa-f]+", digits):
            raise LiteralError(at, f"`\\{kind}` needs {width} hexadecimal digits", f"such as \\{kind}{0x41:0{width}x}")
        code = int(digits, 16)
        if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
            raise LiteralError(
                at, f"`\\{kind}{digits}` is no Unicode character", "a code point that is not a surrogate"
            )
        return chr(code), at + 2 + width
    shown = f"`\\{kind}`" if kind.isprintable() else "this"
    raise LiteralError(at, f"{shown} is no escape", "`\\\\` for a backslash; in a pattern, a raw string: r'\\d'")
