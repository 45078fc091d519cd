"""What is promised of the decision core, beside what a run measured. It is said, never enforced: times are a machine's.

What gates a change is the count of instructions, which is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from benches.comparison import OURS
from benches.decisions import ALL_AT_ONCE, BYTES, DICT, ONE_OF_TEN, UNDISTURBED, decision_name
from benches.loading import OPEN, PRIVATE, WRITE
from benches.peers.peer import PEERS
from benches.report import NATURAL, NO_MATCH, Comparison, Promise, Section

PACKAGED: Final = tuple(listed.name for listed in PEERS if listed.package is not None)


def keep(
    decisions: Section, calls: Section, worst: Section, loading: Section, comparisons: Sequence[Comparison]
) -> list[Promise]:
    """All promises, in order."""
    return [
        *_decision_times(_medians(decisions)),
        *_speedups(comparisons),
        *_growth(_medians(decisions)),
        *_calls(calls),
        _worst_case(worst),
        Promise(
            "decide_all of 10 placements",
            "decisions' time",
            _over(_medians(decisions), ALL_AT_ONCE, ONE_OF_TEN),
            at_least=3,
            stretch=2,
        ),
        *_loading(loading),
    ]


def _decision_times(medians: dict[str, float]) -> Iterator[Promise]:
    for form, limits in (
        (DICT, ((20, 0.6, 0.35), (2_000, 1.0, 0.5), (20_000, 1.8, 0.8))),
        (BYTES, ((20, 0.6, 0.35), (2_000, 0.8, 0.45), (20_000, 1.1, 0.6))),
    ):
        for rules, at_least, stretch in limits:
            name = decision_name(rules, form, NATURAL)
            yield Promise(f"decision, {name}", "us", _micros(medians.get(name)), at_least, stretch)


def _speedups(comparisons: Sequence[Comparison]) -> Iterator[Promise]:
    for rules, at_least in (20, 7.0), (2_000, 300.0), (20_000, 3_000.0):
        name = f"the fastest packaged peer, {rules:,} rules, no match"
        yield Promise(name, "times ours", _speedup(comparisons, rules), at_least, more_is_better=True)


def _speedup(comparisons: Sequence[Comparison], rules: int) -> float | None:
    for each in comparisons:
        if (each.workload, each.rules, each.contexts) == ("retailer", rules, NO_MATCH):
            ours = each.median(OURS)
            theirs = [median for name in PACKAGED if (median := each.median(name)) is not None]
            return min(theirs) / ours if theirs and ours else None
    return None


def _growth(medians: dict[str, float]) -> Iterator[Promise]:
    for kind, at_least, stretch in (NO_MATCH, 2.0, 1.2), (NATURAL, 4.0, 2.0):
        grown = _over(medians, decision_name(20_000, DICT, kind), decision_name(20, DICT, kind))
        yield Promise(f"growth from 20 to 20,000 rules, dict, {kind}", "times", grown, at_least, stretch)


def _calls(calls: Section) -> Iterator[Promise]:
    for form in DICT, BYTES:
        name = decision_name(20_000, form, NATURAL)
        for each in calls.figures:
            if each.name == name:
                which = " (best of a context's calls)" if each.unit == UNDISTURBED else ""
                yield Promise(f"p99, {name}{which}", "us", _micros(each.p99), at_least=2, stretch=1)


def _worst_case(worst: Section) -> Promise:
    slowest = max(worst.figures, key=lambda each: each.median, default=None)
    name = "the worst case" if slowest is None else f"the worst case ({slowest.name})"
    return Promise(name, "us", _micros(slowest.median) if slowest else None, at_least=30)


def _loading(loading: Section) -> Iterator[Promise]:
    medians = _medians(loading)
    memory = next((ratio.value for ratio in loading.ratios if ratio.name == PRIVATE), None)
    yield Promise("memory for 20,000 rules beyond the mapped image", "MB", memory, at_least=4, stretch=1)
    yield Promise("open an image of 20,000 rules", "ms", medians.get(OPEN), at_least=1)
    yield Promise("write an image of 20,000 rules", "ms", medians.get(WRITE), at_least=500)


def _medians(section: Section) -> dict[str, float]:
    return {each.name: each.median for each in section.figures}


def _over(medians: dict[str, float], above: str, below: str) -> float | None:
    return medians[above] / medians[below] if above in medians and below in medians else None


def _micros(nanoseconds: float | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e3
