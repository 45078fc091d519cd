"""The text of a checked expression, as an author could have written it.

Explanations show predicates by this text, and the image writer takes two predicates for one when their texts are
equal, so different meanings must never share a text.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from rulecore.model import Attr, Call, Const, Expr, Has, InSegment, Quantifier, Type, Var

_INFIX: Final = {
    # op: (token, precedence); a higher precedence binds closer, as in CEL.
    "or": ("||", 1),
    "and": ("&&", 2),
    "eq": ("==", 3),
    "ne": ("!=", 3),
    "lt": ("<", 3),
    "le": ("<=", 3),
    "gt": (">", 3),
    "ge": (">=", 3),
    "in": ("in", 3),
    "add": ("+", 4),
    "sub": ("-", 4),
    "mul": ("*", 5),
    "div": ("/", 5),
    "mod": ("%", 5),
}
_TERNARY: Final = 0
_UNARY: Final = 6
_MEMBER: Final = 7
_METHODS: Final = {
    "starts_with": "startsWith",
    "ends_with": "endsWith",
    "contains": "contains",
    "matches": "matches",
    "lower_ascii": "lowerAscii",
    "get_full_year": "getFullYear",
    "get_month": "getMonth",
    "get_date": "getDate",
    "get_day_of_month": "getDayOfMonth",
    "get_day_of_week": "getDayOfWeek",
    "get_day_of_year": "getDayOfYear",
    "get_hours": "getHours",
    "get_minutes": "getMinutes",
    "get_seconds": "getSeconds",
    "get_milliseconds": "getMilliseconds",
}
_FUNCTIONS: Final = {
    "size": "size",
    "semver": "semver",
    "intersects": "sets.intersects",
    "contains_all": "sets.contains",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def render(expr: Expr) -> str:
    """CEL text of `expr`, with no more parentheses than it needs."""
    return _render(expr)[0]


def _render(expr: Expr) -> tuple[str, int]:
    """The text and the precedence of its outermost operator."""
    match expr:
        case Const():
            text = constant(expr.type, expr.value)
            return text, _UNARY if text.startswith("-") else _MEMBER
        case Attr(name=name) | Var(name=name):
            return name, _MEMBER
        case Has(name=name):
            return f"has({name})", _MEMBER
        case InSegment(name=name):
            return f"{quote(name)} in segments", _INFIX["in"][1]
        case Quantifier(kind=kind, items=items, var=var, body=body):
            return f"{_wrapped(items, _MEMBER)}.{kind}({var.name}, {render(body)})", _MEMBER
        case Call():
            return _call(expr)


def _call(expr: Call) -> tuple[str, int]:
    op, args = expr.op, expr.args
    if op in _INFIX:
        token, precedence = _INFIX[op]
        # Comparisons take no comparison on either side; the others group to the left.
        first = precedence + 1 if precedence == 3 else precedence
        parts = [_wrapped(arg, first if i == 0 else precedence + 1) for i, arg in enumerate(args)]
        return f" {token} ".join(parts), precedence
    if op == "not":
        return "!" + _wrapped(args[0], _UNARY), _UNARY
    if op == "neg":
        # `-1` is a constant and `-(1)` an operation on one: int64's least value can only be written as the first.
        inner = _wrapped(args[0], _UNARY)
        return (f"-({inner})" if isinstance(args[0], Const) or inner.startswith("-") else f"-{inner}"), _UNARY
    if op == "cond":
        condition, then, otherwise = args
        return f"{_wrapped(condition, 1)} ? {_wrapped(then, 1)} : {_wrapped(otherwise, _TERNARY)}", _TERNARY
    if op == "contains_ip":
        return f"cidr({render(args[0])}).containsIP({render(args[1])})", _MEMBER
    if op in _METHODS:
        return f"{_wrapped(args[0], _MEMBER)}.{_METHODS[op]}({', '.join(map(render, args[1:]))})", _MEMBER
    return f"{_FUNCTIONS[op]}({', '.join(map(render, args))})", _MEMBER


def _wrapped(expr: Expr, precedence: int) -> str:
    text, own = _render(expr)
    return text if own >= precedence else f"({text})"


def constant(kind: Type, value: object) -> str:
    """CEL text of a constant."""
    match kind, value:
        case Type.BOOL, bool():
            return "true" if value else "false"
        case Type.INT, int():
            return str(value)
        case Type.DOUBLE, float():
            text = repr(value)
            return text if "." in text or "e" in text or "n" in text else f"{text}.0"
        case Type.TIMESTAMP, int():
            return f"timestamp({quote(_instant(value))})"
        case Type.DURATION, int():
            return f"duration({quote(_duration(value))})"
        case Type.STRING | Type.SEMVER, str():
            return quote(value)
        case ((Type.LIST_STRING | Type.LIST_INT), tuple()):
            return "[" + ", ".join(quote(v) if isinstance(v, str) else str(v) for v in value) + "]"
    raise TypeError(f"{value!r} is not a constant of type {kind}")


def quote(text: str) -> str:
    """A CEL string literal."""
    if text.isprintable() and "'" not in text and "\\" not in text:
        return f"'{text}'"
    escaped = "".join(_ESCAPES.get(c) or (c if c.isprintable() else _code(c)) for c in text)
    return f"'{escaped}'"


_ESCAPES: Final = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _code(char: str) -> str:
    number = ord(char)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _instant(micros: int) -> str:
    instant = _EPOCH + timedelta(microseconds=micros)
    # isoformat pads years below 1000 itself, which strftime does not.
    return instant.replace(tzinfo=None).isoformat() + "Z"


def _duration(micros: int) -> str:
    sign = "-" if micros < 0 else ""
    seconds, fraction = divmod(abs(micros), 1_000_000)
    if fraction:
        tail = f"{fraction:06d}".rstrip("0")
        return f"{sign}{seconds}.{tail}s"
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{sign}{seconds // length}{unit}"
    return f"{sign}{seconds}s"
