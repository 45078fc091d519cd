"""What is promised of snapshots, beside what a run measured of the one with the most visitors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from benches.membership_build import PEAK, SECONDS
from benches.membership_decisions import LOOKED_UP
from benches.membership_deltas import COST_IN_C, COST_IN_PYTHON
from benches.membership_lookups import (
    GROWTH_IN_C,
    GROWTH_IN_PYTHON,
    IN_ACCESSES,
    IN_PYTHON,
    OPEN,
    PRIVATE,
    RANDOM,
)
from benches.membership_sizes import BYTES, TAKEN, TAKEN_MAX, WRONG, sized
from benches.report import Promise, Section

FINGERPRINT_BITS: Final = (16, 11)
"""What snapshots have unless asked for other ones, and what the smallest is promised with."""


def keep_membership(sections: Sequence[Section]) -> Iterator[Promise]:
    """In order. `sections` are as `benches.membership` gives them, those with the most visitors last."""
    usual, few = FINGERPRINT_BITS
    yield Promise(f"snapshot, 2^-{few}", "bytes a visitor", _ratio(sections, sized(BYTES, few)), at_least=6)
    for bits in usual, few:
        chance = _ratio(sections, sized(TAKEN_MAX, bits))
        taken = _ratio(sections, sized(TAKEN, bits))
        yield Promise(f"strangers taken for members, times 2^-{bits}", "", taken, at_least=chance or 1)
    wrong = [_ratio(sections, sized(WRONG, bits)) for bits in FINGERPRINT_BITS]
    total = None if None in wrong else sum(each for each in wrong if each is not None)
    yield Promise("wrong answers for members", "", total, at_least=0)
    yield Promise("building the snapshot from Parquet", "s", _ratio(sections, SECONDS), at_least=30)
    yield Promise("building the snapshot from Parquet", "GB", _ratio(sections, PEAK), at_least=4)
    yield Promise("random lookup in C", "memory accesses", _ratio(sections, IN_ACCESSES), at_least=1.5)
    yield Promise("random lookup from Python", "ns", _median(sections, IN_PYTHON, RANDOM), at_least=400)
    yield Promise("open a snapshot", "ms", _median(sections, "ms", OPEN), at_least=1)
    for name, ending in (
        ("growth to ten times the visitors, in C", GROWTH_IN_C),
        ("growth to ten times the visitors, from Python", GROWTH_IN_PYTHON),
    ):
        yield Promise(name, "times", _ratio(sections, ending), at_least=2)
    for name, ending in ("lookup with a delta, in C", COST_IN_C), ("lookup with a delta, from Python", COST_IN_PYTHON):
        yield Promise(name, "times without", _ratio(sections, ending), at_least=1.3)
    yield Promise("decision, 2,000 rules, segments looked up", "ns", _median(sections, "ns", LOOKED_UP), at_least=1_200)
    yield Promise("private memory for a snapshot", "MB", _ratio(sections, PRIVATE), at_least=30)


def _ratio(sections: Sequence[Section], ending: str) -> float | None:
    found = [ratio.value for section in sections for ratio in section.ratios if ratio.name.endswith(ending)]
    return found[-1] if found else None


def _median(sections: Sequence[Section], unit: str, ending: str) -> float | None:
    found = [
        each.median
        for section in sections
        for each in section.figures
        if each.unit == unit and each.name.endswith(ending)
    ]
    return found[-1] if found else None
