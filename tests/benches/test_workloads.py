"""The workloads beside the generator's: they repeat themselves exactly, and their contexts do what their names say."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from benches.generator import NOW, PLACEMENT
from benches.workloads import CARDINALITIES, LIST_ITEMS, LONG_BYTES, WORST_CASES, Workload, long_lists, long_searched
from rulecore import BundleImage, Engine, write_bundle
from tests.oracle import Oracle

RULES = 40
CONTEXTS = 6

every_workload = pytest.mark.parametrize(
    "make", [*CARDINALITIES, *WORST_CASES], ids=[make.__name__ for make in (*CARDINALITIES, *WORST_CASES)]
)
Make = Callable[[int, int], Workload]


@every_workload
def test_same_arguments_give_the_same_workload(make: Make) -> None:
    assert msgspec.json.encode(make(RULES, CONTEXTS)) == msgspec.json.encode(make(RULES, CONTEXTS))


@every_workload
def test_natural_contexts_match_and_unmatched_ones_do_not(make: Make) -> None:
    workload = make(RULES, CONTEXTS)
    assert len(workload.natural) == len(workload.unmatched) == CONTEXTS
    assert len(workload.bundle.placements[0].rules) == RULES
    engine, oracle = Engine(BundleImage(write_bundle(workload.bundle))), Oracle(workload.bundle)
    for context in workload.natural:
        found = engine.decide(PLACEMENT, context, NOW).rule
        assert found is not None
        assert found == oracle.decide(PLACEMENT, context, NOW).rule
    for context in workload.unmatched:
        assert engine.decide(PLACEMENT, context, NOW).reason == "DEFAULT"
        assert engine.decide_json(PLACEMENT, msgspec.json.encode(context), NOW).reason == "DEFAULT"


def test_long_is_long() -> None:
    text, items = long_searched(2, 1).unmatched[0]["text"], long_lists(2, 1).unmatched[0]["items"]
    assert isinstance(text, str)
    assert isinstance(items, list)
    assert len(text) > LONG_BYTES * 9 // 10
    assert len(items) == LIST_ITEMS
