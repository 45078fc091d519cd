"""Snapshots as they are: their size beside the bound, and whether their answers are right.

How fast they answer is left to `benches.membership_lookups`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from benches.membership_bound import Bound, bound_of
from benches.membership_images import Asked, Snapshot
from benches.report import Ratio, Section
from benches.visitors import STRANGERS, fingerprints, segment_weights

WRONG: Final = "wrong answers for members"
BYTES: Final = "bytes a visitor"
BOUND: Final = "the least there is"
TAKEN: Final = "strangers taken for members / promised"
TAKEN_MAX: Final = "  what chance may make of it"
WRITE: Final = "seconds to write it from memory"

SIGMAS: Final = 4
"""So many standard deviations a count may lie above what is expected."""

_BATCH: Final = 1 << 20


def sized(what: str, fingerprint_bits: int) -> str:
    """The name of a figure of snapshots with such fingerprints."""
    return f"{what}, 2^-{fingerprint_bits}"


def measure_sizes(snapshots: list[Snapshot]) -> Section:
    """Of snapshots of one population, which are asked for all of it, and for as many strangers."""
    population = snapshots[0].population
    ratios = []
    for snapshot in snapshots:
        bound = bound_of(population, snapshot.fingerprint_bits)
        ratios += [*_sizes(snapshot, bound), *_answers(snapshot)]
    mean = len(population.visitors.members) / population.count
    title = (
        f"Snapshot of {population.count:,} visitors in {mean:.2f} segments each; {len(population.sets):,} distinct sets"
    )
    return Section(title, [], ratios)


def wrong_answers(snapshot: Snapshot) -> int:
    """How many of the members the snapshot doesn't know, or knows with other segments."""
    population, weights = snapshot.population, segment_weights()
    expected = fingerprints(population.visitors, weights)
    wrong = 0
    for first in range(0, population.count, _BATCH):
        asked = Asked(np.arange(first, min(first + _BATCH, population.count)))
        known = asked.look_up(snapshot.membership)
        differing = int((asked.sums != expected[first : first + _BATCH]).sum())
        wrong += max(differing, len(asked) - known)
    return wrong


def strangers_taken(snapshot: Snapshot, strangers: int) -> int:
    """How many of so many unknown visitors the snapshot takes for members."""
    taken = 0
    for first in range(0, strangers, _BATCH):
        numbers = np.arange(STRANGERS + first, STRANGERS + min(first + _BATCH, strangers))
        taken += Asked(numbers).look_up(snapshot.membership)
    return taken


def _sizes(snapshot: Snapshot, bound: Bound) -> Iterator[Ratio]:
    count = snapshot.population.count
    yield Ratio(sized(BYTES, snapshot.fingerprint_bits), snapshot.size_bytes / count)
    for name, size_bytes in snapshot.membership.image.parts:
        yield Ratio(f"  {name}", size_bytes / count)
    yield Ratio(sized(BOUND, snapshot.fingerprint_bits), bound.total)
    yield Ratio("  to tell the set of a visitor", bound.ids)
    yield Ratio("  to tell strangers", bound.strangers)
    yield Ratio("  to tell what the sets are", bound.dictionary)
    yield Ratio(sized(WRITE, snapshot.fingerprint_bits), snapshot.write_seconds)


def _answers(snapshot: Snapshot) -> Iterator[Ratio]:
    yield Ratio(sized(WRONG, snapshot.fingerprint_bits), wrong_answers(snapshot))
    strangers = snapshot.population.count
    promised = strangers / 2**snapshot.fingerprint_bits
    yield Ratio(sized(TAKEN, snapshot.fingerprint_bits), strangers_taken(snapshot, strangers) / promised)
    yield Ratio(sized(TAKEN_MAX, snapshot.fingerprint_bits), 1 + SIGMAS / math.sqrt(promised))
