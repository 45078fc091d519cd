"""yggdrasil-engine: Unleash's evaluator in Rust. A toggle with a strategy of constraints for each rule.

Its properties are strings alone. So numbers and bools are given as text, which its numeric operators read, and a list
as one text with a comma before and after each element, in which an element is looked for with its commas.
"""

from __future__ import annotations

import json

from yggdrasil_engine.engine import UnleashEngine

from benches.generator import Facts, flat
from benches.peers.peer import AnyCheck, AtLeast, Equals, Has, Is, OneOf, checks_of
from rulecore.model import Placement


class Adapter:
    """The rules as strategies, each with a variant of its own: the rule's id."""

    def __init__(self, placement: Placement) -> None:
        self._toggle = placement.name
        self._engine = UnleashEngine()
        feature = {
            "name": placement.name,
            "enabled": True,
            "strategies": [_strategy(rule.id, checks_of(rule.when)) for rule in placement.rules],
        }
        warnings = self._engine.take_state(json.dumps({"version": 2, "features": [feature]}))
        assert warnings is None, warnings

    def prepare(self, context: Facts) -> object:
        """A user id and properties."""
        properties = {name: _text(value) for name, value in flat(context).items()}
        return {"userId": properties["visitor_id"], "properties": properties}

    def decide(self, item: object) -> str | None:
        """The rule's id is the variant's name."""
        variant = self._engine.check_variant(self._toggle, item).variant
        return variant.name if variant.enabled else None

    def close(self) -> None:
        """Nothing is running."""


def _strategy(rule_id: str, checks: list[AnyCheck]) -> dict[str, object]:
    return {
        "name": "flexibleRollout",
        "parameters": {"rollout": "100", "stickiness": "userId", "groupId": rule_id},
        "constraints": [_constraint(check) for check in checks],
        "variants": [{"name": rule_id, "weight": 1000, "stickiness": "userId"}],
    }


def _constraint(check: AnyCheck) -> dict[str, object]:
    constraint: dict[str, object] = {"contextName": check.attribute}
    match check:
        case Equals(_, value) | Is(_, value):
            return constraint | {"operator": "IN", "values": [_text(value)]}
        case OneOf(_, values):
            return constraint | {"operator": "IN", "values": list(values)}
        case AtLeast(_, least):
            return constraint | {"operator": "NUM_GTE", "value": _text(least)}
        case Has(_, value):
            return constraint | {"operator": "STR_CONTAINS", "values": [f",{value},"]}


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f",{','.join(value)},"
        case _:
            return str(value)
