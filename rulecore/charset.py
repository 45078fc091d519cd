"""Sets of code points: what a character class of a regular expression matches, and the bytes of UTF-8 that make it up.

Owns the named classes (POSIX, Perl, Unicode) and case folding, all as RE2 has them. Where classes stand in a pattern is
`rulecore.regex`'s, what becomes of their bytes `rulecore.automata`'s.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from rulecore.unicode_tables import CATEGORIES, FOLDINGS, SCRIPTS

Charset = tuple[tuple[int, int], ...]
"""Ranges of code points, both ends in, ascending, with a gap between any two."""

ByteRanges = tuple[tuple[int, int], ...]
"""One range for each byte of a character in UTF-8."""

LAST: Final = 0x10FFFF
ANY: Final[Charset] = ((0, LAST),)

_DIGIT: Final = ((0x30, 0x39),)
_UPPER: Final = ((0x41, 0x5A),)
_LOWER: Final = ((0x61, 0x7A),)
_WORD: Final = (*_DIGIT, *_UPPER, (0x5F, 0x5F), *_LOWER)

PERL: Final[dict[str, Charset]] = {
    "d": _DIGIT,
    "s": ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20)),
    "w": _WORD,
}
"""By the letter behind the backslash."""

POSIX: Final[dict[str, Charset]] = {
    "alnum": (*_DIGIT, *_UPPER, *_LOWER),
    "alpha": (*_UPPER, *_LOWER),
    "ascii": ((0x00, 0x7F),),
    "blank": ((0x09, 0x09), (0x20, 0x20)),
    "cntrl": ((0x00, 0x1F), (0x7F, 0x7F)),
    "digit": _DIGIT,
    "graph": ((0x21, 0x7E),),
    "lower": _LOWER,
    "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "space": ((0x09, 0x0D), (0x20, 0x20)),
    "upper": _UPPER,
    "word": _WORD,
    "xdigit": (*_DIGIT, (0x41, 0x46), (0x61, 0x66)),
}


def union(ranges: Iterable[tuple[int, int]]) -> Charset:
    """The set of these ranges, which may overlap and come in any order."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def negated(charset: Charset) -> Charset:
    """Every other code point."""
    gaps = []
    behind = 0
    for low, high in charset:
        if low > behind:
            gaps.append((behind, low - 1))
        behind = high + 1
    if behind <= LAST:
        gaps.append((behind, LAST))
    return tuple(gaps)


@functools.lru_cache(maxsize=4096)
def folded(charset: Charset) -> Charset:
    """The set with every letter that is the same as one of its own but for case."""
    firsts = [low for low, _ in charset]
    found: set[int] = set()
    for first, letters in _orbits():
        if first > charset[-1][1]:
            break
        for letter in letters:
            at = bisect_right(firsts, letter) - 1
            if at >= 0 and letter <= charset[at][1]:
                found.update(letters)
                break
    return union([*charset, *((letter, letter) for letter in found)]) if found else charset


@functools.cache
def unicode_group(name: str) -> Charset | None:
    """A general category, one or two letters, a script, or `Any`; None for no such name."""
    if name == "Any":
        return ANY
    if len(name) == 1:
        parts = [_ranges(row) for category, row in CATEGORIES.items() if category[0] == name]
        return union(one for ranges in parts for one in ranges) if parts else None
    row = CATEGORIES.get(name) or SCRIPTS.get(name)
    return None if row is None else _ranges(row)


def utf8(charset: Charset) -> list[ByteRanges]:
    """The characters of a set, as few byte ranges each as can be; surrogates have no bytes.

    Two of them either have the same first range or first ranges without a byte in common, and so on behind it.
    """
    found: list[ByteRanges] = []
    for low, high in charset:
        for least, most in ((0x00, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, LAST)):
            if low <= most and high >= least:
                _sequences(max(low, least), min(high, most), found)
    return found


def _sequences(low: int, high: int, found: list[ByteRanges]) -> None:
    """Appends the byte ranges of code points that take the same number of bytes."""
    for trailing in range(1, len(chr(low).encode())):
        mask = (1 << 6 * trailing) - 1
        if low & ~mask != high & ~mask:
            # Differ above the trailing bytes: so these must run through all that they can be.
            if low & mask:
                _sequences(low, low | mask, found)
                _sequences((low | mask) + 1, high, found)
                return
            if high & mask != mask:
                _sequences(low, (high & ~mask) - 1, found)
                _sequences(high & ~mask, high, found)
                return
    found.append(tuple(zip(chr(low).encode(), chr(high).encode(), strict=True)))


def _ranges(row: str) -> Charset:
    numbers = [int(word, 36) for word in row.split()]
    ranges = []
    last = -1
    for gap, more in zip(numbers[::2], numbers[1::2], strict=True):
        low = last + gap
        last = low + more
        ranges.append((low, last))
    return tuple(ranges)


@functools.cache
def _orbits() -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Letters that are the same but for case, with the first of them, ascending by it."""
    orbit_of: dict[int, list[int]] = {}
    numbers = [int(word, 36) for word in FOLDINGS.split()]
    following: dict[int, int] = {}
    for first, count, step, delta in zip(*(numbers[part::4] for part in range(4)), strict=True):
        following.update({letter: letter + delta for letter in range(first, first + count * step, step)})
    for letter in sorted(following):
        orbit = orbit_of.setdefault(letter, [letter])
        orbit.append(following[letter])
        orbit_of[following[letter]] = orbit
    firsts = sorted({orbit[0]: orbit for orbit in orbit_of.values()}.items())
    return tuple((first, tuple(orbit)) for first, orbit in firsts)
