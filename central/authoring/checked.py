"""What the checker knows of a part of a condition, and the means that all its checks share."""

from __future__ import annotations

import abc

import msgspec

from central.authoring.diagnostics import Origin, nearest
from central.authoring.scope import SEGMENTS, Scope
from central.authoring.signatures import Inner, Kind
from central.authoring.syntax_tree import Group, Name, Node
from central.authoring.wording import a, one_of, to_be_bool
from rulecore import model
from rulecore.model import Type

_SOURCE_CHARS_MAX = 60


class Checked(msgspec.Struct, frozen=True):
    """An expression with its type. Without one there was a problem in it, or it makes sense only to its caller.

    `values`, unless empty, are all that it (or an element of it) can be.
    """

    expr: model.Expr | None = None
    kind: Kind = Inner.UNKNOWN
    values: tuple[str, ...] | tuple[int, ...] = ()


def bare(node: Node) -> Node:
    """The node without parentheses."""
    return node.inner if isinstance(node, Group) else node


class Checks(abc.ABC):
    """One condition being checked: its text, where problems go, and the variables of the quantifiers around."""

    def __init__(self, text: str, scope: Scope, origin: Origin) -> None:
        self.text = text
        self.scope = scope
        self.origin = origin
        self.failed = False
        self.terms = 0
        self.variables: list[tuple[model.Var, tuple[str, ...] | tuple[int, ...]]] = []

    @abc.abstractmethod
    def check(self, node: Node, near: Checked | None = None) -> Checked:
        """Checks a node, reporting its problems. `near` is what it is compared with: it explains a bare word."""

    def report(self, at: int, message: str, expected: str = "", nearest: str = "") -> None:
        """A problem at an offset of the condition."""
        self.failed = True
        self.scope.problems.error(self.origin.position(at), message, expected=expected, nearest=nearest)

    def source(self, node: Node) -> str:
        """The node as written, on one line and not too long."""
        text = " ".join(self.text[node.start : node.end].split())
        return text if len(text) <= _SOURCE_CHARS_MAX else f"{text[: _SOURCE_CHARS_MAX - 3]}..."

    def made(self, op: str, parts: list[Checked], kind: Type) -> Checked:
        """A call of the model, unless one of its parts has failed."""
        args = tuple(part.expr for part in parts if part.expr is not None)
        return Checked(model.Call(op, args, kind) if len(args) == len(parts) else None, kind)

    def constant(self, node: Node, near: Checked | None = None) -> Checked:
        """Checks what must be a constant."""
        checked = self.check(node, near)
        expr = checked.expr
        version = isinstance(expr, model.Call) and expr.op == "semver" and isinstance(expr.args[0], model.Const)
        if checked.kind is not Inner.UNKNOWN and expr is not None and not isinstance(expr, model.Const) and not version:
            self.report(node.start, f"a list holds constants, `{self.source(node)}` is none", "`x == a || x == b`")
            return Checked()
        return checked

    def among_values(self, node: Node, constant: Checked, other: Checked) -> None:
        """Reports a constant that something with a list of allowed values can never be."""
        if not other.values or not isinstance(constant.expr, model.Const) or constant.expr.value in other.values:
            return
        name = other.expr.name if isinstance(other.expr, model.Attr | model.Var) else "it"
        value = constant.expr.value
        near = nearest(value, map(str, other.values)) if isinstance(value, str) else ""
        self.report(node.start, f"{self.source(node)} is no value of `{name}`", one_of(other.values), near)

    def truth(self, node: Node, why: str) -> Checked:
        """Checks what must be true or false; `why` begins the message if it is not."""
        checked = self.check(node)
        if checked.kind not in (Type.BOOL, Inner.UNKNOWN):
            text = self.source(node)
            self.report(node.start, f"{why}, `{text}` is {a(checked.kind)}", to_be_bool(text, checked.kind))
            return Checked(None, Type.BOOL)
        return checked

    # Segments

    def is_segments(self, node: Node) -> bool:
        inner = bare(node)
        return isinstance(inner, Name) and inner.name == SEGMENTS and all(v.name != SEGMENTS for v, _ in self.variables)

    def segments_misused(self, node: Node) -> None:
        self.report(
            node.start,
            "segments can only be asked for names",
            "'name' in segments, sets.intersects(segments, ['a', 'b']) or sets.contains(segments, ['a', 'b'])",
        )
