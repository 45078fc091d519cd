"""Conditions as CEL text for Google's implementation, with every attribute a field of one dynamic map `ctx`.

Separate from `rulecore.render`, which is under test: this one puts parentheses around everything. A timestamp or
duration is a string in the map, as it is in a context, and is parsed where it is used.
"""

from __future__ import annotations

from typing import Final

from rulecore.model import Attr, Call, Const, Expr, Has, Quantifier, Type, Var
from tests.strategies_contexts import duration_text, instant_text

INFIX: Final = {
    "and": "&&",
    "or": "||",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "mod": "%",
    "in": "in",
}
PREFIX: Final = {"not": "!", "neg": "-"}
PARSED: Final = {Type.TIMESTAMP: "timestamp", Type.DURATION: "duration"}


def cel_text(expr: Expr) -> str:
    """CEL of a condition without our extensions."""
    match expr:
        case Const(type=kind, value=value):
            return constant(kind, value)
        case Attr(name=name, type=kind):
            return f"{PARSED.get(kind, '')}(ctx[{quoted(name)}])"
        case Var(name=name):
            return name
        case Has(name=name):
            return f"({quoted(name)} in ctx)"
        case Quantifier(kind=kind, items=items, var=var, body=body):
            return f"{cel_text(items)}.{kind}({var.name}, {cel_text(body)})"
        case Call(op=op, args=args):
            texts = [cel_text(arg) for arg in args]
            if {type_of(arg) for arg in args} == {Type.INT, Type.DOUBLE}:
                texts = [f"dyn({text})" for text in texts]  # or CEL's checker would refuse it
            return called(op, texts)
    raise TypeError(f"CEL has no {expr!r}")


def type_of(expr: Expr) -> Type:
    """The type of an expression."""
    return expr.type if isinstance(expr, Const | Attr | Var | Call) else Type.BOOL


def called(op: str, args: list[str]) -> str:
    """CEL of an operator or function applied to texts."""
    if op in INFIX:
        return "(" + f" {INFIX[op]} ".join(args) + ")"
    if op in PREFIX:
        return f"({PREFIX[op]}({args[0]}))"
    if op == "cond":
        return f"({args[0]} ? {args[1]} : {args[2]})"
    if op == "size":
        return f"size({args[0]})"
    head, *words = op.split("_")
    method = head + "".join(word.title() for word in words)
    return f"({args[0]}).{method}({', '.join(args[1:])})"


def constant(kind: Type, value: object) -> str:
    """CEL of a constant."""
    match kind, value:
        case Type.BOOL, bool():
            return str(value).lower()
        case Type.DOUBLE, float():
            return f"({value!r})"
        case Type.TIMESTAMP, int():
            return f"timestamp('{instant_text(value)}')"
        case Type.DURATION, int():
            return f"duration('{duration_text(value)}')"
        case _, str():
            return quoted(value)
        case _, tuple():
            return "[" + ", ".join(quoted(item) if isinstance(item, str) else f"{item}" for item in value) + "]"
    return f"({value})"


def quoted(text: str) -> str:
    """A CEL string with everything but letters and digits escaped."""
    return "'" + "".join(char if char.isascii() and char.isalnum() else f"\\U{ord(char):08x}" for char in text) + "'"
