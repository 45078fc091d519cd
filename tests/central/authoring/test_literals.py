"""Where the characters of a string are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.authoring.literals import read_string, string_offset
from rulecore.render import quote


@pytest.mark.parametrize(
    ("literal", "offsets"),
    [
        ("'ab'", [1, 2, 3]),
        (r"'\x41b\\\''", [1, 5, 6, 8, 10]),
        (r"r'\d'", [2, 3, 4]),
        ("'''a\r\nb'''", [3, 4, 6, 7]),
        ("''", [1]),
        ('r"""x"""', [4, 5]),
    ],
)
def test_each_character_and_the_end_have_their_place(literal: str, offsets: list[int]) -> None:
    assert [string_offset(literal, index) for index in range(len(read_string(literal)) + 1)] == offsets


@given(st.text())
def test_a_quoted_text_is_read_back(text: str) -> None:
    literal = quote(text)
    assert read_string(literal) == text
    places = [string_offset(literal, index) for index in range(len(text) + 1)]
    assert places == sorted(set(places))
    assert places[-1] == len(literal) - 1
