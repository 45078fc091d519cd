"""The engine beside its peers: the same rules, the same contexts, in turns, with floors.

A peer is timed on a workload only if it gives our answer to every context of it. What they are is in `benches.peers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from time import perf_counter
from typing import Final

import msgspec

from benches.generator import NOW, PLACEMENT
from benches.peers.peer import PEERS, InexpressibleError, Listed, Peer
from benches.report import NATURAL, NO_MATCH, Comparison, PeerNote
from benches.timing import Case, measure
from benches.workloads import Workload
from rulecore import BundleImage, Engine, write_bundle

OURS: Final = "edgewise"
"""A dict goes in."""

OURS_BYTES: Final = "edgewise, JSON bytes"
FLOOR: Final = "no-op call"

ITEMS_MIN: Final = 2


class Comparer:
    """Compares on one workload after another, and remembers which peer had to be left out where."""

    def __init__(self, names: Sequence[str] | None = None) -> None:
        """With the peers of these names that are installed; None: all."""
        self._listed: list[Listed] = []
        self._notes: dict[str, list[str]] = {}
        for listed in PEERS:
            if names is None or listed.name in names:
                if listed.version() is None:
                    self._notes[listed.name] = ["not installed"]
                else:
                    self._notes[listed.name] = []
                    self._listed.append(listed)

    @property
    def notes(self) -> list[PeerNote]:
        """One for each peer."""
        versions = {listed.name: listed.version() or "" for listed in PEERS}
        return [PeerNote(name, versions[name], notes) for name, notes in self._notes.items()]

    def compare(self, workload: Workload, seconds: float) -> list[Comparison]:
        """On natural contexts and on those without a match, each case for about so many seconds."""
        engine = Engine(BundleImage(write_bundle(workload.bundle)))
        with ExitStack() as running:
            peers: dict[str, Peer] = {}
            for listed in self._listed:
                peer = self._agreeing(listed, workload, engine, running)
                if peer is not None:
                    peers[listed.name] = peer
            return [
                self._compare(workload, NATURAL, engine, peers, seconds),
                self._compare(workload, NO_MATCH, engine, peers, seconds),
            ]

    def _agreeing(self, listed: Listed, workload: Workload, engine: Engine, running: ExitStack) -> Peer | None:
        where = (
            f"{workload.name}, {workload.bundle.placements[0].name}: {len(workload.bundle.placements[0].rules):,} rules"
        )
        try:
            peer = listed.load()(workload.bundle.placements[0])
        except InexpressibleError as error:
            self._notes[listed.name].append(f"{where}: {error}")
            return None
        running.callback(peer.close)
        # Those without a match take slow peers long, and are alike.
        for context in (*workload.natural, *workload.unmatched[:8]):
            ours, theirs = engine.decide(PLACEMENT, context, NOW).rule, peer.decide(peer.prepare(context))
            if ours != theirs:
                self._notes[listed.name].append(f"{where}: says {theirs}, not {ours}")
                return None
        return peer

    @staticmethod
    def _compare(workload: Workload, kind: str, engine: Engine, peers: dict[str, Peer], seconds: float) -> Comparison:
        contexts = workload.natural if kind == NATURAL else workload.unmatched
        ours = f"({PLACEMENT!r}, item, {NOW})"
        bodies = [msgspec.json.encode(context) for context in contexts]
        cases = [
            Case(FLOOR, f"call{ours}", contexts, {"call": _noop}),
            Case(OURS, f"call{ours}", contexts, {"call": engine.decide}),
            Case(OURS_BYTES, f"call{ours}", bodies, {"call": engine.decide_json}),
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


def _noop(_placement: str, _context: object, _now: int) -> None:
    return None
