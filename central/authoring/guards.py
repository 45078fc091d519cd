"""The `when` of rules and segments: one condition or a list of them, compiled by `conditions.py`.

The same text means the same everywhere in a bundle, so it is compiled once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from central.authoring.conditions import compile_condition
from central.authoring.scope import Scope
from central.authoring.source import Located
from central.authoring.yaml_nodes import Node, Scalar, ScalarOrigin, Sequence
from rulecore.model import Attr, Call, Expr, Has, InSegment, Quantifier, Type

_WORD: Final = re.compile(r"[a-z][a-z0-9_.]*")


class Guards:
    """Compiles conditions. Those that name an attribute that is declared wrongly are left alone."""

    def __init__(self, scope: Scope, broken: frozenset[str]) -> None:
        self._scope = scope
        self._broken = broken
        self._compiled: dict[str, Expr] = {}

    def compile(self, owner: Located) -> Expr | None:
        """What `when` says; None when it is not given, or was reported."""
        node = owner.value("when")
        if node is None:
            return None
        items: list[Node] = node.items if isinstance(node, Sequence) else [node]
        parts = [part for item in items if isinstance(item, Scalar) and (part := self._one(item))]
        if len(parts) < 2:
            return parts[0] if parts else None
        return Call("and", tuple(parts), Type.BOOL)

    def _one(self, scalar: Scalar) -> Expr | None:
        known = self._compiled.get(scalar.text)
        if known is not None:
            return known
        missing = not scalar.text and not scalar.style  # which was reported
        if missing or (self._broken and self._broken.intersection(_WORD.findall(scalar.text))):
            return None
        compiled = compile_condition(scalar.text, self._scope, ScalarOrigin(scalar))
        if compiled is not None:
            self._compiled[scalar.text] = compiled
        return compiled


def used_in(conditions: Iterable[Expr]) -> tuple[set[str], set[str]]:
    """The names of the attributes and of the segments that conditions name. What is shared is looked at once."""
    attributes: set[str] = set()
    segments: set[str] = set()
    for condition in {id(condition): condition for condition in conditions}.values():
        for one in named_in(condition):
            (segments if isinstance(one, InSegment) else attributes).add(one.name)
    return attributes, segments


def named_in(expr: Expr) -> Iterator[Attr | Has | InSegment]:
    """Every attribute and segment that an expression names, as often as it does."""
    pending: list[Expr] = [expr]
    while pending:
        one = pending.pop()
        match one:
            case Attr() | Has() | InSegment():
                yield one
            case Call():
                pending.extend(one.args)
            case Quantifier():
                pending += [one.items, one.body]
