"""datalogic-py: JsonLogic in Rust. One `if` of condition and rule in turn, evaluated in a session on JSON text.

Text is what it takes fastest: a dict has to be converted first.
"""

from __future__ import annotations

import json

from datalogic_py import Engine

from benches.generator import Facts
from benches.peers.json_logic import decision_list
from rulecore.model import Placement


class Adapter:
    """The rules as one compiled JsonLogic rule."""

    def __init__(self, placement: Placement) -> None:
        engine = Engine()
        self._rule = engine.compile(decision_list(placement, equals="==="))
        self._evaluate = engine.session().evaluate

    def prepare(self, context: Facts) -> object:
        """JSON text."""
        return json.dumps(context, separators=(",", ":"))

    def decide(self, item: object) -> str | None:
        """The rule's id is the value of the `if`."""
        found: str | None = self._evaluate(self._rule, item)
        return found

    def close(self) -> None:
        """Nothing is running."""
