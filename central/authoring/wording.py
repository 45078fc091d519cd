"""Sentences about types and values, for the checker's messages. Pure: a report is the checker's own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from central.authoring.signatures import ARITHMETIC, NUMBERS, Inner, Kind
from central.authoring.syntax_tree import Literal, Node
from rulecore.model import Type
from rulecore.render import quote

_SHOWN_MAX = 8
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def a(kind: Kind) -> str:
    """A type with its article: "an int"."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def one_of(values: Iterable[object]) -> str:
    """A choice of constants, as an author writes them."""
    shown = [quote(value) if isinstance(value, str) else str(value) for value in values]
    more = f" or {len(shown) - _SHOWN_MAX} more" if len(shown) > _SHOWN_MAX else ""
    return f"one of {', '.join(shown[:_SHOWN_MAX])}{more}"


def to_compare(left: tuple[str, Kind, Node], right: tuple[str, Kind, Node]) -> str:
    """What to write in place of a comparison of two types; each side is its text, its type and its node."""
    for (_, _, node), (text, kind, _) in ((left, right), (right, left)):
        if isinstance(node, Literal) and (hint := _constant_as(node, kind, text)):
            return hint
    for (_, kind, _), (text, other, _) in ((left, right), (right, left)):
        if kind is Type.SEMVER and other is Type.STRING:
            return f"`semver({text})`"
    if left[1] == right[1] and left[1] in (Type.LIST_STRING, Type.LIST_INT):
        return f"`sets.contains({left[0]}, {right[0]})`, or sets.intersects"
    constants = [isinstance(node, Literal) for _, _, node in (left, right)]
    if constants.count(True) == 1:
        return a(left[1] if constants[1] else right[1])
    return "two of one type"


def _constant_as(constant: Literal, kind: Kind, other: str) -> str:
    """The constant, written so that it can be compared with something (whose text is `other`) of another type."""
    match kind, constant.value:
        case Type.STRING, bool() as value:
            return f"text in quotes: '{str(value).lower()}'"
        case Type.STRING, int() | float() as number:
            return f"text in quotes: '{number}'"
        case Type.BOOL, ("true" | "false") as text:
            return f"{text} without quotes"
        case ((Type.INT | Type.DOUBLE), str(text)) if _NUMBER.fullmatch(text):
            return f"{text} without quotes"
        case ((Type.TIMESTAMP | Type.DURATION | Type.SEMVER), str(text)):
            return f"`{kind}({quote(text)})`"
        case Type.DURATION, int(number):
            return f"`duration('{number}s')` for seconds"
        case (Type.LIST_STRING, str()) | (Type.LIST_INT, int()):
            shown = quote(constant.value) if isinstance(constant.value, str) else str(constant.value)
            return f"`{shown} in {other}`"
    return ""


def to_calculate(operator: str, kinds: tuple[Kind, ...], nodes: tuple[Node, ...]) -> str:
    """What to write in place of arithmetic on types that it doesn't take."""
    if set(kinds) == NUMBERS:
        for kind, node in zip(kinds, nodes, strict=True):
            if kind is Type.INT and isinstance(node, Literal):
                return f"two numbers of one type: `{node.value}.0`"
        return "two numbers of one type"
    if set(kinds) == {Type.STRING}:
        return "a number" if len(kinds) == 1 else "each compared by itself: a == '...' && b == '...'"
    if operator in "+-" and set(kinds) & {Type.TIMESTAMP, Type.DURATION}:
        return "a duration, such as `duration('1h')`"
    if operator == "%":
        return "two ints"
    return "a number" if len(kinds) == 1 else "two ints or two doubles" if operator in ARITHMETIC else ""


def to_be_bool(text: str, kind: Kind) -> str:
    """What to write in place of something that is not true or false."""
    match kind:
        case Type.STRING:
            return f"a comparison, such as `{text} == '...'`"
        case Type.INT | Type.DOUBLE:
            return f"a comparison, such as `{text} > 0`"
        case Type.LIST_STRING:
            return f"a question, such as `'...' in {text}`"
        case Type.LIST_INT:
            return f"a question, such as `1 in {text}`"
        case Inner.NETWORK:
            return f"`{text}.containsIP('...')`"
    return "a comparison"
