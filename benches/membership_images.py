"""Visitors as the snapshot images that the benchmarks ask, and who is asked for.

Images are built right from arrays: how files are read and sorted is `central.segments`' matter.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from benches._walks import look_up
from benches.visitors import (
    NAMES,
    Numbers,
    Sets,
    Visitors,
    draw_visitors,
    number_sets,
    segment_weights,
    visitor_ids,
)
from rulecore import Membership, MembershipKeys
from rulecore.snapshot import Parts, write_image

EPOCH: Final = 1
KEYS: Final = MembershipKeys(bytes(range(16)), {EPOCH: bytes(range(16, 32))})


class Population(msgspec.Struct, frozen=True):
    """Visitors with their distinct sets and unit keys. Visitor i has the id `visitor_id(i)`."""

    visitors: Visitors
    sets: Sets
    unit_keys: npt.NDArray[np.uint64]

    @property
    def count(self) -> int:
        """Of the visitors."""
        return self.visitors.count


class Snapshot:
    """A population's image with fingerprints of so many bits, opened."""

    def __init__(self, population: Population, fingerprint_bits: int, folder: Path) -> None:
        self.population = population
        self.fingerprint_bits = fingerprint_bits
        self.path = folder / f"{population.count}-{fingerprint_bits}.snapshot"
        start = perf_counter()
        write_population(population, fingerprint_bits, self.path)
        self.write_seconds = perf_counter() - start
        self.size_bytes = self.path.stat().st_size
        self.membership = Membership.open(self.path, KEYS)


class Asked:
    """Visitors by number: their ids for a C loop, and for Python."""

    def __init__(self, numbers: Numbers) -> None:
        self._array = visitor_ids(numbers)
        self.sums = np.empty(len(numbers), np.uint64)

    def __len__(self) -> int:
        return len(self.sums)

    def look_up(self, membership: Membership) -> int:
        """One after the other; gives how many are known, and leaves the sums of their segments' weights in `sums`."""
        _, offsets, text = self._array.buffers()
        weights = segment_weights()[np.searchsorted(NAMES, membership.segments)]
        return look_up(
            membership, memoryview(offsets).cast("i"), memoryview(text).cast("B"), weights.data, self.sums.data, 0
        )

    def ids(self) -> list[str]:
        """As Python has them."""
        found: list[str] = self._array.to_pylist()
        return found


def populate(count: int) -> Population:
    """So many visitors of the seed's."""
    visitors = draw_visitors(count)
    return Population(visitors, number_sets(visitors), unit_keys(np.arange(count)))


def unit_keys(numbers: Numbers) -> npt.NDArray[np.uint64]:
    """Of visitors by their numbers."""
    _, offsets, text = visitor_ids(numbers).buffers()
    pseudonyms = KEYS.pseudonyms(offsets, text, 0, len(numbers), offset_bytes=4)
    return np.frombuffer(KEYS.unit_keys(EPOCH, pseudonyms), np.uint64)


def sets_of(visitors: Visitors, some: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint16]]:
    """Where the set of each of some visitors begins, and where the last one ends; the segments of all of them."""
    begins = visitors.starts[some]
    sizes = visitors.starts[some + 1] - begins
    starts = np.zeros(len(some) + 1, np.int64)
    np.cumsum(sizes, out=starts[1:])
    members = visitors.members[np.arange(starts[-1]) + np.repeat(begins - starts[:-1], sizes)]
    return starts.astype(np.uint32), members


def write_population(population: Population, fingerprint_bits: int, path: Path) -> None:
    """As a snapshot image."""
    order = np.argsort(population.unit_keys)
    of_rows = population.sets.numbers[order]
    appears = np.empty(len(population.sets), np.int64)
    appears[of_rows[::-1]] = np.arange(population.count)[::-1]  # of a set's rows the first is written last, and stays
    appearance = np.argsort(appears)
    starts, members = sets_of(population.visitors, population.sets.first[appearance])
    present = np.unique(members)
    parts = Parts(
        epoch=EPOCH,
        segments=[NAMES[segment] for segment in present],
        keys=population.unit_keys[order].data,
        sets=np.argsort(appearance).astype(np.uint32)[of_rows].data,
        set_starts=starts.data,
        members=np.searchsorted(present, members).astype(np.uint16).data,
        fingerprint_bits=fingerprint_bits,
    )
    with path.open("wb") as file:
        write_image(file, parts)
