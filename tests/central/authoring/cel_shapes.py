"""One neutral form of a CEL expression, from our parser and from Google's, and back to text.

A shape is a tuple: ("const", type, value), ("name", dotted), ("list", items), ("select", target, field) or
("call", function, target or None, args), with CEL's own names for the operators.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from cel_expr_python import cel

from central.authoring.syntax import parse
from central.authoring.syntax_tree import Broken, Call, Group, Items, Literal, Name, Node, Select
from rulecore.render import quote

Shape = tuple[Any, ...]

ENV = cel.NewEnv()
_INFIX = {
    "||": ("_||_", 1), "&&": ("_&&_", 2), "==": ("_==_", 3), "!=": ("_!=_", 3), "<": ("_<_", 3), "<=": ("_<=_", 3),
    ">": ("_>_", 3), ">=": ("_>=_", 3), "in": ("@in", 3), "+": ("_+_", 4), "-": ("_-_", 4), "*": ("_*_", 5),
    "/": ("_/_", 5), "%": ("_%_", 5),
}  # fmt: skip
_PREFIX = {"!": "!_", "-": "-_"}
SYMBOLS = {function: (symbol, level) for symbol, (function, level) in _INFIX.items()}


def our_shape(text: str) -> Shape | None:
    """The shape that our parser gives, or None if it finds a fault."""
    syntax = parse(text)
    if syntax.tree is None or syntax.faults or _broken(syntax.tree):
        return None
    return shape_of(syntax.tree)


def _broken(node: Node) -> bool:
    match node:
        case Broken():
            return True
        case Literal(value=value):
            return type(value) is int and value > (1 << 63) - 1
        case Group(inner=inner):
            return _broken(inner)
        case Items(items=nodes):
            return any(map(_broken, nodes))
        case Select(target=target):
            return _broken(target)
        case Call(args=nodes, target=target):
            return any(map(_broken, nodes)) or (target is not None and _broken(target))
    return False


def shape_of(node: Node) -> Shape:
    """The shape of a syntax tree without broken literals."""
    match node:
        case Literal(type=kind, value=value):
            return ("const", str(kind), value)
        case Name(name=name):
            return ("name", name)
        case Group(inner=inner):
            return shape_of(inner)
        case Items(items=items):
            return ("list", tuple(map(shape_of, items)))
        case Select(target=target, field=field):
            return selected(shape_of(target), field)
        case Call(function="? :", args=args):
            return ("call", "_?_:_", None, tuple(map(shape_of, args)))
        case Call(function=function, args=args, target=target):
            if function in _PREFIX and len(args) == 1:
                return ("call", _PREFIX[function], None, tuple(map(shape_of, args)))
            if function in _INFIX:
                return joined(_INFIX[function][0], tuple(map(shape_of, args)))
            return ("call", function, None if target is None else shape_of(target), tuple(map(shape_of, args)))
    raise AssertionError(node)


def selected(target: Shape, field: str) -> Shape:
    """A field; of a name, a longer name."""
    return ("name", f"{target[1]}.{field}") if target[0] == "name" else ("select", target, field)


def joined(function: str, args: tuple[Shape, ...]) -> Shape:
    """An operator's call; chains of && and || are one call, for each parser balances them in its own way."""
    if function in ("_||_", "_&&_"):
        flat: list[Shape] = []
        for arg in args:
            flat.extend(arg[3] if arg[:2] == ("call", function) else (arg,))
        args = tuple(flat)
    return ("call", function, None, args)


def google_shape(text: str) -> Shape | None:
    """The shape that Google's parser gives, or None if it refuses the text."""
    try:
        parsed: bytes = ENV.compile(text, disable_check=True).serialize()
    except RuntimeError as error:
        if "INVALID_ARGUMENT" not in str(error):
            raise
        return None
    any_of = dict(_fields(parsed))
    return _google(dict(_fields(any_of[2]))[2])


def _google(message: bytes) -> Shape:
    """An `Expr` message of cel/expr/syntax.proto."""
    for number, value in _fields(message):
        match number:
            case 3:
                return _google_constant(value)
            case 4:
                return ("name", dict(_fields(value))[1].decode())
            case 5:
                fields = dict(_fields(value))
                return selected(_google(fields[1]), fields[2].decode())
            case 6:
                parts = list(_fields(value))
                target = next((_google(part) for field, part in parts if field == 1), None)
                function = next(part for field, part in parts if field == 2).decode()
                return joined_or_called(function, target, tuple(_google(part) for field, part in parts if field == 3))
            case 7:
                return ("list", tuple(_google(part) for field, part in _fields(value) if field == 1))
    raise AssertionError(f"an expression of another kind: {message!r}")


def joined_or_called(function: str, target: Shape | None, args: tuple[Shape, ...]) -> Shape:
    return joined(function, args) if target is None else ("call", function, target, args)


def _google_constant(message: bytes) -> Shape:
    ((number, value),) = _fields(message)
    match number:
        case 2:
            return ("const", "bool", bool(value))
        case 3:
            return ("const", "int", value - (1 << 64) if value >> 63 else value)
        case 5:
            return ("const", "double", struct.unpack("<d", value)[0])
        case 6:
            return ("const", "string", value.decode())
    return ("const", f"of field {number}", value)


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a protocol buffer, by number: varints as ints, all else as bytes."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            size = {1: 8, 5: 4}.get(key & 7) or varint()
            yield key >> 3, message[at : at + size]
            at += size


def write(shape: Shape) -> str:
    """CEL text of a shape, with no more parentheses than it needs."""
    return _write(shape)[0]


def _write(shape: Shape) -> tuple[str, int]:
    match shape:
        case ("const", "string", value):
            return quote(value), 7
        case ("const", "bool", value):
            return str(value).lower(), 7
        case ("const", "int", value):
            return str(value), 6 if value < 0 else 7
        case ("const", _, value):
            text = repr(value)
            return text if set(text) & set(".e") else f"{text}.0", 6 if text.startswith("-") else 7
        case ("name", name):
            return name, 7
        case ("list", items):
            return f"[{', '.join(map(write, items))}]", 7
        case ("select", target, field):
            return f"{_at_least(target, 7)}.{field}", 7
        case ("call", "_?_:_", _, (condition, then, other)):
            return f"{_at_least(condition, 1)} ? {_at_least(then, 1)} : {write(other)}", 0
        case ("call", ("!_" | "-_") as function, _, (operand,)):
            # A minus before a literal would become part of it; operators in pairs would vanish.
            inner, level = _write(operand)
            bare = level >= 7 and (function == "!_" or operand[0] != "const")
            return f"{function[0]}{inner}" if bare else f"{function[0]}({inner})", 6
        case ("call", function, None, args) if function in SYMBOLS:
            symbol, level = SYMBOLS[function]
            flat = function in ("_||_", "_&&_")
            parts = [_at_least(arg, level if i == 0 and not flat else level + 1) for i, arg in enumerate(args)]
            return f" {symbol} ".join(parts), level
        case ("call", function, target, args):
            before = "" if target is None else f"{_at_least(target, 7)}."
            return f"{before}{function}({', '.join(map(write, args))})", 7
    raise AssertionError(shape)


def _at_least(shape: Shape, level: int) -> str:
    text, own = _write(shape)
    return text if own >= level else f"({text})"
