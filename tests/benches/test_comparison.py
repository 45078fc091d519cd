"""Peers are compared only where they agree; who is left out is said, and why."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from benches.comparison import OURS, OURS_BYTES, Comparer
from benches.floors import FLOOR
from benches.generator import Facts
from benches.peers.generated import Adapter
from benches.peers.peer import PEERS, InexpressibleError, Listed
from benches.report import NATURAL, NO_MATCH
from benches.workloads import Workload, retailer
from rulecore.model import Placement

GENERATED = PEERS[0]


class Contrary(Adapter):
    """A peer that never finds a rule."""

    def prepare(self, context: Facts) -> object:
        return context | {"segments": [], "city": "", "country": ""}


class Dumb(Adapter):
    """A peer that can't say anything."""

    def __init__(self, placement: Placement) -> None:
        raise InexpressibleError(f"nothing of {placement.name}")


@pytest.fixture(scope="module")
def workload() -> Workload:
    return retailer(20, 4)


def listed(monkeypatch: pytest.MonkeyPatch, adapter: type[Adapter]) -> Listed:
    module = ModuleType(f"benches.peers.{adapter.__name__}")
    module.__dict__["Adapter"] = adapter
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return Listed("another", None, adapter.__name__)


def test_all_engines_have_figures_on_both_kinds_of_contexts(workload: Workload) -> None:
    natural, no_match = Comparer([GENERATED]).compare(workload, seconds=0.001)
    assert (natural.contexts, no_match.contexts) == (NATURAL, NO_MATCH)
    for comparison in natural, no_match:
        assert (comparison.workload, comparison.rules) == ("retailer", 20)
        assert [each.name for each in comparison.figures] == [FLOOR, OURS, OURS_BYTES, GENERATED.name]
        assert comparison.median(OURS) == comparison.figures[1].median
        assert comparison.median("nobody") is None


def test_a_peer_that_disagrees_is_reported_and_not_timed(workload: Workload, monkeypatch: pytest.MonkeyPatch) -> None:
    comparer = Comparer([listed(monkeypatch, Contrary)])
    for comparison in comparer.compare(workload, seconds=0.001):
        assert comparison.median("another") is None
    assert "retailer, 20 rules: says None, not placement_00-rule_" in comparer.notes[0].excluded[0]


def test_a_peer_that_lacks_the_words_is_reported(workload: Workload, monkeypatch: pytest.MonkeyPatch) -> None:
    comparer = Comparer([listed(monkeypatch, Dumb)])
    comparer.compare(workload, seconds=0.001)
    assert comparer.notes[0].excluded == ["retailer, 20 rules: nothing of placement_00"]


def test_a_peer_that_is_not_installed_is_reported(workload: Workload) -> None:
    comparer = Comparer([Listed("another", "edgewise-has-no-such-package", "none")])
    assert [each.name for each in comparer.compare(workload, seconds=0.001)[0].figures] == [FLOOR, OURS, OURS_BYTES]
    assert comparer.notes[0].excluded == ["not installed"]
