"""Python source generated from the rules: a function that reads the context once, and an `if` a rule.

No packaged peer, but what a careful programmer could do in an afternoon, and so a floor for any interpreter of rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benches.generator import Facts
from benches.peers.peer import AnyCheck, AtLeast, Equals, Has, Is, OneOf, checks_of
from rulecore.model import Placement

RULES_A_FUNCTION: Final = 2_000
"""The compiler's time grows faster than a function does, so very long lists are cut: each part calls the next."""


class Adapter:
    """The rules as a compiled function."""

    def __init__(self, placement: Placement) -> None:
        rules = [(rule.id, checks_of(rule.when)) for rule in placement.rules]
        names = sorted({check.attribute for _, checks in rules for check in checks})
        variables = {name: f"v{number}" for number, name in enumerate(names)}
        parameters = ", ".join(variables.values())
        parts = [rules[at : at + RULES_A_FUNCTION] for at in range(0, len(rules), RULES_A_FUNCTION)]
        lines = []
        for number, part in enumerate(parts):
            lines.append(f"def part_{number}({parameters}):")
            lines += [
                f"    if {' and '.join(_source(check, variables[check.attribute]) for check in checks) or 'True'}: "
                f"return {rule_id!r}"
                for rule_id, checks in part
            ]
            lines.append(
                f"    return part_{number + 1}({parameters})" if number + 1 < len(parts) else "    return None"
            )
        read = ", ".join("".join(f"[{key!r}]" for key in name.split(".")) for name in names)
        values = ", ".join(f"context{keys}" for keys in read.split(", ")) if names else ""
        lines += ["def decide(context):", f"    return part_0({values})"]
        scope: dict[str, object] = {}
        exec(compile("\n".join(lines), "<rules>", "exec"), scope)  # noqa: S102 - the source is our own
        function = scope["decide"]
        assert callable(function)
        self.decide: Callable[[object], str | None] = function

    def prepare(self, context: Facts) -> object:
        """As it is: nested dicts."""
        return context

    def close(self) -> None:
        """Nothing is running."""


def _source(check: AnyCheck, variable: str) -> str:
    match check:
        case Equals(_, value):
            return f"{variable} == {value!r}"
        case Is(_, wanted):
            return variable if wanted else f"not {variable}"
        case OneOf(_, values):
            return f"{variable} in {values!r}"
        case AtLeast(_, least):
            return f"{variable} >= {least!r}"
        case Has(_, value):
            return f"{value!r} in {variable}"
