"""Deciding does not leak: in a process of its own, memory stays where it was while decisions go by the thousand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent.parent
MANY: Final = 100_000
ALL: Final = 1_000_000

PROGRAM: Final = """
import contextlib, gc, sys
import msgspec
from benches.generator import NOW, Scenario
from rulecore import BundleImage, ContextError, Engine, Membership, MembershipKeys, PlacementError, write_bundle
from rulecore.snapshot import write_snapshot

what, decisions = sys.argv[1], int(sys.argv[2])
scenario = Scenario(20, placements=2)
image = write_bundle(scenario.bundle)
keys = MembershipKeys(bytes(16), {1: bytes(16)})
segments = [segment.name for segment in scenario.bundle.segments]
snapshot = write_snapshot({f"visitor {n}": segments for n in range(9)}, keys, 1)
membership = Membership(snapshot, keys)
engine = Engine(BundleImage(image), membership)
first, second = engine.bundle.placements
contexts = scenario.natural(first, 32) + scenario.unmatched(32)
bodies = [msgspec.json.encode(context) for context in contexts]
wrong = [{**context, "device": 5} for context in contexts]
broken = [body[:-1] for body in bodies]

def decide():
    for context in contexts:
        decision = engine.decide(first, context, NOW)
        decision.variant, decision.rule, decision.payload, decision.reason

def decide_json():
    for body in bodies:
        decision = engine.decide_json(first, body, NOW)
        decision.variant, decision.rule, decision.payload, decision.reason

def decide_all():
    for context, body in zip(contexts, bodies):
        engine.decide_all(context, NOW)
        engine.decide_all(body, NOW, [second])

def look_up():
    for n, context in enumerate(contexts):
        membership.lookup(f"visitor {n % 12}")
        engine.decide(second, {"consent": ["personalization"], "visitor_id": f"visitor {n % 12}"}, NOW).variant

def refuse():
    for context, body in zip(wrong, broken):
        with contextlib.suppress(ContextError):
            engine.decide(first, context, NOW)
        with contextlib.suppress(ContextError):
            engine.decide_json(first, body, NOW)
        with contextlib.suppress(PlacementError):
            engine.decide("nowhere", context, NOW)

def explain():
    for context in contexts:
        engine.explain(first, context, NOW)
        engine.matching_segments(context, NOW)

def load():
    for _ in range(64):
        Engine(BundleImage(image), Membership(snapshot, keys)).decide(first, contexts[0], NOW)

def resident_kib():
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4

run = locals()[what]
for _ in range(decisions // 64 // 10):
    run()
before = resident_kib()
for _ in range(decisions // 64):
    run()
print(resident_kib() - before)
"""

# A leak of 16 bytes a decision would be 1.5 MiB in the short run; the allocator's own breathing is far less.
GROWTH_KIB_MAX: Final = 1_024


@pytest.mark.parametrize("decisions", [MANY, pytest.param(ALL, marks=pytest.mark.soak)])
@pytest.mark.parametrize(
    ("what", "part"),
    [
        ("decide", 1),
        ("decide_json", 1),
        ("decide_all", 2),
        ("look_up", 2),
        ("refuse", 2),
        ("explain", 10),
        ("load", 10),
    ],
)
def test_memory_does_not_grow(what: str, part: int, decisions: int) -> None:
    command = [sys.executable, "-c", PROGRAM, what, str(decisions // part)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) <= GROWTH_KIB_MAX
