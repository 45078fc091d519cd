"""The least that a snapshot could take, where it is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benches.membership_bound import bound_of
from benches.membership_images import Population, populate
from benches.visitors import Visitors, number_sets


def population(*sets: list[int]) -> Population:
    starts = np.cumsum([0, *map(len, sets)])
    visitors = Visitors(len(sets), starts, np.concatenate([np.array(each, np.uint16) for each in sets]))
    return Population(visitors, number_sets(visitors), np.arange(len(sets), dtype=np.uint64))


def test_one_set_needs_no_bytes_but_to_tell_strangers() -> None:
    bound = bound_of(population(*[[1, 2]] * 8), fingerprint_bits=16)
    assert (bound.ids, bound.strangers, bound.dictionary) == (0, 2, 0)


def test_equally_frequent_sets_take_the_logarithm_of_their_number() -> None:
    bound = bound_of(population(*[[1], [2], [3], [4]] * 4), fingerprint_bits=8)
    assert bound.ids == pytest.approx(2 / 8)
    assert bound.total == bound.ids + 1 + bound.dictionary


def test_sets_are_told_by_segments_and_in_any_order_among_equals() -> None:
    bound = bound_of(population([1], [1], [2], [1, 2], [1, 2], [3]), fingerprint_bits=0)
    presence = 4 * sum(-p * math.log2(p) - (1 - p) * math.log2(1 - p) for p in (2 / 4, 2 / 4, 1 / 4))
    assert bound.dictionary == pytest.approx((presence - 2 * math.log2(2)) / 6 / 8)


def test_a_bound_is_of_the_order_of_a_few_bytes() -> None:
    assert 4 < bound_of(populate(50_000), fingerprint_bits=16).total < 8
