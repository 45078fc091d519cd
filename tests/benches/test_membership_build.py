"""A snapshot that is built from files in another process is the one that was made in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from benches.membership_build import PEAK, SECONDS, measure_build
from benches.membership_images import Snapshot, populate


def test_a_build_says_what_it_took(tmp_path: Path) -> None:
    ratios = {ratio.name: ratio.value for ratio in measure_build(Snapshot(populate(2_000), 16, tmp_path)).ratios}
    assert ratios[SECONDS] > 0
    assert 0.01 < ratios[PEAK] < 1


def test_other_bytes_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="differs from one made in memory"):
        measure_build(Snapshot(populate(2_000), 11, tmp_path))
