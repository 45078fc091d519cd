"""Prefix codes: sound for any weights, near the best there is, and refused when there is no such code."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise
from math import inf, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecore.codes import GROUP_BITS_PER_KEY, LENGTHS_MAX, PrefixCode, entropy, prefix_code

WEIGHTS = st.lists(st.integers(1, 2**40), min_size=1, max_size=60)


def runs(weights: list[int]) -> list[tuple[int, int]]:
    return sorted(Counter(weights).items(), reverse=True)


def bits(code: PrefixCode, weights: list[int]) -> float:
    """Bits a key, with what the code's lengths cost."""
    lengths = [length for length, count in zip(code.lengths, code.counts, strict=True) for _ in range(count)]
    spent = sum(length * weight for length, weight in zip(lengths, sorted(weights, reverse=True), strict=True))
    return spent / sum(weights) + GROUP_BITS_PER_KEY * len(code.lengths)


def least(weights: list[int]) -> float:
    """What the best code with any set of lengths would take, found by trying them all."""
    ordered = sorted(weights, reverse=True)
    longest = len(weights)
    best = inf
    for count in range(1, LENGTHS_MAX + 1):
        for lengths in combinations(range(1, longest + 1), count):
            for cuts in combinations(range(1, len(ordered)), count - 1):
                counts = [end - start for start, end in pairwise([0, *cuts, len(ordered)])]
                if sum(2.0**-length * some for length, some in zip(lengths, counts, strict=True)) <= 1:
                    best = min(best, bits(PrefixCode(lengths, tuple(counts)), weights))
    return best


@given(WEIGHTS)
def test_any_weights_have_a_code_for_each_symbol(weights: list[int]) -> None:
    code = prefix_code(runs(weights))
    assert code.symbols == len(weights)
    assert bits(code, weights) >= entropy(runs(weights)) - 1e-9
    assert bits(code, weights) <= max(1, (len(weights) - 1).bit_length()) + GROUP_BITS_PER_KEY


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=6))
def test_few_symbols_have_nearly_the_best_code(weights: list[int]) -> None:
    assert bits(prefix_code(runs(weights)), weights) <= least(weights) + 0.1


def test_many_symbols_of_skewed_weights_are_near_their_entropy() -> None:
    weights = [10**9 // rank for rank in range(1, 200_001)]
    code = prefix_code(runs(weights))
    assert len(code.lengths) > 1
    assert bits(code, weights) - GROUP_BITS_PER_KEY * len(code.lengths) < entropy(runs(weights)) + 1


def test_symbols_of_one_weight_have_codewords_of_one_length() -> None:
    assert prefix_code([(7, 1024)]) == PrefixCode((10,), (1024,))
    assert entropy([(7, 1024)]) == 10


def test_a_single_symbol_needs_no_bits() -> None:
    assert prefix_code([(7, 1)]) == PrefixCode((0,), (1,))
    assert entropy([(7, 1)]) == entropy([]) == 0


def test_the_same_weights_give_the_same_code_as_one_run_or_another() -> None:
    assert prefix_code([(8, 1), (1, 8)]) == prefix_code([(80, 1), (10, 8)])


def test_entropy_is_that_of_the_keys() -> None:
    assert entropy([(2, 1), (1, 2)]) == 1.5
    assert entropy([(3, 1), (1, 1)]) == pytest.approx(-0.75 * log2(0.75) + 0.5)


@pytest.mark.parametrize("weights", [[(1, 1), (2, 1)], [(2, 1), (2, 1)], [(0, 1)], [(1, 0)], [(5, 1), (-1, 1)]])
def test_weights_that_do_not_descend_are_refused(weights: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="weights are above 0 and descend"):
        prefix_code(weights)


def test_too_few_and_too_many_symbols_are_refused() -> None:
    with pytest.raises(ValueError, match="not 0"):
        prefix_code([])
    with pytest.raises(ValueError, match="not 4294967296"):
        prefix_code([(1, 2**32)])


@pytest.mark.parametrize(
    ("lengths", "counts", "message"),
    [
        ((), (), "1 to 6 lengths"),
        ((1, 2), (1,), "a count for each"),
        (tuple(range(1, 8)), (1,) * 7, "1 to 6 lengths"),
        ((2, 2), (1, 1), "ascend"),
        ((-1,), (1,), "ascend"),
        ((33,), (1,), "at most 32 bits"),
        ((1, 2), (1, 0), "has symbols"),
        ((32,), (2**32,), "at most 4294967295"),
        ((1, 2), (1, 3), "no room"),
        ((0, 1), (1, 1), "no room"),
    ],
)
def test_a_code_that_cannot_be_is_refused(lengths: tuple[int, ...], counts: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PrefixCode(lengths, counts)
