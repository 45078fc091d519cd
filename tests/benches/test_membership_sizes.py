"""A wrong answer is counted, and so is a stranger taken for a member."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benches.membership_images import KEYS, Asked, Population, Snapshot, populate
from benches.membership_sizes import (
    BYTES,
    TAKEN,
    TAKEN_MAX,
    WRONG,
    measure_sizes,
    sized,
    strangers_taken,
    wrong_answers,
)
from benches.visitors import NAMES, segment_weights
from rulecore import Membership

VISITORS = 2_000


@pytest.fixture(scope="module")
def population() -> Population:
    return populate(VISITORS)


@pytest.fixture
def snapshot(population: Population, tmp_path: Path) -> Snapshot:
    return Snapshot(population, 11, tmp_path)


def test_an_image_has_the_visitors_and_their_segments(snapshot: Snapshot) -> None:
    membership = Membership.open(snapshot.path, KEYS)
    for number, visitor_id in enumerate(Asked(np.arange(300)).ids()):
        found = membership.lookup(visitor_id)
        assert found is not None
        assert sorted(found) == [NAMES[segment] for segment in snapshot.population.visitors.segments(number)]


def test_lookups_in_c_give_the_sums_of_weights(snapshot: Snapshot) -> None:
    asked = Asked(np.arange(100))
    assert asked.look_up(snapshot.membership) == 100
    weights = segment_weights()
    for number, found in enumerate(asked.sums.tolist()):
        of_visitor = snapshot.population.visitors.segments(number)
        assert found == sum(map(int, weights[of_visitor])) % 2**64


def test_a_right_snapshot_has_no_wrong_answer(snapshot: Snapshot) -> None:
    assert wrong_answers(snapshot) == 0


def test_other_visitors_are_wrong_answers(snapshot: Snapshot) -> None:
    snapshot.population = populate(2 * VISITORS)
    assert VISITORS <= wrong_answers(snapshot) <= VISITORS + VISITORS // 100


def test_strangers_are_taken_about_as_often_as_promised(snapshot: Snapshot) -> None:
    assert 50 < strangers_taken(snapshot, 200_000) < 150  # about 98


def test_a_section_says_size_bound_and_answers(snapshot: Snapshot) -> None:
    ratios = {ratio.name: ratio.value for ratio in measure_sizes([snapshot]).ratios}
    assert ratios[sized(BYTES, 11)] == pytest.approx(snapshot.path.stat().st_size / VISITORS)
    assert ratios[sized(WRONG, 11)] == 0
    assert ratios[sized(TAKEN, 11)] <= ratios[sized(TAKEN_MAX, 11)]
