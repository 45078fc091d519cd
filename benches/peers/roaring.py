"""pyroaring: a compressed bitmap of visitors for each segment, asked one after the other.

A bitmap holds numbers, so it is given visitors that are numbered already, without gaps: the smallest that it can be.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pyroaring

from benches.peers.store import Members, Way
from benches.visitors import NAMES

ASKED_MAX: Final = 1_000


class Adapter:
    """Counts the bitmaps as they are written to a file; in memory they are hardly larger."""

    def __init__(self, members: Members, folder: Path) -> None:  # noqa: ARG002 - it stays in memory
        visitors = members.visitors
        owners = np.repeat(np.arange(visitors.count, dtype=np.uint32), np.diff(visitors.starts))
        ordered = owners[np.argsort(visitors.members, kind="stable")]
        ends = np.cumsum(np.bincount(visitors.members, minlength=len(NAMES)))
        self._bitmaps = [pyroaring.BitMap(of_segment) for of_segment in np.split(ordered, ends[:-1])]
        for bitmap in self._bitmaps:
            bitmap.run_optimize()

    def ways(self) -> list[Way]:
        statement = "[segment for segment, bitmap in bitmaps if item in bitmap]"
        names = {"bitmaps": list(enumerate(self._bitmaps))}
        size_bytes = sum(len(bitmap.serialize()) for bitmap in self._bitmaps)
        return [Way(f"{len(self._bitmaps)} tests", statement, names, int, list, ASKED_MAX, size_bytes)]

    def close(self) -> None:
        self._bitmaps.clear()
