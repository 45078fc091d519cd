"""A snapshot beside what else could hold the same: bytes a visitor, and time to tell one visitor's segments.

Visitors are asked for at random, all of them if the store is fast enough to notice. A store is timed only if it gives
the snapshot's answers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

import numpy as np

from benches.membership_images import Population, Snapshot
from benches.peers.store import STORES, ListedStore, Members, Way, ids_of
from benches.report import Ratio, Section
from benches.timing import Case, measure
from benches.visitors import visitor_ids

OURS: Final = "snapshot"
CHECKED: Final = 500
ASKED_MAX: Final = 200_000


def measure_stores(snapshot: Snapshot, seconds: float) -> Section:
    """The snapshot and every store that is installed, in turns, each for about so many seconds."""
    population = snapshot.population
    ids = visitor_ids(np.arange(population.count)).to_pylist()
    members = Members(population.visitors, population.sets, ids, population.unit_keys.tobytes())
    asked = np.random.default_rng(1).permutation(population.count).tolist()
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="edgewise-bench-") as folder, ExitStack() as running:
        ways = [_snapshot_way(snapshot, ids)]
        for listed in STORES:
            if listed.version() is None:
                notes.append(f"{listed.name}: not installed")
            else:
                ways += _ways(listed, members, Path(folder), running)
        for way in ways:
            check(way, population, asked[:CHECKED])
        cases = [
            Case(way.name, way.statement, [way.prepare(number) for number in asked[: way.asked_max]], way.names)
            for way in ways
        ]
        found = measure(cases, seconds)
        ratios = [Ratio(f"bytes a visitor: {way.name}", way.size_bytes / population.count) for way in ways]
    title = f"Who holds {population.count:,} visitors, each asked for at random"
    return Section(title, found, ratios, floor=OURS, notes=notes)


def check(way: Way, population: Population, asked: Iterable[int]) -> None:
    """Raise AssertionError if a store does not give these visitors' segments."""
    for number in asked:
        answer = eval(way.statement, way.names | {"item": way.prepare(number)})  # noqa: S307 - statements are our own
        if way.read(answer) != population.visitors.segments(number):
            raise AssertionError(f"{way.name} gives other segments for visitor {number}: {answer!r}")


def _snapshot_way(snapshot: Snapshot, ids: list[str]) -> Way:
    names = {"lookup": snapshot.membership.lookup}
    return Way(OURS, "lookup(item)", names, ids.__getitem__, ids_of, ASKED_MAX, snapshot.size_bytes)


def _ways(listed: ListedStore, members: Members, folder: Path, running: ExitStack) -> Iterator[Way]:
    store = running.enter_context(closing(listed.load_store()(members, folder)))
    for way in store.ways():
        yield Way(f"{listed.name}, {way.name}", *(getattr(way, name) for name in way.__struct_fields__[1:]))
