"""Promises of snapshots are held against the figures of the one with the most visitors."""

from __future__ import annotations

from benches.membership_decisions import LOOKED_UP
from benches.membership_deltas import COST_IN_C
from benches.membership_lookups import IN_ACCESSES, IN_PYTHON, OPEN, RANDOM, lookup_name
from benches.membership_promises import keep_membership
from benches.membership_sizes import BYTES, TAKEN, TAKEN_MAX, WRONG, sized
from benches.report import Promise, Ratio, Section
from benches.timing import figures

FEW = Section("few", [], [Ratio(sized(BYTES, 11), 9.0), Ratio(sized(WRONG, 11), 1), Ratio(sized(WRONG, 16), 0)])
MANY = Section(
    "many",
    [],
    [
        Ratio(sized(BYTES, 11), 5.5),
        Ratio(sized(WRONG, 11), 0),
        Ratio(sized(WRONG, 16), 2),
        Ratio(sized(TAKEN, 16), 1.2),
        Ratio(sized(TAKEN_MAX, 16), 1.3),
    ],
)
LOOKUPS = Section(
    "lookups",
    [
        figures(lookup_name(1_000, RANDOM), IN_PYTHON, [100.0]),
        figures(lookup_name(10_000, RANDOM), "another unit", [300.0]),
        figures(lookup_name(10_000, RANDOM), IN_PYTHON, [500.0]),
        figures(lookup_name(10_000, OPEN), "ms", [0.5]),
    ],
    [Ratio(lookup_name(1_000, IN_ACCESSES), 9.0), Ratio(lookup_name(10_000, IN_ACCESSES), 1.4), Ratio(COST_IN_C, 1.4)],
)
DECISIONS = Section("decisions", [figures(LOOKED_UP, "ns", [1_100.0])], [])


def kept(*sections: Section) -> dict[str, Promise]:
    return {promise.name: promise for promise in keep_membership(sections)}


def test_promises_are_of_the_most_visitors() -> None:
    promises = kept(FEW, MANY, LOOKUPS, DECISIONS)
    assert promises["snapshot, 2^-11"].measured == 5.5
    assert promises["random lookup in C"].verdict == "met"
    assert promises["random lookup from Python"].verdict == "not met"
    assert promises["lookup with a delta, in C"].verdict == "not met"
    assert promises["decision, 2,000 rules, segments looked up"].verdict == "met"
    assert promises["open a snapshot"].verdict == "met"


def test_one_wrong_answer_is_too_many() -> None:
    assert kept(FEW, MANY)["wrong answers for members"].measured == 2
    assert kept(FEW, MANY)["wrong answers for members"].verdict == "not met"
    assert kept(FEW)["wrong answers for members"].measured == 1


def test_strangers_are_counted_with_what_chance_may_make_of_it() -> None:
    assert kept(FEW, MANY)["strangers taken for members, times 2^-16"].verdict == "met"


def test_what_was_not_measured_is_said() -> None:
    assert {promise.verdict for promise in kept().values()} == {"not measured"}
