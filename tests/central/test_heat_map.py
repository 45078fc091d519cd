"""A picture comes out for few segments and for many, large enough to be read and small enough to be opened."""

from __future__ import annotations

import struct

import pytest

from central.segments.heat_map import draw
from central.segments.overlap import Measure, Overlap


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize("count", [1, 2, 5, 100])
def test_each_segment_has_room_for_its_name(count: int) -> None:
    found = Overlap(
        [f"segment_{i}" for i in range(count)], [100] * count, [[(i + j) % 50 for j in range(i)] for i in range(count)]
    )
    width, height = size_of(draw(found, Measure.JACCARD, "what they share"))
    assert 10 * count < min(width, height)
    assert max(width, height) < 2_000


def test_segments_that_share_nobody_and_have_none_are_drawn() -> None:
    found = Overlap(["$a", "b_$"], [0, 3], [[], [0]])
    assert draw(found, Measure.SMALLER, "") == draw(found, Measure.SMALLER, "")
