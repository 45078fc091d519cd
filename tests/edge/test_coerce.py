"""Text is taken for a type or refused, never guessed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.coerce import COERCIONS, to_bool, to_double, to_int, to_ints, to_string, to_strings, unquote, unquote_form
from rulecore.limits import LIMITS
from rulecore.model import Type


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), (" TRUE ", True), ("false", False), ("0", False)]
)
def test_a_bool_is_true_false_1_or_0(text: str, value: bool) -> None:
    assert to_bool(text) is value


@pytest.mark.parametrize("text", ["", "yes", "2", "truee", "-1", "none"])
def test_anything_else_is_no_bool(text: str) -> None:
    with pytest.raises(ValueError, match="not a bool"):
        to_bool(text)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_int_of_64_bits_is_read(value: int) -> None:
    assert to_int(str(value)) == value


@pytest.mark.parametrize(
    "text", ["", "1.0", "1e3", "0x10", "1_000", "+1", "--1", "٣", str(2**63), str(-(2**63) - 1), "9" * 5000]
)
def test_what_is_no_int_of_64_bits_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an int|beyond"):
        to_int(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_double_is_read(value: float) -> None:
    assert to_double(repr(value)) == value


@pytest.mark.parametrize("text", ["", ".", "nan", "inf", "-Infinity", "1e999", "1_0.5", "0x1p3", "1,5", "e5"])
def test_what_is_no_finite_double_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        to_double(text)


@given(st.text(max_size=400))
def test_no_text_makes_a_number_that_is_not_finite_or_does_anything_but_refuse(text: str) -> None:
    for coerce in COERCIONS.values():
        try:
            value = coerce(text)
        except ValueError:
            continue
        assert not isinstance(value, float) or math.isfinite(value)


def test_every_type_that_a_context_carries_can_be_read_from_text() -> None:
    assert set(COERCIONS) == set(Type) - {Type.SEMVER}


def test_a_list_is_split_on_commas_and_empty_items_do_not_count() -> None:
    assert to_strings(" a, b c ,,d,") == ["a", "b c", "d"]
    assert to_strings("") == []
    assert to_ints("1, -2,3") == [1, -2, 3]


def test_a_list_with_one_bad_item_is_refused_whole() -> None:
    with pytest.raises(ValueError, match="not an int"):
        to_ints("1,two,3")


def test_what_the_core_would_refuse_for_its_size_is_refused_here() -> None:
    assert to_string("x" * LIMITS.string_bytes_max)
    with pytest.raises(ValueError, match="too long"):
        to_string("é" * (LIMITS.string_bytes_max // 2 + 1))
    with pytest.raises(ValueError, match="too many"):
        to_strings(",".join("a" * (LIMITS.list_items_max + 1)))


def test_percent_and_plus_are_decoded_where_a_query_says_so() -> None:
    assert unquote(b"New%20York+x") == "New York+x"
    assert unquote_form(b"New+York%2Bx") == "New York+x"
    with pytest.raises(ValueError, match="utf-8"):
        unquote(b"%ff")
