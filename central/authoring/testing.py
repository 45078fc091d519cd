"""Runs the tests beside the rules through the real engine, and finds the rules that they do not try.

Every rule needs a test that it decides, and one of the same placement that it does not decide.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from central.authoring.cases import Case, Expectation
from central.authoring.dates import instant
from central.authoring.diagnostics import Problems
from central.authoring.load import Sources
from rulecore import Decision, Engine
from rulecore.errors import ContextError
from rulecore.explanation import Explanation, FormulaTrace, Outcome, RuleTrace, Truth
from rulecore.model import NO_VARIANT, Bundle

DEFAULT_NOW: Final = instant("2026-01-01T12:00:00Z", "UTC")
"""When a test decides whose context has no `now`."""

_WHY_PREDICATES_MAX: Final = 3


class Tested(msgspec.Struct, frozen=True):
    """How many tests there are, how many hold, and how often each rule was tried and decided."""

    tests: int
    passed: int
    asked: dict[str, int]
    decided: dict[str, int]


def run_tests(engine: Engine, cases: Iterable[Case], problems: Problems) -> Tested:
    """Decide every expectation of every test; those that do not come true are reported."""
    tests = passed = 0
    asked: dict[str, int] = {}
    decided: dict[str, int] = {}
    for case in cases:
        tests += 1
        holds = True
        for expectation in case.expect:
            try:
                decision = engine.decide(expectation.placement, case.context, DEFAULT_NOW)
            except ContextError as error:
                place = case.places.get(error.attribute or "", case.place)
                problems.error(place, f"the context can't be taken: {error}")
                holds = False
                break
            asked[expectation.placement] = asked.get(expectation.placement, 0) + 1
            won = decision.held_out[0] if decision.held_out else decision.rule
            if won is not None:
                decided[won] = decided.get(won, 0) + 1
            if not _as_expected(expectation, decision):
                holds = False
                explanation = engine.explain(expectation.placement, case.context, DEFAULT_NOW)
                _report(case, expectation, explanation, problems)
        passed += holds
    return Tested(tests, passed, asked, decided)


def check_coverage(bundle: Bundle, sources: Sources, tested: Tested, problems: Problems) -> None:
    """Report the rules that no test reaches, and those that every test of their placement reaches."""
    for placement in bundle.placements:
        asked = tested.asked.get(placement.name, 0)
        for rule, written in zip(placement.rules, sources.placements[placement.name].rules, strict=True):
            if not rule.enabled or not placement.enabled:
                continue
            decided = tested.decided.get(rule.id, 0)
            if not decided:
                expected = f"a test of {placement.name} that the rule decides"
                problems.error(written.at("id"), f"no test reaches the rule {rule.id!r}", expected=expected)
            elif decided == asked:
                expected = f"a test of {placement.name} that it does not decide"
                problems.error(written.at("id"), f"every test reaches the rule {rule.id!r}", expected=expected)


def _as_expected(expectation: Expectation, got: Decision) -> bool:
    wanted_rule = None if expectation.rule == NO_VARIANT else expectation.rule
    return (
        got.variant == expectation.variant
        and expectation.reason in (None, got.reason)
        and (expectation.rule is None or wanted_rule == got.rule)
    )


def _report(case: Case, expectation: Expectation, got: Explanation, problems: Problems) -> None:
    """Report a decision that is not what was expected."""
    wanted = [expectation.variant]
    decided = [got.variant]
    if expectation.reason is not None:
        wanted.append(f"reason {expectation.reason}")
    decided.append(f"reason {got.reason}")
    if expectation.rule is not None:
        wanted.append(f"rule {expectation.rule}")
    decided.append(f"rule {got.rule or NO_VARIANT}")
    problems.error(
        expectation.place,
        f"{case.name}: {expectation.placement} is {', '.join(decided)}",
        expected=", ".join(wanted),
        why=why(got),
    )


def why(got: Explanation) -> str:
    """In a line, what became of each rule up to the one that decided."""
    if got.holdout is not None and got.held_out is not None:
        return f"held out by {got.holdout} from {got.held_out[1]} of {got.held_out[0]}"
    lines = []
    for trace in got.rules:
        if trace.outcome is Outcome.NOT_REACHED:
            break
        lines.append(f"{trace.rule}: {_why_of(trace)}")
    return "; ".join(lines)


def _why_of(trace: RuleTrace) -> str:
    if trace.outcome is not Outcome.CONDITION or trace.condition is None:
        return f"{trace.outcome}, {trace.detail}" if trace.detail else str(trace.outcome)
    failed = _failed(trace.condition)
    more = f" and {len(failed) - _WHY_PREDICATES_MAX} more" if len(failed) > _WHY_PREDICATES_MAX else ""
    return " and ".join(failed[:_WHY_PREDICATES_MAX]) + more


def _failed(trace: FormulaTrace) -> list[str]:
    """The predicates for which a condition does not hold."""
    if trace.holds:
        return []
    if trace.predicate is None:
        return [text for part in trace.of for text in _failed(part)]
    value = "an error" if trace.predicate.value is Truth.ERROR else trace.predicate.value
    grounds = f" ({trace.predicate.why})" if trace.predicate.why else ""
    return [f"{trace.predicate.text} is {value}{grounds}"]
