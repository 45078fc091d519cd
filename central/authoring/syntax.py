"""From a condition's text to its syntax tree: no names are resolved here and no types known.

`parse` gives the tree and the faults of form; a slip that is understood (`=` for `==`) is a fault, yet parsing goes
on as if it had been written right, so that the rest can be checked as well. How slips are recognised and worded is in
`slips.py`, what the tokens are in `tokens.py`, the tree's nodes are in `syntax_tree.py`.

The language is a subset of CEL (the Common Expression Language), with CEL's own precedence:

    expr        = disjunction ["?" disjunction ":" expr]
    disjunction = conjunction {"||" conjunction}
    conjunction = relation {"&&" relation}
    relation    = sum {("==" | "!=" | "<" | "<=" | ">" | ">=" | "in") sum}
    sum         = product {("+" | "-") product}
    product     = unary {("*" | "/" | "%") unary}
    unary       = {"!"} member | {"-"} member
    member      = primary {"." NAME ["(" [arguments] ")"]}
    primary     = literal | NAME ["(" [arguments] ")"] | "(" expr ")" | "[" [arguments [","]] "]"
    arguments   = expr {"," expr}

A value is due or an operator, by turns. Values lie on one stack; operators and open brackets wait on another until one
comes that binds no closer, and then take their values. So nothing recurses, and a text of any depth can be read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from central.authoring.literals import LiteralError, read_double, read_int, read_string
from central.authoring.slips import Fault, Slips
from central.authoring.syntax_tree import Broken, Call, Group, Items, Literal, Name, Node, Select
from central.authoring.tokens import BYTES, DOUBLE, INT, NAME, STRING, UINT, tokens
from rulecore.limits import LIMITS
from rulecore.model import Type

# How closely operators bind. An open bracket binds nothing: operators inside it end with it.
_OPEN, _CHOICE, _OR, _AND, _RELATION, _SUM, _PRODUCT, _PREFIX = range(8)
_BINARY: Final = {
    "||": _OR, "&&": _AND,
    "==": _RELATION, "!=": _RELATION, "<": _RELATION, "<=": _RELATION, ">": _RELATION, ">=": _RELATION,
    "in": _RELATION,
    "+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT,
}  # fmt: skip
_CLOSING: Final = {"(": ")", "call": ")", "[": "]"}

# What is due: a value, a value or the end of an empty list, a name behind a dot, an operator, or behind a name an
# operator or the arguments of a call.
_VALUE, _VALUE_OR_END, _FIELD, _OPERATOR, _OPERATOR_OR_CALL = range(5)


class Syntax(msgspec.Struct, frozen=True):
    """What became of a text: its tree unless it could not be had, and the faults of form."""

    tree: Node | None
    faults: tuple[Fault, ...]


def parse(text: str) -> Syntax:
    """The syntax tree of a condition. Never raises."""
    if not text.strip(" \t\r\n\f"):
        return Syntax(None, (Fault(0, "the condition is empty", "an expression that is true or false"),))
    slips = Slips(text)
    tree = _Parser(slips).tree()
    if tree is not None and tree.depth > LIMITS.expression_depth_max:
        message = f"the condition nests {tree.depth:,} deep"
        slips.faults.append(Fault(0, message, f"at most {LIMITS.expression_depth_max}"))
        tree = None
    return Syntax(tree, tuple(slips.faults))


class _Bracket(msgspec.Struct, frozen=True):
    """An open bracket: `(`, `[`, or the `call` of a function or, with a target, of a method. `values` lay below it."""

    kind: str
    start: int
    values: int
    name: str = ""
    at: int = 0
    target: Node | None = None


class _Parser:
    """Reads one text."""

    def __init__(self, slips: Slips) -> None:
        self._slips = slips
        self._due = _VALUE
        self._values: list[Node] = []
        self._operators: list[tuple[int, str, int]] = [(_OPEN, "", 0)]  # how closely, which, and where
        self._brackets: list[_Bracket] = []
        self._callee: tuple[str, int, Node | None] = ("", 0, None)  # the name last read, where, and what it is of

    def tree(self) -> Node | None:
        """The tree; None if the text can't be read, not even with slips mended."""
        for kind, text, at in tokens(self._slips.text):
            operator_due = self._due >= _OPERATOR
            if not (self._behind_value(kind, at) if operator_due else self._value(kind, text, at)):
                meant = self._slips.meant(kind, text, at, operator_due)
                if meant is None:
                    return None
                if meant:
                    self._behind_value(meant, at)
        complete = self._due >= _OPERATOR and self._expression_ends()
        if not complete or self._brackets:
            self._slips.ends_early(colon_due=self._operators[-1][1] == "?" and self._due >= _OPERATOR)
            return None
        return self._values[0]

    # Tokens. Each of these says whether the token can stand here.

    def _value(self, kind: str, text: str, at: int) -> bool:
        """A token where a value is due."""
        end = at + len(text)
        if self._due == _FIELD:
            return kind == NAME and self._field(text, at, end)
        if kind == NAME:
            self._values.append(Name(at, end, text))
            self._callee = (text, at, None)
            self._due = _OPERATOR_OR_CALL
        elif kind in _LITERALS:
            self._values.append(_literal(kind, text, at, end))
            self._due = _OPERATOR
        elif kind in ("!", "-"):
            closeness, before, _ = self._operators[-1]
            if closeness == _PREFIX and before != kind:
                return False
            self._operators.append((_PREFIX, kind, at))
            self._due = _VALUE
        elif kind in ("(", "["):
            self._open(_Bracket(kind, at, len(self._values)))
        else:
            ends = self._due == _VALUE_OR_END and kind == _CLOSING[self._brackets[-1].kind]
            if ends:
                self._close(end)
            return ends
        return True

    def _behind_value(self, kind: str, at: int) -> bool:
        """A token where an operator is due."""
        closeness = _BINARY.get(kind)
        if closeness is not None:
            # && and || take all of their like at once, the others group to the left.
            self._reduce(closeness + 1 if closeness <= _AND else closeness)
            self._operators.append((closeness, kind, at))
            self._due = _VALUE
        elif kind == ".":
            self._due = _FIELD
        elif kind == "(":
            if self._due != _OPERATOR_OR_CALL:
                return False
            self._values.pop()
            self._open(_Bracket("call", at, len(self._values), *self._callee))
        elif kind in ("?", ":"):
            self._reduce(_OR)
            if (self._operators[-1][1] == "?") != (kind == ":"):
                return False
            self._operators.append((_CHOICE, kind, at))
            self._due = _VALUE
        elif kind in (")", "]", ","):
            return self._item_ends(kind, at)
        else:
            return False
        return True

    def _item_ends(self, kind: str, at: int) -> bool:
        """A comma or a closing bracket."""
        if not self._expression_ends() or not self._brackets:
            return False
        bracket = self._brackets[-1].kind
        if kind != ",":
            if kind == _CLOSING[bracket]:
                self._close(at + 1)
                return True
            return False
        self._due = _VALUE_OR_END if bracket == "[" else _VALUE
        return bracket != "("

    def _expression_ends(self) -> bool:
        """Make one value of what was read since the last bracket or comma; false if a `:` is still due."""
        self._reduce(_OR)
        if self._operators[-1][1] == "?":
            return False
        self._reduce(_CHOICE)
        return True

    def _field(self, name: str, at: int, end: int) -> bool:
        target = self._values[-1]
        if isinstance(target, Name):
            self._values[-1] = Name(target.start, end, f"{target.name}.{name}")
        else:
            self._values[-1] = Select(target.start, end, 1 + target.depth, target, name)
        self._callee = (name, at, target)
        self._due = _OPERATOR_OR_CALL
        return True

    # Brackets

    def _open(self, bracket: _Bracket) -> None:
        self._brackets.append(bracket)
        self._operators.append((_OPEN, "", bracket.start))
        self._due = _VALUE if bracket.kind == "(" else _VALUE_OR_END

    def _close(self, end: int) -> None:
        bracket = self._brackets.pop()
        self._operators.pop()
        inside = tuple(self._values[bracket.values :])
        del self._values[bracket.values :]
        self._values.append(_bracketed(bracket, inside, end))
        self._due = _OPERATOR

    # Operators

    def _reduce(self, closeness: int) -> None:
        """Give the operators that bind at least so closely their values."""
        operators, values = self._operators, self._values
        while operators[-1][0] >= closeness:
            binds, symbol, at = operators.pop()
            last = values.pop()
            if binds > _AND and binds < _PREFIX:
                left = values.pop()
                values.append(Call(left.start, last.end, _depth(left, last), symbol, at, (left, last)))
                continue
            like = 1
            while operators[-1][0] == binds and binds != _CHOICE:
                at = operators.pop()[2]
                like += 1
            if binds == _PREFIX:
                values.append(_prefixed(symbol, like, at, last))
                continue
            if binds == _CHOICE:
                operators.pop()
                symbol, like = "? :", 2
            args = (*values[-like:], last)
            del values[-like:]
            values.append(Call(args[0].start, last.end, _depth(*args), symbol, args[0].end, args))


