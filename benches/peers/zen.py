"""zen-engine: GoRules' expression language in Rust, rules as a chain of `condition ? rule : ...`.

Its decision tables say the same, but cost 200 microseconds a decision before the first row is looked at; expressions
cost four. Contexts are given as JSON bytes, which it takes fastest.
"""

from __future__ import annotations

import json
from typing import Final

import zen

from benches.generator import Facts
from benches.peers.peer import AnyCheck, AtLeast, Equals, Has, Is, OneOf, checks_of
from rulecore.model import Placement

RULES_AN_EXPRESSION: Final = 500
"""Its compiler recurses: a chain of tens of thousands would overflow the stack, so there are several in turn."""


class Adapter:
    """The rules as compiled expressions."""

    def __init__(self, placement: Placement) -> None:
        links = [f"{_condition(checks_of(rule.when))} ? {json.dumps(rule.id)}" for rule in placement.rules]
        self._expressions = [
            zen.compile_expression(" : ".join([*links[at : at + RULES_AN_EXPRESSION], "null"]))
            for at in range(0, len(links), RULES_AN_EXPRESSION)
        ]

    def prepare(self, context: Facts) -> object:
        """JSON bytes."""
        return json.dumps(context, separators=(",", ":")).encode()

    def decide(self, item: object) -> str | None:
        """The first expression that has a value."""
        for expression in self._expressions:
            found: str | None = expression.evaluate(item)
            if found is not None:
                return found
        return None

    def close(self) -> None:
        """Nothing is running."""


def _condition(checks: list[AnyCheck]) -> str:
    return " and ".join(_source(check) for check in checks) or "true"


def _source(check: AnyCheck) -> str:
    match check:
        case Equals(name, value):
            return f"{name} == {json.dumps(value)}"
        case Is(name, wanted):
            return name if wanted else f"not {name}"
        case OneOf(name, values):
            return f"{name} in {json.dumps(list(values))}"
        case AtLeast(name, least):
            return f"{name} >= {least}"
        case Has(name, value):
            return f"{json.dumps(value)} in {name}"
