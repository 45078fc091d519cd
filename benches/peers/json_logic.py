"""A placement's rules in JsonLogic, which two peers take: `{"if": [condition, rule, condition, rule, ..., null]}`."""

from __future__ import annotations

from benches.peers.peer import AnyCheck, AtLeast, Equals, Has, Is, OneOf, checks_of
from rulecore.model import Placement

Logic = dict[str, object]


def decision_list(placement: Placement, equals: str) -> Logic:
    """The value is the rule's id. `equals` is the operator that compares strings: "==" or "==="."""
    parts: list[object] = []
    for rule in placement.rules:
        checks = [_logic(check, equals) for check in checks_of(rule.when)]
        parts += [checks[0] if len(checks) == 1 else {"and": checks}, rule.id]
    return {"if": [*parts, None]}


def _logic(check: AnyCheck, equals: str) -> Logic:
    value: Logic = {"var": check.attribute}
    match check:
        case Equals(_, constant):
            return {equals: [value, constant]}
        case Is(_, wanted):
            return value if wanted else {"!": [value]}
        case OneOf(_, constants):
            return {"in": [value, list(constants)]}
        case AtLeast(_, least):
            return {">=": [value, least]}
        case Has(_, constant):
            return {"in": [constant, value]}
