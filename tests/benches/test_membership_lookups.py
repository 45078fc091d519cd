"""What a lookup is compared with reads all of as much memory, and each place says the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from benches._walks import follow
from benches.membership_lookups import round_trip


def test_a_round_comes_to_every_line_once(tmp_path: Path) -> None:
    places = round_trip(tmp_path / "places", 64 * 500 + 3)
    assert len(places) == 500 * 16
    seen = [0]
    while (place := follow(places, seen[-1], 1)) != 0:
        seen.append(place)
    assert len(seen) == 500
    assert sorted(seen) == list(range(0, 500 * 16, 16))
    assert follow(places, 0, 500) == 0
    assert follow(places, 0, 499) == seen[-1]


def test_the_file_of_the_round_is_gone_and_its_mapping_stays(tmp_path: Path) -> None:
    assert follow(round_trip(tmp_path / "places", 64 * 10), 0, 10) == 0
    assert list(tmp_path.iterdir()) == []


def test_no_place_beyond_the_end_is_read(tmp_path: Path) -> None:
    with pytest.raises(IndexError):
        follow(round_trip(tmp_path / "places", 64), 16, 1)
    assert follow(memoryview(b"\xff" * 8).cast("I"), 0, 9) == 2**32 - 1
