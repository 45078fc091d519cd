"""Threads decide while others map, link, swap and drop releases: each answer is wholly that of one release."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest

from rulecore import (
    BundleImage,
    ContextError,
    Decision,
    Engine,
    Membership,
    MembershipKeys,
    SnapshotImage,
    write_bundle,
)
from rulecore.model import Bundle
from rulecore.snapshot import write_snapshot
from tests.deltas import delta_on
from tests.rulecore.turns import lets_others_run
from tests.samples import CONTEXTS, sample_bundle

NOW: Final = 1_795_000_000_000_000
KEYS: Final = MembershipKeys(bytes(16), {1: bytes(16), 2: bytes([2] * 16)})
DECIDERS: Final = 4
LOADERS: Final = 2
KEPT: Final = 50
"""Decisions that a thread holds on to, though their release may be gone."""

BODIES: Final = [msgspec.json.encode(context) for context in CONTEXTS]
BROKEN: Final = BODIES[2][:-1]


@pytest.fixture(autouse=True)
def switch_often() -> Iterator[None]:
    """Let threads take turns far more often than they would."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def other_bundle() -> Bundle:
    """The same placements with the rules of `hero` the other way round, so that others win."""
    sample = sample_bundle()
    turned = [
        msgspec.structs.replace(placement, rules=tuple(reversed(placement.rules))) for placement in sample.placements
    ]
    return msgspec.structs.replace(sample, name="other", placements=tuple(turned))


class Releases:
    """Two releases as files, and the engine of the one that was loaded last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for number, (bundle, segments) in enumerate(((sample_bundle(), {"vip"}), (other_bundle(), set[str]())), 1):
            (folder / f"{number}.bundle").write_bytes(write_bundle(bundle))
            members = {"v1": segments | {"new"}, "v2": {"vip"}}
            (folder / f"{number}.snapshot").write_bytes(write_snapshot(members, KEYS, number, {"tier": {"v1": "gold"}}))
        self.now = self.load(1)

    def load(self, number: int) -> Engine:
        """Map, verify and link one of the two."""
        membership = Membership.open(self._folder / f"{number}.snapshot", KEYS)
        return Engine(BundleImage.open(self._folder / f"{number}.bundle"), membership)


def told(decision: Decision) -> tuple[object, ...]:
    """All that is read from a decision's image after it was made."""
    return (
        *(decision.release, decision.placement, decision.variant, decision.reason, decision.rule),
        *(decision.payload, decision.block, decision.experiment, decision.holdout),
    )


def answers(engine: Engine) -> list[object]:
    """What an engine says of all contexts, by every way of asking."""
    said: list[object] = []
    for context, body in zip(CONTEXTS, BODIES, strict=True):
        said += [told(decision) for decision in engine.decide_all(context, NOW)]
        said += [told(engine.decide("hero", context, NOW)), told(engine.decide_json("hero", body, NOW))]
        said += [repr(engine.explain("hero", body, NOW)), engine.matching_segments(context, NOW)]
    return said


def loads_while_deciding(releases: Releases, loads: int) -> list[str]:
    """What went wrong while so many releases came and went."""
    engines = [releases.load(number) for number in (1, 2)]
    expected = {engine.release: answers(engine) for engine in engines}
    assert len({repr(said) for said in expected.values()}) == 2
    del engines
    wrong: list[str] = []
    done = threading.Event()

    def decide(seed: int) -> None:
        chance = random.Random(seed)
        kept: list[tuple[Decision, tuple[object, ...]]] = []
        while not done.is_set():
            engine = releases.now
            if answers(engine) != expected[engine.release]:
                wrong.append(f"answers that are not those of {engine.release}")
            try:
                engine.decide_json("hero", BROKEN, NOW)
                wrong.append("a broken body was taken")
            except ContextError:
                pass
            decision = engine.decide("hero", chance.choice(CONTEXTS), NOW)
            kept.append((decision, told(decision)))
            del engine, decision
            if len(kept) > KEPT:
                kept.pop(chance.randrange(KEPT))
            wrong.extend(f"{known} has changed" for held, known in kept if told(held) != known)

    def load(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(loads):
            releases.now = releases.load(chance.choice((1, 2)))

    deciders = [threading.Thread(target=decide, args=(number,)) for number in range(DECIDERS)]
    loaders = [threading.Thread(target=load, args=(number,)) for number in range(LOADERS)]
    for thread in (*deciders, *loaders):
        thread.start()
    for thread in loaders:
        thread.join()
    done.set()
    for thread in deciders:
        thread.join()
    return wrong


@pytest.mark.parametrize("loads", [500, pytest.param(10_000, marks=pytest.mark.soak)])
def test_deciding_goes_on_while_releases_come_and_go(tmp_path: Path, loads: int) -> None:
    assert loads_while_deciding(Releases(tmp_path), loads) == []


def test_whoever_verifies_a_snapshot_lets_others_run() -> None:
    image = SnapshotImage(write_snapshot({}, KEYS, 1, {"note": {f"v{n}": f"{n:09000}" for n in range(200)}}))
    assert lets_others_run(lambda: image.verify)


def test_whoever_lays_deltas_on_a_snapshot_lets_others_run() -> None:
    base = write_snapshot({"v1": {"vip"}}, KEYS, 1)
    delta = delta_on([base], {f"v{n}": ["vip"] for n in range(5_000)}, KEYS)
    assert lets_others_run(lambda: lambda: Membership(base, KEYS, [delta]))
