"""Decisions in process, of the engine alone: beside floors, call by call, and where it hurts most."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

import msgspec

from benches.floors import DECODE, FLOOR, bodies, dict_gets, floors
from benches.generator import NOW, PLACEMENT, Scenario, flat
from benches.report import NATURAL, NO_MATCH, Ratio, Section
from benches.timing import Case, Figures, call_by_call, figures, measure
from benches.workloads import WORST_CASES, Workload, retailer
from rulecore import BundleImage, EdgewiseError, Engine, write_bundle

RULES: Final = (20, 200, 2_000, 20_000)
WORST_RULES: Final = 2_000
CALLS_ROUNDS: Final = 5

UNDISTURBED: Final = f"ns, the best of a context's {CALLS_ROUNDS} calls"
"""What is left of single calls when the machine's other work is left out."""

DECODE_ITEM: Final = "item = decode(item)"

ALL_AT_ONCE: Final = "10 placements, decide_all"
ONE_BY_ONE: Final = "10 placements, 10 decides"
ONE_OF_TEN: Final = "10 placements, 1 decide"
DICT: Final = "dict"
BYTES: Final = "bytes"


def decision_name(rules: int, form: str, kind: str) -> str:
    """The name of a decision's figures."""
    return f"{rules:,} rules, {form}, {kind}"


def measure_decisions(contexts: int, seconds: float) -> Section:
    """All cases in turns, each for so many seconds."""
    engines = (case for rules in RULES for case in _decides(retailer(rules, contexts)))
    cases = [*floors(retailer(RULES[0], contexts).natural), *engines, *_ten_placements(contexts)]
    found = measure(cases, seconds)
    median = {each.name: each.median for each in found}
    ratios = [
        Ratio("10 decides / decide_all", median[ONE_BY_ONE] / median[ALL_AT_ONCE]),
        Ratio("decide_all / 1 decide", median[ALL_AT_ONCE] / median[ONE_OF_TEN]),
    ]
    for rules in RULES:
        name = decision_name(rules, BYTES, NATURAL)
        ratios.append(Ratio(f"{name} / msgspec decodes", median[name] / median[DECODE]))
    return Section(f"Decisions in process, {contexts} contexts in turn", found, ratios, floor=FLOOR)


def measure_calls(contexts: int) -> Section:
    """Single calls at the largest number of rules: what the slowest take.

    Each is given a context that was made this moment, as a request's is: it is still in the processor's caches, and
    what it leads to in the image mostly is not. The floors, of nothing and of dict lookups, say what else the machine
    did; *again*, the same call made a second time, says what a decision takes once all that it reads is near.
    """
    workload = retailer(RULES[-1], contexts)
    engine = _engine(workload)
    decode = msgspec.json.decode
    flats = bodies([flat(context) for context in workload.natural])
    found = [
        *_single_calls(Case("nothing", "pass", flats, {})),
        *_single_calls(dict_gets(flats, decode=decode), DECODE_ITEM),
    ]
    for kind, items in (NATURAL, workload.natural), (NO_MATCH, workload.unmatched):
        for form, call, fresh in (
            (DICT, engine.decide, DECODE_ITEM),
            (BYTES, engine.decide_json, "item = bytes(memoryview(item))"),
        ):
            name = decision_name(RULES[-1], form, kind)
            statement = f"call({PLACEMENT!r}, item, {NOW})"
            case = Case(name, statement, bodies(items), {"call": call, "decode": decode})
            found += _single_calls(case, fresh)
            if kind is NATURAL:
                found += _single_calls(msgspec.structs.replace(case, name=f"{name}, again"), f"{fresh}; {statement}")
    return Section(f"Call by call, {contexts:,} contexts", found, [])


def _single_calls(case: Case, before: str = "pass") -> tuple[Figures, Figures]:
    """Of all calls, and of the best of each context's."""
    rounds = call_by_call(case, CALLS_ROUNDS, before)
    undisturbed = [min(taken) for taken in zip(*rounds, strict=True)]
    return figures(case.name, "ns a call", list(itertools.chain(*rounds))), figures(case.name, UNDISTURBED, undisturbed)


def measure_worst_cases(contexts: int, seconds: float) -> Section:
    """The workloads that are chosen to hurt, in turns."""
    cases: list[Case] = []
    notes: list[str] = []
    for make in WORST_CASES:
        workload = make(WORST_RULES, contexts)
        try:
            engine = _engine(workload)
        except EdgewiseError as error:
            notes.append(f"{workload.name}: refused, {error}")
        else:
            cases += _cases(workload, engine, f"{workload.name}, ")
    return Section(
        f"Worst cases, {WORST_RULES:,} rules, {contexts} contexts in turn", measure(cases, seconds), [], notes=notes
    )


def _decides(workload: Workload) -> Iterable[Case]:
    rules = len(workload.bundle.placements[0].rules)
    return _cases(workload, _engine(workload), f"{rules:,} rules, ")


def _cases(workload: Workload, engine: Engine, prefix: str) -> Iterable[Case]:
    names: dict[str, object] = {"decide": engine.decide, "decide_json": engine.decide_json}
    for kind, contexts in (NATURAL, workload.natural), (NO_MATCH, workload.unmatched):
        yield Case(f"{prefix}{DICT}, {kind}", f"decide({PLACEMENT!r}, item, {NOW})", contexts, names)
        yield Case(f"{prefix}{BYTES}, {kind}", f"decide_json({PLACEMENT!r}, item, {NOW})", bodies(contexts), names)


def _ten_placements(contexts: int) -> list[Case]:
    scenario = Scenario(200, placements=10)
    engine = Engine(BundleImage(write_bundle(scenario.bundle)))
    placements = engine.bundle.placements
    names: dict[str, object] = {"decide": engine.decide, "decide_all": engine.decide_all}
    items = scenario.natural(PLACEMENT, contexts)
    return [
        Case(ONE_OF_TEN, f"decide({placements[0]!r}, item, {NOW})", items, names),
        Case(ONE_BY_ONE, "; ".join(f"decide({name!r}, item, {NOW})" for name in placements), items, names),
        Case(ALL_AT_ONCE, f"decide_all(item, {NOW})", items, names),
    ]


def _engine(workload: Workload) -> Engine:
    return Engine(BundleImage(write_bundle(workload.bundle)))