def _depth(*nodes: Node) -> int:
    return 1 + max([node.depth for node in nodes], default=0)


def _prefixed(symbol: str, times: int, at: int, operand: Node) -> Node:
    if times % 2 == 0:
        # CEL drops operators in pairs: `!!x` is x, and `--x` too.
        return Group(at, operand.end, operand.depth, operand)
    if symbol == "-" and times == 1 and isinstance(operand, Literal) and not isinstance(operand.value, bool | str):
        return Literal(at, operand.end, operand.type, -operand.value)
    return Call(at, operand.end, _depth(operand), symbol, at, (operand,))


def _bracketed(bracket: _Bracket, inside: tuple[Node, ...], end: int) -> Node:
    """What stands in brackets, with them."""
    if bracket.kind == "(":
        (inner,) = inside
        return Group(bracket.start, end, inner.depth, inner.inner if isinstance(inner, Group) else inner)
    if bracket.kind == "[":
        return Items(bracket.start, end, _depth(*inside), inside)
    if bracket.target is None:
        return Call(bracket.at, end, _depth(*inside), bracket.name, bracket.at, inside)
    depth = _depth(bracket.target, *inside)
    return Call(bracket.target.start, end, depth, bracket.name, bracket.at, inside, bracket.target)


# Literals


def _literal(kind: str, text: str, start: int, end: int) -> Node:
    type_, read = _LITERALS[kind]
    try:
        return Literal(start, end, type_, read(text))
    except LiteralError as fault:
        return Broken(start, end, Fault(start + fault.at, fault.message, fault.expected))


def _read_null(_: str) -> bool:
    raise LiteralError(0, "there is no null here: an attribute is present or absent", "has(name) asks which")


def _read_uint(text: str) -> int:
    raise LiteralError(0, "there are no unsigned ints here", f"`{text[:-1]}`")


def _read_bytes(_: str) -> str:
    raise LiteralError(0, "there are no byte strings here", "a string without the `b`")


_LITERALS: Final[dict[str, tuple[Type, Callable[[str], bool | int | float | str]]]] = {
    "true": (Type.BOOL, lambda _: True),
    "false": (Type.BOOL, lambda _: False),
    "null": (Type.BOOL, _read_null),
    INT: (Type.INT, read_int),
    DOUBLE: (Type.DOUBLE, read_double),
    STRING: (Type.STRING, read_string),
    UINT: (Type.INT, _read_uint),
    BYTES: (Type.STRING, _read_bytes),
}
