"""What google-re2 takes for a pattern is one, what it refuses is refused, and where it is wrong is said."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest
import re2

from rulecore.errors import PatternError
from rulecore.limits import LIMITS
from rulecore.regex import parse
from tests.strategies_patterns import noisy

_QUIET: Final = re2.Options()
_QUIET.log_errors = False


def is_pattern(text: str) -> bool:
    try:
        parse(text)
    except PatternError as error:
        if not 0 <= error.at <= len(text):
            pytest.fail(f"{error} lies outside of {text!r}")
        return False
    return True


def is_google_re2_pattern(text: str) -> bool:
    try:
        re2.compile(text, _QUIET)
    except re2.error as error:
        return b"too large" in error.args[0]
    return True


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "",
            "|",
            "()",
            "(|a)*",
            "(?:)",
            "(?)",
            "(?i)",
            "a(?i)*",
            "(?i)*",
            "a*(?i)*",
            "a|*",
            "(*)",
            "^*",
            r"\b{2}",
            "*",
        ),
        *("a**", "a*?*", "a++", "a{2}{3}", "a{2}*", "a{,2}", "a{", "a{2", "a{2,", "a{2,1}", "a{02}", "a{0}", "a{1000}"),
        *("a{1001}", "a{1000,}", "a{0,1001}", "a{999999999}", "a{9999999999}", "(a{10}){100}", "(a{11}){100}", "{2}"),
        *("((a{0}){1000}){1000}", "(a{500}*){3}", "(a{500}*){2}", "(a{1000}|b){2}", "(a*){1000}", "((a{2}){2}){250}"),
        *("(", ")", "a)", "(a", "(?", "(?P", "(?P<", "(?P<n", "(?P<n>", "(?P<n>a)", "(?<n>a)", "(?P<>a)", "(?P<1>a)"),
        *(
            "(?P<né>a)",
            "(?P<n->a)",
            "(?P=n)",
            "(?P<a>b)(?P<a>c)",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?<!a)",
            "(?#a)",
            "(?>a)",
        ),
        *("(?i", "(?i-)", "(?-)", "(?-i)", "(?i-s:a)", "(?i--s:a)", "(?ii)", "(?x)", "(?imsU-imsU)", "(?U)a+?"),
        *(
            "[",
            "[]",
            "[^]",
            "[]a]",
            "[^]a]",
            "[a",
            "[a-",
            "[a-]",
            "[-a]",
            "[--a]",
            "[a-b-c]",
            "[b-a]",
            r"[a-\d]",
            r"[\d-a]",
        ),
        *(
            r"[a-\n]",
            r"[\n-a]",
            "[[a]",
            "[[:alpha:]]",
            "[[:alpha:]",
            "[[:nope:]]",
            "[[:^alpha:]]",
            "[[:alpha]",
            "[:alpha:]",
        ),
        *("[[:word:]-z]", r"[\pL]", r"[\p]", r"[\pX]", r"[\Q]", r"[\b]", r"[\]]", "[\\", r"[\xZ]", r"[\-]", "[a]]"),
        *(r"\pL", r"\p", r"\pX", r"\p{", r"\p{}", r"\p{Greek}", r"\p{^Greek}", r"\P{^Greek}", r"\p{greek}", r"\p^L"),
        *(r"\Q", r"\Qa", r"\Qa\E", r"\Q\E*", r"\Qab\E*", r"a\Q\E*", r"\E", r"\Q\\E", r"\Q(\E"),
        *("\\", r"\a\f\v\t\n\r", r"\e", r"\_", r"\é", r"\-", r"\0", r"\00", r"\000", r"\0000", r"\08", r"\1", r"\12"),
        *(r"\18", r"\8", r"\123", r"\777", r"\x", r"\x4", r"\x41", r"\x4g", r"\x{}", r"\x{41}", r"\x{41", r"\x{g}"),
        *(
            r"\x{110000}",
            r"\x{10FFFF}",
            r"\x{0000000041}",
            r"\x{d800}",
            r"\C",
            r"\A\z",
            r"\Z",
            r"\G",
            r"\K",
            r"\X",
            r"\R",
        ),
        *(r"\h", r"\c", "a\x00b", "é*", "😀{2}", "a" * 1_000),
    ],
)
def test_a_pattern_is_one_where_google_re2_takes_it(pattern: str) -> None:
    assert is_pattern(pattern) == is_google_re2_pattern(pattern)


def test_generated_patterns_are_taken_and_refused_as_google_re2_does() -> None:
    chance = Random(1)
    outcomes = []
    for _ in range(3_000):
        pattern = noisy(chance)
        outcomes.append(is_pattern(pattern))
        assert outcomes[-1] == is_google_re2_pattern(pattern), pattern
    assert 500 < sum(outcomes) < 2_500


@pytest.mark.soak
def test_many_generated_patterns_are_taken_and_refused_as_google_re2_does() -> None:
    chance = Random(2)
    for _ in range(500_000):
        pattern = noisy(chance)
        assert is_pattern(pattern) == is_google_re2_pattern(pattern), pattern


@pytest.mark.parametrize(
    ("pattern", "what", "at"),
    [
        ("ab(c", "a ( that is never closed", 2),
        ("ab)c", "a ) without a (", 2),
        ("a[bc", "a [ that is never closed", 1),
        ("a[z-ab]", "a range that ends before it begins", 2),
        ("a[[:nope:]]", "no class is called [:nope:]", 2),
        ("ab**", "a repeat of a repeat: put parentheses around what is to be repeated", 3),
        ("a|*", "nothing stands here that could be repeated", 2),
        ("a{2,1}", "a count must ascend and be at most 1,000", 1),
        ("(a{40}){40}", "counts inside each other come to more than 1,000", 7),
        ("a(?=b)", "looking ahead or behind is not in RE2's syntax", 1),
        ("a(?>b)", "no such group in RE2's syntax: (?flags), (?flags:..), (?P<name>..) are", 1),
        ("a(?P<>b)", "a group with a malformed name", 1),
        (r"a\1", "back references are not in RE2's syntax", 1),
        (r"a\y", r"\y is no escape in RE2's syntax", 1),
        ("a\\", "a backslash at the end", 1),
        (r"a\x4", r"\x takes two hexadecimal digits, or a code point in braces", 1),
        (r"a\p{Klingon}", "no such category or script of Unicode", 1),
        ("a\ud800", "a half of a surrogate pair is no character", 1),
        ("a" * 1_001, "has more than 1,000 characters", 1_000),
        ("(" * 101 + ")" * 101, "groups stand in each other more than 100 deep", 100),
    ],
)
def test_what_is_wrong_is_said_and_at_which_character(pattern: str, what: str, at: int) -> None:
    with pytest.raises(PatternError) as caught:
        parse(pattern)
    assert (caught.value.what, caught.value.at) == (what, at)
    assert str(caught.value) == f"{what} (at character {at})"


def test_groups_may_nest_to_the_limit() -> None:
    parse("(" * LIMITS.pattern_depth_max + ")" * LIMITS.pattern_depth_max)
