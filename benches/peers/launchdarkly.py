"""launchdarkly-server-sdk: a flag with a rule of clauses for each of ours, given in memory, without any network.

Its own source of data from files reads them as YAML where PyYAML is installed, and takes a minute for 20,000 rules.
"""

from __future__ import annotations

import logging
import threading

from ldclient import Config, Context, LDClient
from ldclient.interfaces import FeatureStore
from ldclient.versioned_data_kind import FEATURES, SEGMENTS

from benches.generator import Facts
from benches.peers.peer import AnyCheck, AtLeast, Equals, Has, Is, OneOf, checks_of
from rulecore.model import Placement

# It says at each start that it has no network and sends no events.
logging.getLogger("ldclient").setLevel(logging.CRITICAL)


class Adapter:
    """The rules as a flag whose variations are the rules' ids."""

    def __init__(self, placement: Placement) -> None:
        self._flag = placement.name
        flag = _flag(placement)

        def source(_config: Config, store: FeatureStore, ready: threading.Event) -> _Source:
            return _Source(flag, store, ready)

        config = Config("none", update_processor_class=source, send_events=False, diagnostic_opt_out=True)
        self._client = LDClient(config)

    def prepare(self, context: Facts) -> object:
        """Nested dicts with the kind and the key that a context of theirs has."""
        return {**context, "kind": "user", "key": context["visitor_id"]}

    def decide(self, item: object) -> str | None:
        """The rule's id is the flag's value."""
        found: str | None = self._client.variation(self._flag, Context.from_dict(item), None)
        return found

    def close(self) -> None:
        """End its threads."""
        self._client.close()


class _Source:
    """Puts one flag into the client's store: an `UpdateProcessor` of its."""

    def __init__(self, flag: dict[str, object], store: FeatureStore, ready: threading.Event) -> None:
        self._flag = flag
        self._store = store
        self._ready = ready

    def start(self) -> None:
        """All at once."""
        self._store.init({FEATURES: {self._flag["key"]: self._flag}, SEGMENTS: {}})
        self._ready.set()

    def stop(self) -> None:
        """Nothing is running."""

    def initialized(self) -> bool:
        """Always, once it has started."""
        return True


def _flag(placement: Placement) -> dict[str, object]:
    rules = [
        {
            "id": rule.id,
            "clauses": [_clause(check) for check in checks_of(rule.when)],
            "variation": number,
            "trackEvents": False,
        }
        for number, rule in enumerate(placement.rules)
    ]
    return {
        "key": placement.name,
        "version": 1,
        "on": True,
        "salt": "",
        "variations": [*(rule.id for rule in placement.rules), None],
        "rules": rules,
        "fallthrough": {"variation": len(rules)},
        "offVariation": len(rules),
        "targets": [],
        "prerequisites": [],
    }


def _clause(check: AnyCheck) -> dict[str, object]:
    operator, values = _operator(check)
    # With a kind, the attribute is a reference, which begins with a slash where it reaches into an object.
    reference = f"/{check.attribute.replace('.', '/')}"
    return {"contextKind": "user", "attribute": reference, "op": operator, "values": values, "negate": False}


def _operator(check: AnyCheck) -> tuple[str, list[object]]:
    match check:
        case Equals(_, value) | Is(_, value) | Has(_, value):
            return "in", [value]
        case OneOf(_, values):
            return "in", list(values)
        case AtLeast(_, least):
            return "greaterThanOrEqual", [least]
