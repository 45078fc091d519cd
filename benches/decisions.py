"""Decisions in process, beside floors: the least that Python can do with the same context."""

from __future__ import annotations

from typing import Final

import msgspec

from benches.generator import ATTRIBUTES, NOW, Facts, Scenario, flat
from benches.report import Ratio, Section
from benches.timing import Case, measure
from rulecore import BundleImage, Engine, murmur3_32, write_bundle

RULES: Final = (20, 200, 2_000)
CONTEXTS: Final = 64
PLACEMENT: Final = "placement_00"

FLOOR: Final = "no-op call"
"""What the others are compared with: a Python function of three arguments that does nothing."""

DECODE: Final = "msgspec decodes the bytes"
ALL_AT_ONCE: Final = "10 placements, decide_all"
ONE_BY_ONE: Final = "10 placements, 10 decides"


def measure_decisions(seconds: float) -> Section:
    """All cases in turns, each for so many seconds."""
    cases = [*_floors(), *(case for rules in RULES for case in _decides(rules)), *_ten_placements()]
    found = measure(cases, seconds)
    median = {each.name: each.median for each in found}
    ratios = [Ratio("10 decides / decide_all", median[ONE_BY_ONE] / median[ALL_AT_ONCE])]
    for rules in RULES:
        name = f"{rules:,} rules, bytes, natural"
        ratios.append(Ratio(f"{name} / msgspec decodes", median[name] / median[DECODE]))
    return Section(f"Decisions in process, {CONTEXTS} contexts in turn", found, ratios, floor=FLOOR)


def _floors() -> list[Case]:
    contexts = Scenario(RULES[0]).natural(PLACEMENT, CONTEXTS)
    names = sorted({*ATTRIBUTES, "segments"})
    gets = "; ".join(f"get({name!r})" for name in names)
    visitors = [str(context["visitor_id"]).encode() for context in contexts]
    return [
        Case(FLOOR, f"noop({PLACEMENT!r}, item, {NOW})", contexts, {"noop": _noop}),
        Case(f"{len(names)} dict gets", f"get = item.get; {gets}", [flat(context) for context in contexts], {}),
        Case(DECODE, "decode(item)", _bodies(contexts), {"decode": msgspec.json.decode}),
        Case("murmur3 of a visitor id", "murmur(item, 0)", visitors, {"murmur": murmur3_32}),
    ]


def _decides(rules: int) -> list[Case]:
    scenario = Scenario(rules)
    engine = _engine(scenario)
    names: dict[str, object] = {"decide": engine.decide, "decide_json": engine.decide_json}
    cases = []
    for kind, contexts in (
        ("natural", scenario.natural(PLACEMENT, CONTEXTS)),
        ("no match", scenario.unmatched(CONTEXTS)),
    ):
        for form, call, items in (("dict", "decide", contexts), ("bytes", "decide_json", _bodies(contexts))):
            name = f"{rules:,} rules, {form}, {kind}"
            cases.append(Case(name, f"{call}({PLACEMENT!r}, item, {NOW})", items, names))
    return cases


def _ten_placements() -> list[Case]:
    scenario = Scenario(200, placements=10)
    engine = _engine(scenario)
    placements = engine.bundle.placements
    names: dict[str, object] = {"decide": engine.decide, "decide_all": engine.decide_all, "placements": placements}
    contexts = scenario.natural(PLACEMENT, CONTEXTS)
    return [
        Case(ONE_BY_ONE, "; ".join(f"decide({name!r}, item, {NOW})" for name in placements), contexts, names),
        Case(ALL_AT_ONCE, f"decide_all(item, {NOW})", contexts, names),
    ]


def _engine(scenario: Scenario) -> Engine:
    return Engine(BundleImage(write_bundle(scenario.bundle)))


def _bodies(contexts: list[Facts]) -> list[bytes]:
    return [msgspec.json.encode(context) for context in contexts]


def _noop(_placement: str, _context: Facts, _now: int) -> None:
    return None
