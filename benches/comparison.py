"""The engine beside its peers: the same rules, the same contexts, in turns, with floors.

A peer is timed on a workload only if it gives our answer to every context of it. What they are is in `benches.peers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from time import perf_counter
from typing import Final

from benches.floors import FLOOR, bodies, no_op
from benches.generator import NOW, PLACEMENT
from benches.peers.peer import InexpressibleError, Listed, Peer
from benches.report import NATURAL, NO_MATCH, Comparison, PeerNote
from benches.timing import Case, measure
from benches.workloads import Workload
from rulecore import BundleImage, Engine, write_bundle

OURS: Final = "edgewise"
"""A dict goes in."""

OURS_BYTES: Final = "edgewise, bytes"

ITEMS_MIN: Final = 2
UNMATCHED_MIN: Final = 8
CHECK_SECONDS_MAX: Final = 0.5


class Comparer:
    """Compares on one workload after another, and remembers which peer had to be left out where."""

    def __init__(self, peers: Sequence[Listed]) -> None:
        self._peers = peers
        self._notes: dict[str, list[str]] = {listed.name: [] for listed in peers}
        self._installed = [listed for listed in peers if listed.version() is not None]
        for listed in peers:
            if listed not in self._installed:
                self._notes[listed.name].append("not installed")

    @property
    def notes(self) -> list[PeerNote]:
        """One for each peer."""
        return [PeerNote(listed.name, listed.version() or "", self._notes[listed.name]) for listed in self._peers]

    def compare(self, workload: Workload, seconds: float) -> list[Comparison]:
        """On natural contexts and on those without a match, each case for about so many seconds."""
        engine = Engine(BundleImage(write_bundle(workload.bundle)))
        with ExitStack() as running:
            peers: dict[str, Peer] = {}
            for listed in self._installed:
                peer = self._agreeing(listed, workload, engine, running)
                if peer is not None:
                    peers[listed.name] = peer
            return [
                self._compare(workload, NATURAL, engine, peers, seconds),
                self._compare(workload, NO_MATCH, engine, peers, seconds),
            ]

    def _agreeing(self, listed: Listed, workload: Workload, engine: Engine, running: ExitStack) -> Peer | None:
        placement = workload.bundle.placements[0]
        where = f"{workload.name}, {len(placement.rules):,} rules"
        try:
            peer = listed.load()(placement)
        except InexpressibleError as error:
            self._notes[listed.name].append(f"{where}: {error}")
            return None
        running.callback(peer.close)
        until = perf_counter() + CHECK_SECONDS_MAX
        for number, context in enumerate((*workload.natural, *workload.unmatched)):
            # Those without a match take slow peers long, and are alike.
            if number >= len(workload.natural) + UNMATCHED_MIN and perf_counter() > until:
                break
            ours, theirs = engine.decide(PLACEMENT, context, NOW).rule, peer.decide(peer.prepare(context))
            if ours != theirs:
                self._notes[listed.name].append(f"{where}: says {theirs}, not {ours}")
                return None
        return peer

    @staticmethod
    def _compare(workload: Workload, kind: str, engine: Engine, peers: dict[str, Peer], seconds: float) -> Comparison:
        contexts = workload.natural if kind == NATURAL else workload.unmatched
        ours = f"({PLACEMENT!r}, item, {NOW})"
        cases = [
            Case(FLOOR, f"call{ours}", contexts, {"call": no_op}),
            Case(OURS, f"call{ours}", contexts, {"call": engine.decide}),
            Case(OURS_BYTES, f"call{ours}", bodies(contexts), {"call": engine.decide_json}),
        ]
        for name, peer in peers.items():
            items: list[object] = [peer.prepare(context) for context in contexts]
            if kind == NO_MATCH:
                items = items[: _affordable(peer, items, seconds / 10)]
            cases.append(Case(name, "call(item)", items, {"call": peer.decide}))
        rules = len(workload.bundle.placements[0].rules)
        return Comparison(workload.name, rules, kind, measure(cases, seconds))


def _affordable(peer: Peer, items: list[object], seconds: float) -> int:
    """How many decisions without a match, which all take about as long, go into so many seconds."""
    start = perf_counter()
    peer.decide(items[0])
    return max(ITEMS_MIN, min(len(items), round(seconds / (perf_counter() - start))))
