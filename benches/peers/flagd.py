"""openfeature-flagd-core: flagd's evaluator, in Python. JsonLogic as the targeting of a flag."""

from __future__ import annotations

import json

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from benches.generator import Facts
from benches.peers.json_logic import decision_list
from rulecore.model import Placement


class Adapter:
    """The rules as a flag whose variants are the rules' ids."""

    def __init__(self, placement: Placement) -> None:
        self._flag = placement.name
        flag = {
            "state": "ENABLED",
            "variants": {rule.id: rule.id for rule in placement.rules} | {"none": ""},
            "defaultVariant": "none",
            "targeting": decision_list(placement, equals="==="),
        }
        self._core = FlagdCore()
        self._core.set_flags(json.dumps({"flags": {placement.name: flag}}))

    def prepare(self, context: Facts) -> object:
        """As it is: nested dicts."""
        return context

    def decide(self, item: object) -> str | None:
        """The rule's id is the flag's value."""
        assert isinstance(item, dict)
        context = EvaluationContext(item["visitor_id"], item)
        found = self._core.resolve_string_value(self._flag, "", context).value
        return found or None

    def close(self) -> None:
        """Nothing is running."""
