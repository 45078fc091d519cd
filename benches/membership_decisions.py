"""A decision that looks up the visitor's segments in a snapshot, beside one that is told them.

Every decision is for another visitor, at random among all. Contexts, of which there are as many as elsewhere, are given
the visitor's id before each, and those that state segments the visitor's segments: that takes some of the time.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from time import thread_time
from typing import Final

import numpy as np

from benches.generator import NOW, PLACEMENT, Facts, Scenario
from benches.membership_images import Asked, Snapshot
from benches.peers.store import names_of
from benches.report import Ratio, Section
from benches.timing import Case, measure
from rulecore import BundleImage, Engine, write_bundle

RULES: Final = 2_000
CHECKED: Final = 2_000

LOOKED_UP: Final = "segments looked up"
STATED: Final = "segments stated in the context"
NEITHER: Final = "only the visitor id set in the context"


def measure_snapshot_decisions(snapshot: Snapshot, contexts: int, asked: int, seconds: float) -> Section:
    """With so many contexts, for so many visitors of the snapshot's, in turns."""
    numbers = np.random.default_rng(1).permutation(snapshot.population.count)[:asked]
    ids = Asked(numbers).ids()
    segments = [list(names_of(snapshot.population.visitors.segments(number))) for number in numbers.tolist()]
    scenario = Scenario(RULES)
    engine = Engine(BundleImage(write_bundle(scenario.bundle)), snapshot.membership)
    stated = scenario.natural(PLACEMENT, contexts)
    looked_up = [{name: value for name, value in each.items() if name != "segments"} for each in stated]
    _check(engine, ids, segments, stated, looked_up)
    set_id = "context = next_context(); context['visitor_id'] = item; "
    decide = f"decide({PLACEMENT!r}, context, {NOW})"
    cases = [
        Case(LOOKED_UP, set_id + decide, ids, {"decide": engine.decide, **_in_turn(next_context=looked_up)}),
        Case(
            STATED,
            f"{set_id}context['segments'] = next_segments(); {decide}",
            ids,
            {"decide": engine.decide, **_in_turn(next_context=stated, next_segments=segments)},
        ),
        Case(NEITHER, set_id, ids, _in_turn(next_context=looked_up)),
    ]
    found = measure(cases, seconds, clock=thread_time)
    median = {each.name: each.median for each in found}
    ratios = [Ratio(f"{LOOKED_UP} / {STATED}", median[LOOKED_UP] / median[STATED])]
    title = f"Decisions, {RULES:,} rules, each for another of {snapshot.population.count:,} visitors"
    return Section(title, found, ratios)


def _in_turn(**items: Sequence[object]) -> dict[str, object]:
    return {name: itertools.cycle(each).__next__ for name, each in items.items()}


def _check(
    engine: Engine, ids: list[str], segments: list[list[str]], stated: list[Facts], looked_up: list[Facts]
) -> None:
    """Both ways decide alike."""
    for i, (visitor_id, of_visitor) in enumerate(zip(ids[:CHECKED], segments, strict=False)):
        told = stated[i % len(stated)] | {"visitor_id": visitor_id, "segments": of_visitor}
        asked = looked_up[i % len(stated)] | {"visitor_id": visitor_id}
        if engine.decide(PLACEMENT, told, NOW).rule != engine.decide(PLACEMENT, asked, NOW).rule:
            raise AssertionError(f"visitor {visitor_id} gets another rule when segments are looked up")
