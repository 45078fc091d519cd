"""A lookup with a delta that is as large as deltas may be, beside one without.

Of the visitors in the delta one half are the snapshot's, with the sets of others; four in ten are new; one in ten is
erased. Asked for are visitors at random, nearly all of whom the delta does not have: all that it adds for them is that
it must be looked into first.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import thread_time
from typing import Final

import numpy as np

from benches.membership_images import EPOCH, KEYS, Asked, Snapshot, sets_of, unit_keys
from benches.membership_lookups import IN_C, IN_PYTHON, LookupEffort
from benches.report import Ratio, Section
from benches.timing import Case, Loop, measure, measure_loops
from benches.visitors import NAMES
from rulecore import Membership
from rulecore.delta import DeltaParts, write_delta

WITHOUT: Final = "without a delta"
WITH: Final = "with a delta"
COST_IN_C: Final = f"{WITH} / {WITHOUT}, in C"
COST_IN_PYTHON: Final = f"{WITH} / {WITHOUT}, from Python"


def measure_deltas(snapshot: Snapshot, entries: int, effort: LookupEffort) -> Section:
    """Of a snapshot, with a delta of so many entries; in turns."""
    path = snapshot.path.with_suffix(".delta")
    write_changes(snapshot, entries, path)
    asked = Asked(np.random.default_rng(1).permutation(snapshot.population.count)[: effort.asked])
    memberships = {WITHOUT: snapshot.membership, WITH: Membership.open(snapshot.path, KEYS, [path])}
    loops = [Loop(name, partial(asked.look_up, of), len(asked)) for name, of in memberships.items()]
    in_c = measure_loops(loops, effort.rounds, IN_C)
    ids = asked.ids()
    cases = [Case(name, "lookup(item)", ids, {"lookup": of.lookup}) for name, of in memberships.items()]
    in_python = measure(cases, effort.seconds, IN_PYTHON, thread_time)
    ratios = [
        Ratio(name, found[1].median / found[0].median)
        for name, found in ((COST_IN_C, in_c), (COST_IN_PYTHON, in_python))
    ]
    title = f"Lookups with a delta of {entries:,} entries, {snapshot.population.count:,} visitors at random"
    return Section(title, [*in_c, *in_python], ratios)


def write_changes(snapshot: Snapshot, entries: int, path: Path) -> None:
    """A delta that follows the snapshot."""
    population = snapshot.population
    draw = np.random.default_rng(4)
    changed = draw.permutation(population.count)[: entries // 2]
    keys = unit_keys(np.concatenate([changed, np.arange(population.count, population.count + entries - len(changed))]))
    numbers, sets = np.unique(population.sets.numbers[draw.integers(0, population.count, entries)], return_inverse=True)
    entry_sets = (sets + 1).astype(np.uint32)
    entry_sets[draw.permutation(entries)[: entries // 10]] = 0
    order = np.argsort(keys)
    starts, members = sets_of(population.visitors, population.sets.first[numbers])
    segments = snapshot.membership.segments
    parts = DeltaParts(
        epoch=EPOCH,
        base=snapshot.membership.base_checksum,
        follows=snapshot.membership.base_checksum,
        version=1,
        segments_before=len(segments),
        segments=(),
        keys=keys[order].data,
        sets=entry_sets[order].data,
        set_starts=starts.data,
        members=np.searchsorted(segments, NAMES)[members].astype(np.uint16).data,
    )
    with path.open("wb") as file:
        write_delta(file, parts)
