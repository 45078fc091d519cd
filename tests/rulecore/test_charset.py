"""Named classes and case folding are google-re2's, code point by code point; bytes are those of UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
import re2

from rulecore import charset
from rulecore.charset import Charset
from rulecore.unicode_tables import CATEGORIES, SCRIPTS

EVERY = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000)))).encode()


def code_point(at: int) -> int:
    """The code point that begins at a byte of all of them."""
    for size, first, last in ((1, 0, 0x7F), (2, 0x80, 0x7FF), (3, 0x800, 0xD7FF), (3, 0xE000, 0xFFFF)):
        count = last - first + 1
        if at < size * count:
            return first + at // size
        at -= size * count
    return 0x10000 + at // 4


def characters_of(pattern: str) -> Charset:
    """What google-re2 takes for a character of this class."""
    found = (match.span() for match in re2.compile(f"(?:{pattern})+").finditer(EVERY))
    return charset.union((code_point(begin), code_point(end - 1)) for begin, end in found)


def without_surrogates(chars: Charset) -> Charset:
    return charset.union(
        part
        for low, high in chars
        for part in ((low, min(high, 0xD7FF)), (max(low, 0xE000), high))
        if part[0] <= part[1]
    )


@pytest.mark.parametrize("name", ["C", "L", "M", "N", "P", "S", "Z", "Any", *CATEGORIES, *SCRIPTS])
def test_a_category_or_script_holds_what_it_holds_in_google_re2(name: str) -> None:
    chars = charset.unicode_group(name)
    assert chars is not None
    assert without_surrogates(chars) == without_surrogates(characters_of(rf"\p{{{name}}}"))


@pytest.mark.parametrize("name", charset.POSIX)
def test_a_posix_class_holds_what_it_holds_in_google_re2(name: str) -> None:
    assert charset.POSIX[name] == characters_of(f"[[:{name}:]]")


@pytest.mark.parametrize("name", charset.PERL)
def test_a_perl_class_holds_what_it_holds_in_google_re2(name: str) -> None:
    assert charset.PERL[name] == characters_of(rf"\{name}")


@cache
def letters() -> bytes:
    groups = [charset.unicode_group(name) or () for name in ("L", "M", "Nl", "So")]
    return "".join(chr(one) for group in groups for low, high in group for one in range(low, high + 1)).encode()


def cased() -> Iterator[int]:
    for name in ("Lu", "Ll", "Lt", "Nl", "So", "Mn"):
        for low, high in charset.unicode_group(name) or ():
            yield from range(low, high + 1)


def folds_as_google_re2_does(letter: int) -> bool:
    same = {match.group().decode() for match in re2.compile(rf"(?i)\x{{{letter:x}}}").finditer(letters())}
    folded = charset.folded(((letter, letter),))
    return same == {chr(one) for low, high in folded for one in range(low, high + 1)}


def test_letters_fold_to_those_that_they_fold_to_in_google_re2() -> None:
    telling = {0x41, 0x6B, 0x73, 0xB5, 0xDF, 0x130, 0x131, 0x149, 0x1C5, 0x345, 0x390, 0x3C3, 0x1E9E, 0x212A, 0x24B6}
    assert all(folds_as_google_re2_does(letter) for letter in {*telling, *list(cased())[::37]})


@pytest.mark.soak
def test_every_letter_folds_to_those_that_it_folds_to_in_google_re2() -> None:
    assert [letter for letter in cased() if not folds_as_google_re2_does(letter)] == []


def test_there_is_no_group_of_another_name() -> None:
    assert [charset.unicode_group(name) for name in ("", "X", "Cn", "greek", "Latin ", "LC")] == [None] * 6


@pytest.mark.parametrize(
    "chars",
    [
        ((0, 0x10FFFF),),
        ((0x61, 0x61),),
        ((0x7F, 0x80),),
        ((0x7FF, 0x800), (0xFFFF, 0x10000)),
        ((0xD7FF, 0xE000),),
        ((0xD800, 0xDFFF),),
        ((0x10FFFF, 0x10FFFF),),
        ((0x3B1, 0x3C9), (0x4E00, 0x9FFF), (0x1F600, 0x1F64F)),
        (),
    ],
)
def test_byte_ranges_are_those_of_the_characters_and_of_no_others(chars: Charset) -> None:
    ranges = charset.utf8(chars)
    edges = {0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF}
    edges |= {edge + step for pair in chars for edge in pair for step in (-1, 0, 1)}
    for one in (edge for edge in edges if 0 <= edge <= 0x10FFFF and not 0xD800 <= edge < 0xE000):
        encoded = chr(one).encode()
        hits = [
            sequence
            for sequence in ranges
            if len(sequence) == len(encoded)
            and all(low <= byte <= high for (low, high), byte in zip(sequence, encoded, strict=True))
        ]
        assert len(hits) == any(low <= one <= high for low, high in chars)


def test_a_set_negated_twice_is_itself() -> None:
    for chars in ((), charset.ANY, ((0, 5), (9, 9)), ((1, 0x10FFFF),), ((7, 7),)):
        assert charset.negated(charset.negated(chars)) == chars
