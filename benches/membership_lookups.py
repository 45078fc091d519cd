"""How long a lookup takes, beside one access to as much memory as the snapshot has.

Visitors are asked for at random among all of them, so that what a lookup needs lies where the last one was not.
*Memory access* is what somebody must pay who finds a visitor's place at once, and nothing of it in a cache: a file that
is many times larger than those, mapped as the snapshot is, of lines of 64 bytes, each of which says which is read next,
in one random round over all of them. Neither it nor the lookups in C begin before the one before has ended, and both
pay for what the processor must look up of the mapping's pages.
Times are of the processor, so who else wants it does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, thread_time
from typing import Final

import msgspec
import numpy as np

from benches._walks import follow
from benches.membership_images import KEYS, Asked, Snapshot
from benches.membership_memory import private_bytes
from benches.report import Ratio, Section
from benches.timing import Case, Figures, Loop, figures, measure, measure_loops
from benches.visitors import STRANGERS
from rulecore import Membership
from rulecore.mapping import map_file

IN_C: Final = "ns, one after the other in C"
IN_PYTHON: Final = "ns, from Python"

RANDOM: Final = "at random"
FEW: Final = "the same 1,000"
UNKNOWN: Final = "strangers"
ACCESS: Final = "memory access"

OPEN: Final = "open"
IN_ACCESSES: Final = "lookup in C / memory access"
GROWTH_IN_C: Final = "most visitors / fewest, in C"
GROWTH_IN_PYTHON: Final = "most visitors / fewest, from Python"
PRIVATE: Final = "private memory of a process that looks up, MB"

_LINE_BYTES: Final = 64
_PLACES_A_LINE: Final = _LINE_BYTES // 4
_WARM: Final = 1_000


class LookupEffort(msgspec.Struct, frozen=True):
    """How many visitors are asked for in a round, how often, seconds of a case in Python, and beside what memory."""

    asked: int
    memory_bytes: int
    rounds: int
    opens: int
    seconds: float


def lookup_name(visitors: int, who: str) -> str:
    """The name of a figure."""
    return f"{visitors:,} visitors, {who}"


def measure_lookups(snapshots: Sequence[Snapshot], effort: LookupEffort) -> Section:
    """Of snapshots from the one with the fewest visitors to the one with the most, all in turns."""
    places = round_trip(snapshots[0].path.with_suffix(".places"), effort.memory_bytes)
    loops = [Loop(ACCESS, partial(follow, places, 0, effort.asked), effort.asked)]
    cases: list[Case] = []
    for snapshot in snapshots:
        count, membership = snapshot.population.count, snapshot.membership
        some = np.random.default_rng(1).permutation(count)[: effort.asked]
        groups = (RANDOM, some), (FEW, np.resize(some[:_WARM], len(some))), (UNKNOWN, some + STRANGERS)
        for who, numbers in groups:
            name, asked = lookup_name(count, who), Asked(numbers)
            loops.append(Loop(name, partial(asked.look_up, membership), len(asked)))
            cases.append(Case(name, "lookup(item)", asked.ids(), {"lookup": membership.lookup}))
    in_c = measure_loops(loops, effort.rounds, IN_C)
    in_python = measure(cases, effort.seconds, IN_PYTHON, thread_time)
    found = [*in_c, *in_python, *_opened(snapshots, effort.opens)]
    ratios = list(_ratios(in_c, in_python, [snapshot.population.count for snapshot in snapshots]))
    if Path("/proc/self/smaps_rollup").exists():
        ratios.append(Ratio(PRIVATE, private_bytes(snapshots[-1]) / 1e6))
    return Section(f"Lookups, {effort.asked:,} visitors in turn", found, ratios)


def round_trip(path: Path, size: int) -> memoryview:
    """A file of so many bytes, mapped: places of four bytes, of which the first in each line leads on."""
    lines = size // _LINE_BYTES
    route = np.random.default_rng(2).permutation(lines).astype(np.uint32)
    places = np.zeros((lines, _PLACES_A_LINE), np.uint32)
    places[route, 0] = np.roll(route, -1) * np.uint32(_PLACES_A_LINE)
    places.tofile(path)
    mapped = memoryview(map_file(path)).cast("I")
    path.unlink()
    return mapped


def _opened(snapshots: Sequence[Snapshot], opens: int) -> Iterator[Figures]:
    for snapshot in snapshots:
        taken = []
        for _ in range(opens):
            start = perf_counter()
            Membership.open(snapshot.path, KEYS)
            taken.append((perf_counter() - start) * 1e3)
        yield figures(lookup_name(snapshot.population.count, OPEN), "ms", taken)


def _ratios(in_c: Sequence[Figures], in_python: Sequence[Figures], counts: Sequence[int]) -> Iterator[Ratio]:
    c, python = ({each.name: each.median for each in some} for some in (in_c, in_python))
    for count in counts:
        of = c[lookup_name(count, RANDOM)] / c[ACCESS]
        yield Ratio(lookup_name(count, IN_ACCESSES), of)
    for name, medians in (GROWTH_IN_C, c), (GROWTH_IN_PYTHON, python):
        yield Ratio(name, medians[lookup_name(counts[-1], RANDOM)] / medians[lookup_name(counts[0], RANDOM)])
