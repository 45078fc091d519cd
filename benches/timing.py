"""Times small statements side by side. What is timed, and what the figures mean, is left to who asks."""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Sequence
from time import perf_counter
from typing import Final

import msgspec

ROUNDS: Final = 5


class Case(msgspec.Struct, frozen=True):
    """A statement that is run for each `item` of `items`, with `names` in its scope."""

    name: str
    statement: str
    items: Sequence[object]
    names: dict[str, object]


class Figures(msgspec.Struct, frozen=True):
    """Of one case: figures over batches, a batch being all of its items once."""

    name: str
    unit: str
    median: float
    least: float
    p99: float
    batches: int


def measure(cases: Sequence[Case], seconds: float) -> list[Figures]:
    """Nanoseconds an item, each case for about so many seconds.

    All cases take turns in rounds, so that what else the machine does in the meantime meets all of them.
    """
    timers = [timeit.Timer(f"for item in items: {case.statement}", globals=_scope(case)) for case in cases]
    samples: list[list[float]] = [[] for _ in cases]
    for timer in timers:
        timer.timeit(1)  # the first time fills caches and makes workspaces
    for _ in range(ROUNDS):
        for timer, taken in zip(timers, samples, strict=True):
            until = perf_counter() + seconds / ROUNDS
            while perf_counter() < until:
                taken.append(timer.timeit(1))
    return [figures(case.name, "ns", _each(taken, case)) for case, taken in zip(cases, samples, strict=True)]


def figures(name: str, unit: str, samples: Sequence[float]) -> Figures:
    """Of at least one sample."""
    ordered = sorted(samples)
    return Figures(
        name=name,
        unit=unit,
        median=statistics.median(ordered),
        least=ordered[0],
        p99=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        batches=len(ordered),
    )


def _scope(case: Case) -> dict[str, object]:
    return {**case.names, "items": case.items}


def _each(taken: Sequence[float], case: Case) -> list[float]:
    return [seconds * 1e9 / len(case.items) for seconds in taken]
