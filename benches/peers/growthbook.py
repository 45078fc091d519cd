"""growthbook: one feature whose rules are tried in order, each with a condition and a forced value."""

from __future__ import annotations

from growthbook import GrowthBook

from benches.generator import Facts
from benches.peers.peer import AnyCheck, AtLeast, Equals, Has, Is, OneOf, checks_of
from rulecore.model import Placement


class Adapter:
    """The rules as one feature of an instance that is given new attributes for each decision.

    An instance a decision, as its documentation has it for web servers, would read all rules anew each time.
    """

    def __init__(self, placement: Placement) -> None:
        self._feature = placement.name
        rules = [{"condition": _condition(checks_of(rule.when)), "force": rule.id} for rule in placement.rules]
        self._growthbook = GrowthBook(features={placement.name: {"defaultValue": None, "rules": rules}})

    def prepare(self, context: Facts) -> object:
        """As it is: nested dicts."""
        return context

    def decide(self, item: object) -> str | None:
        """The rule's id is the feature's value."""
        self._growthbook.set_attributes(item)
        found: str | None = self._growthbook.eval_feature(self._feature).value
        return found

    def close(self) -> None:
        """End what it may have started."""
        # It empties the attributes that it was given last, and those are the caller's.
        self._growthbook.set_attributes({})
        self._growthbook.destroy()


def _condition(checks: list[AnyCheck]) -> dict[str, object]:
    # Each attribute is tested once a rule in our workloads.
    return {check.attribute: _value(check) for check in checks}


def _value(check: AnyCheck) -> object:
    match check:
        case Equals(_, value) | Is(_, value):
            return value
        case OneOf(_, values):
            return {"$in": list(values)}
        case AtLeast(_, least):
            return {"$gte": least}
        case Has(_, value):
            return {"$elemMatch": {"$eq": value}}
