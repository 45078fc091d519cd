"""Times small statements side by side. What is timed, and what the figures mean, is left to who asks."""

from __future__ import annotations

import contextlib
import gc
import statistics
import timeit
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter, perf_counter_ns, thread_time_ns
from typing import Final

import msgspec

ROUNDS: Final = 5


class Case(msgspec.Struct, frozen=True):
    """A statement that is run for each `item` of `items`, with `names` in its scope."""

    name: str
    statement: str
    items: Sequence[object]
    names: dict[str, object]


class Loop(msgspec.Struct, frozen=True):
    """A call that does something for so many items by itself."""

    name: str
    run: Callable[[], object]
    items: int


class Figures(msgspec.Struct, frozen=True):
    """Of one case: figures over batches, a batch being all of its items once, or over single calls."""

    name: str
    unit: str
    median: float
    least: float
    p99: float
    batches: int


def measure(
    cases: Sequence[Case], seconds: float, unit: str = "ns", clock: Callable[[], float] = perf_counter
) -> list[Figures]:
    """Nanoseconds an item, each case for about so many seconds, and at least for one batch a round.

    All cases take turns in rounds, so that what else the machine does in the meantime meets all of them. With the clock
    `time.thread_time` it meets none of them, but in caches: that is for who waits for nobody.
    """
    timers = [timeit.Timer(f"for item in items: {case.statement}", "pass", clock, _scope(case)) for case in cases]
    samples: list[list[float]] = [[] for _ in cases]
    for timer in timers:
        timer.timeit(1)  # the first time fills caches and makes workspaces
    for _ in range(ROUNDS):
        for timer, taken in zip(timers, samples, strict=True):
            until = perf_counter() + seconds / ROUNDS
            while True:
                taken.append(timer.timeit(1))
                if perf_counter() >= until:
                    break
    return [figures(case.name, unit, _each(taken, case)) for case, taken in zip(cases, samples, strict=True)]


def measure_loops(loops: Sequence[Loop], rounds: int, unit: str) -> list[Figures]:
    """Nanoseconds of this thread's processor time an item, in turns."""
    samples: list[list[float]] = [[] for _ in loops]
    for loop in loops:
        loop.run()
    with _no_collection():
        for _ in range(rounds):
            for loop, taken in zip(loops, samples, strict=True):
                start = thread_time_ns()
                loop.run()
                taken.append((thread_time_ns() - start) / loop.items)
    return [figures(loop.name, unit, taken) for loop, taken in zip(loops, samples, strict=True)]


def call_by_call(case: Case, rounds: int, before: str = "pass") -> list[list[int]]:
    """Nanoseconds of the statement for each single item, a list a round, less what it takes to read the clock twice.

    The statement `before` is not timed.
    """
    source = f"""def run():
    for item in items:
        {before}
        start = clock()
        {case.statement}
        append(clock() - start)"""
    taken: list[list[int]] = []
    nothing = statistics.median(_clock_pairs(10_000))
    with _no_collection():
        for _ in range(rounds):
            some: list[int] = []
            scope = _scope(case) | {"clock": perf_counter_ns, "append": some.append}
            exec(source, scope)  # noqa: S102 - as timeit does, so that there is no call but the statement's own
            exec("run()", scope)  # noqa: S102 - the same
            taken.append([max(0, round(each - nothing)) for each in some])
    return taken


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


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """As in timeit, nobody's garbage is collected at the cost of who happens to be timed."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _clock_pairs(count: int) -> list[int]:
    taken = []
    for _ in range(count):
        start = perf_counter_ns()
        taken.append(perf_counter_ns() - start)
    return taken


def _scope(case: Case) -> dict[str, object]:
    return {**case.names, "items": case.items}


def _each(taken: Sequence[float], case: Case) -> list[float]:
    return [seconds * 1e9 / len(case.items) for seconds in taken]
