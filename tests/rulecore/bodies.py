"""JSON bodies for the tests that hold the reader of contexts to msgspec: in every form of the grammar, and damaged.

What is drawn comes from one `random.Random`, so a seed, or hypothesis, says all.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from rulecore.model import Type

NUMBERS: Final = (
    "0", "-0", "0.0", "-0.0", "0e0", "0E+5", "-0e-5", "1", "-1", "1.0", "1e0", "10E-1", "1e2", "1.5", "-2.50", "100e-2",
    "9007199254740991", "9007199254740992", "9007199254740993", "9007199254740992.0", "9007199254740993.0",
    "-9007199254740992e0", "-9007199254740993.0", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551615", "18446744073709551616", "9223372036854775807.0", "1e18", "1e19",
    "0.000000000000000000000000000001e30", "123456789012345678", "1234567890123456789", "12345678901234567890",
    "1e22", "1e23", "4.35e22", "5e-324", "2e-324", "1e-400", "2.2250738585072011e-308", "1.7976931348623157e308",
    "1.7976931348623158e308", "1.7976931348623159e308", "1e308", "1e309", "-1e400", "0e400", "1e99999999999999999999",
    "0e99999999999999999999", "1" + "0" * 308, "1" + "0" * 309, "1" + "0" * 4299, "1" + "0" * 4300,
    "1" + "0" * 309 + ".0e-9",
)  # fmt: skip
TIMES: Final = (
    "2026-11-20T18:00:00Z",
    "2026-11-20t18:00:00.123456789+01:30",
    "1969-12-31T23:59:59.9Z",
    "2026-02-30T00:00:00Z",
)
DURATIONS: Final = ("1h30m", "-5s", "0", "1.5h", "100µs", "2562047788h", "9223372036854775807us", "1", "")
CHARACTERS: Final = 'ab 01"\\/\b\f\n\r\t\x00\x1f\x7f\x80éßλЖ߿ࠀ€\ud7ff\ue000\uffff😀\U00010000\U0010ffff'
SHORT_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
PIECES: Final = (
    b'"', b"\\", b"\\u", b"\\ud83d", b"\\ude00", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f", b"{", b"}", b"[",
    b"]", b",", b":", b"1", b"0", b"e9", b"-", b".", b" ", b"\x00", b"\n", b"null", b"true", b"false",
    b"NaN", b'"age":1,', b"{}", b"[]",
)  # fmt: skip


class Bodies:
    """Objects that give some attributes of `types`, mostly of the right type, nested, dotted and among others."""

    def __init__(self, chooser: random.Random, types: Mapping[str, Type]) -> None:
        self._random = chooser
        self._types = types
        self._unique = True
        self._spaced = False

    def body(self) -> bytes:
        self._unique = self._random.random() < 0.7
        self._spaced = self._random.random() < 0.4
        return (self._space() + self._members("") + self._space()).encode()

    def _members(self, prefix: str) -> str:
        known = [name[len(prefix) :].split(".") for name in self._types if name.startswith(prefix)]
        members: dict[str, list[str]] = {}
        for _ in range(self._random.randrange(7)):
            if self._random.random() < 0.15:
                key, value = self._text(), self._any(3)
            else:
                parts = self._random.choice(known)
                taken = self._random.randint(1, len(parts))
                key = ".".join(parts[:taken])
                value = self._value(prefix + key)
            if key not in members or not self._unique:
                members.setdefault(key, []).append(f"{self._string(key)}{self._space()}:{self._space()}{value}")
        written = [each for same in members.values() for each in same]
        self._random.shuffle(written)
        return self._bracketed("{", written, "}")

    def _value(self, name: str) -> str:
        if self._random.random() < 0.1:
            return self._any(2)
        if name not in self._types:
            return self._members(f"{name}.")
        if self._random.random() < 0.1:
            return "null"
        kind = self._types[name]
        if kind is Type.BOOL:
            return self._random.choice(("true", "false"))
        if kind in (Type.INT, Type.DOUBLE):
            return self._int() if kind is Type.INT else self._number()
        if kind is Type.TIMESTAMP:
            return self._string(self._random.choice(TIMES))
        if kind is Type.DURATION:
            return self._string(self._random.choice(DURATIONS))
        if kind in (Type.LIST_STRING, Type.LIST_INT):
            item = self._int if kind is Type.LIST_INT else lambda: self._string(self._text())
            return self._bracketed("[", [item() for _ in range(self._random.randrange(5))], "]")
        return self._string(self._text())

    def _any(self, deepest: int) -> str:
        choice = self._random.randrange(8 if deepest else 6)
        if choice < 3:
            return ("null", "true", "false")[choice]
        if choice < 6:
            return self._number() if choice == 3 else self._string(self._text())
        if self._random.random() < 0.05:
            deep = self._random.randrange(12, 17)
            return self._random.choice(("[" * deep + "1" + "]" * deep, '{"a":' * deep + "[]" + "}" * deep))
        inner = [self._any(deepest - 1) for _ in range(self._random.randrange(1, 4))]
        if choice == 6:
            return self._bracketed("[", inner, "]")
        return self._bracketed("{", [f"{self._string(self._text())}:{each}" for each in inner], "}")

    def _int(self) -> str:
        if self._random.random() < 0.1:
            return self._number()
        number = self._random.randrange(-(2**63), 2**63) >> self._random.randrange(64)
        exact = abs(number) <= 2**53
        return self._random.choice((f"{number}", f"{number}.0", f"{number}e0") if exact else (f"{number}",))

    def _number(self) -> str:
        if self._random.random() < 0.3:
            return self._random.choice(NUMBERS)
        draw = self._random
        whole = str(draw.randrange(10 ** draw.randrange(1, 22)))
        fraction = draw.choice(("", "", ".0", f".{draw.randrange(10 ** draw.randrange(1, 20))}"))
        exponent = draw.choice(("", "", f"e{draw.randrange(-30, 30)}", f"E+{draw.randrange(320)}"))
        return draw.choice(("", "-")) + whole + fraction + exponent

    def _text(self) -> str:
        size = self._random.choice((0, 1, 2, 5, 13, 14, 15, 16, 17, 31, 33))
        if self._random.random() < 0.6:
            return "".join(self._random.choices("abcxyz -_/.", k=size))
        return "".join(self._random.choices(CHARACTERS, k=size))

    def _string(self, text: str) -> str:
        escaping = self._random.choice((0.0, 0.0, 0.3))
        return f'"{"".join(self._character(each, escaping) for each in text)}"'

    def _character(self, char: str, escaping: float) -> str:
        if char >= " " and char not in '"\\' and self._random.random() >= escaping:
            return char
        if char in SHORT_ESCAPES and self._random.random() < 0.5:
            return "\\" + SHORT_ESCAPES[char]
        units = char.encode("utf-16-be").hex()
        units = units.upper() if self._random.random() < 0.5 else units
        return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))

    def _bracketed(self, opening: str, items: list[str], closing: str) -> str:
        inner = ",".join(f"{self._space()}{each}{self._space()}" for each in items)
        return opening + (inner or self._space()) + closing

    def _space(self) -> str:
        if not self._spaced:
            return ""
        return self._random.choice(("", " ", "\n  ", "\t", "\r\n"))


def damaged(chooser: random.Random, body: bytes, other: bytes) -> bytes:
    """A body after one to four changes: bits flipped, bytes left out, put in, or taken from another place or body."""
    result = bytearray(body)
    for _ in range(chooser.randint(1, 4)):
        at = chooser.randrange(len(result) + 1)
        end = min(len(result), at + chooser.choice((0, 1, 1, 2, 8)))
        source = chooser.choice((body, other))
        begin = chooser.randrange(len(source))
        new = chooser.choice(
            (
                bytes(byte ^ 1 << chooser.randrange(8) for byte in result[at:end]),
                b"",
                chooser.choice(PIECES),
                source[begin : begin + chooser.randrange(12)],
            )
        )
        result[at:end] = new
    return bytes(result)
