"""Seriation brings similar things together, and is defined for whatever numbers it gets."""

from __future__ import annotations

import itertools
import random

import hypothesis.strategies as st
from hypothesis import given

from central.segments.seriation import seriate


def matrix(count: int, value_of: list[float]) -> list[list[float]]:
    values = iter(value_of)
    likeness = [[1.0] * count for _ in range(count)]
    for i in range(count):
        for j in range(i):
            likeness[i][j] = likeness[j][i] = next(values)
    return likeness


@given(st.data(), st.integers(0, 12))
def test_each_comes_once_whatever_ties_there_are(data: st.DataObject, count: int) -> None:
    pairs = count * (count - 1) // 2
    values = data.draw(st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0]), min_size=pairs, max_size=pairs))
    assert sorted(seriate(matrix(count, values))) == list(range(count))


def test_clusters_are_contiguous() -> None:
    rng = random.Random(7)
    cluster = [rng.randrange(6) for _ in range(60)]
    values = [
        rng.uniform(0.4, 0.9) if cluster[i] == cluster[j] else rng.uniform(0, 0.2) for i in range(60) for j in range(i)
    ]
    ordered = [cluster[i] for i in seriate(matrix(60, values))]
    assert sum(a != b for a, b in itertools.pairwise(ordered)) == 5


def test_branches_are_turned_so_that_the_ends_more_alike_touch() -> None:
    """A chain, each like its neighbours only, comes out as the chain."""
    chain = [3, 0, 4, 1, 5, 2]
    place = {number: at for at, number in enumerate(chain)}
    values = [1 / (1 + abs(place[i] - place[j])) ** 2 for i in range(6) for j in range(i)]
    assert seriate(matrix(6, values)) in (chain, chain[::-1])
