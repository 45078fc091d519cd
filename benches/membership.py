"""Snapshots from few visitors to many: all that is measured of them, section by section."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benches.membership_build import measure_build
from benches.membership_decisions import measure_snapshot_decisions
from benches.membership_deltas import measure_deltas
from benches.membership_images import Snapshot, populate
from benches.membership_lookups import LookupEffort, measure_lookups
from benches.membership_promises import FINGERPRINT_BITS
from benches.membership_sizes import measure_sizes
from benches.membership_stores import measure_stores
from benches.report import Section


class MembershipEffort(msgspec.Struct, frozen=True):
    """How much of everything; `visitors` from the fewest to the most, `seconds` a case."""

    visitors: tuple[int, ...]
    delta_entries: int
    decided: int
    contexts: int
    seconds: float
    lookups: LookupEffort


def measure_membership(effort: MembershipEffort) -> Iterator[Section]:
    """Everything, with images in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="edgewise-bench-") as folder:
        snapshots = []
        for count in effort.visitors:
            population = populate(count)
            of_population = [Snapshot(population, bits, Path(folder)) for bits in FINGERPRINT_BITS]
            yield measure_sizes(of_population)
            yield measure_build(of_population[0])
            snapshots.append(of_population[0])
        yield measure_lookups(snapshots, effort.lookups)
        yield measure_deltas(snapshots[-1], effort.delta_entries, effort.lookups)
        yield measure_snapshot_decisions(snapshots[-1], effort.contexts, effort.decided, effort.seconds)
        yield measure_stores(snapshots[0], effort.seconds)
