"""From a condition's text to its syntax tree: no names are resolved here and no types known.

`parse` gives the tree and the faults of form; a slip that is understood (`=` for `==`) is a fault, yet parsing goes
on as if it had been written right, so that the rest can be checked as well. Faults inside a literal stay in the tree
as `Broken`. How slips are recognised and worded is in `slips.py`; the grammar is `cel.lark`.

Offsets count characters from the start of the condition; `start` is a node's first, `end` the one after its last.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import ClassVar, cast

import msgspec
from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput

from central.authoring.literals import LiteralError, read_double, read_int, read_string
from central.authoring.slips import Fault, Slips
from rulecore.limits import LIMITS
from rulecore.model import Type


class Literal(msgspec.Struct, frozen=True):
    """A constant as written. An int may be one too large: `-9223372036854775808` is made from it."""

    depth: ClassVar[int] = 1
    start: int
    end: int
    type: Type
    value: bool | int | float | str


class Broken(msgspec.Struct, frozen=True):
    """A literal that can't be had, with its fault."""

    depth: ClassVar[int] = 1
    start: int
    end: int
    fault: Fault


class Name(msgspec.Struct, frozen=True):
    """A name with its dots: `session.page_views`."""

    depth: ClassVar[int] = 1
    start: int
    end: int
    name: str


class Items(msgspec.Struct, frozen=True):
    """A list, `[1, 2]`."""

    start: int
    end: int
    depth: int
    items: tuple[Node, ...]


class Group(msgspec.Struct, frozen=True):
    """Something in parentheses, however many. It adds no depth."""

    start: int
    end: int
    depth: int
    inner: Node


class Select(msgspec.Struct, frozen=True):
    """A field of something that is not a name: `f(x).field`."""

    start: int
    end: int
    depth: int
    target: Node
    field: str


class Call(msgspec.Struct, frozen=True):
    """An operator (`function` is its symbol, `? :` for the conditional), a function, or with a target a method.

    `at` is where the operator or the function's name is written. `&&` and `||` have two or more arguments, `-` one
    or two.
    """

    start: int
    end: int
    depth: int
    function: str
    at: int
    args: tuple[Node, ...]
    target: Node | None = None


Node = Literal | Broken | Name | Items | Group | Select | Call
Part = Token | Node


class Syntax(msgspec.Struct, frozen=True):
    """What became of a text: its tree unless it could not be had, and the faults of form."""

    tree: Node | None
    faults: tuple[Fault, ...]


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Syntax:
    """The syntax tree of a condition. Never raises."""
    if not text.strip(" \t\r\n\f"):
        return Syntax(None, (Fault(0, "the condition is empty", "an expression that is true or false"),))
    slips = Slips(text)
    try:
        # Its transformer makes lark give nodes, not trees of its own.
        tree = cast(Node, _parser().parse(text, on_error=slips.mended))
    except UnexpectedInput:
        return Syntax(None, tuple(slips.faults))
    if tree.depth > LIMITS.expression_depth_max:
        message = f"the condition nests {tree.depth:,} deep"
        return Syntax(None, (*slips.faults, Fault(0, message, f"at most {LIMITS.expression_depth_max}")))
    return Syntax(tree, tuple(slips.faults))


@functools.cache
def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("cel.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer="basic", transformer=_Builder(), maybe_placeholders=False)


def _depth(nodes: tuple[Node, ...]) -> int:
    return 1 + max([node.depth for node in nodes], default=0)


class _Builder(Transformer[Token, Node]):
    """Makes nodes as the parser reduces; its methods are the grammar's rules."""

    def choice(self, parts: list[Node]) -> Node:
        return Call(parts[0].start, parts[-1].end, _depth(tuple(parts)), "? :", parts[0].end, tuple(parts))

    def either(self, parts: list[Node]) -> Node:
        return Call(parts[0].start, parts[-1].end, _depth(tuple(parts)), "||", parts[0].end, tuple(parts))

    def both(self, parts: list[Node]) -> Node:
        return Call(parts[0].start, parts[-1].end, _depth(tuple(parts)), "&&", parts[0].end, tuple(parts))

    def binary(self, parts: tuple[Node, Token, Node]) -> Node:
        left, operator, right = parts
        return Call(left.start, right.end, _depth((left, right)), str(operator), _start(operator), (left, right))

    def prefixed(self, parts: list[Part]) -> Node:
        operators, (operand,) = _tokens(parts), _nodes(parts)
        start, operator = _start(operators[0]), str(operators[0])
        if len(operators) % 2 == 0:
            # CEL drops operators in pairs: `!!x` is x, and `--x` too.
            return Group(start, operand.end, operand.depth, operand)
        if operators == ["-"] and isinstance(operand, Literal) and not isinstance(operand.value, bool | str):
            return Literal(start, operand.end, operand.type, -operand.value)
        return Call(start, operand.end, _depth((operand,)), operator, start, (operand,))

    def select(self, parts: tuple[Node, Token]) -> Node:
        target, field = parts
        if isinstance(target, Name):
            return Name(target.start, _end(field), f"{target.name}.{field}")
        return Select(target.start, _end(field), _depth((target,)), target, str(field))

    def method(self, parts: list[Part]) -> Node:
        nodes, (name, closing) = _nodes(parts), _tokens(parts)
        return Call(nodes[0].start, _end(closing), _depth(nodes), str(name), _start(name), nodes[1:], nodes[0])

    def function(self, parts: list[Part]) -> Node:
        nodes, (name, closing) = _nodes(parts), _tokens(parts)
        return Call(_start(name), _end(closing), _depth(nodes), str(name), _start(name), nodes)

    def parenthesised(self, parts: tuple[Token, Node, Token]) -> Node:
        opening, inner, closing = parts
        node = inner.inner if isinstance(inner, Group) else inner
        return Group(_start(opening), _end(closing), node.depth, node)

    def items(self, parts: list[Part]) -> Node:
        nodes, (opening, closing) = _nodes(parts), _tokens(parts)
        return Items(_start(opening), _end(closing), _depth(nodes), nodes)

    def name(self, parts: list[Token]) -> Node:
        return Name(_start(parts[0]), _end(parts[0]), str(parts[0]))

    def integer(self, parts: list[Token]) -> Node:
        return self._literal(parts[0], Type.INT)

    def double(self, parts: list[Token]) -> Node:
        return self._literal(parts[0], Type.DOUBLE)

    def string(self, parts: list[Token]) -> Node:
        return self._literal(parts[0], Type.STRING)

    def boolean(self, parts: list[Token]) -> Node:
        return Literal(_start(parts[0]), _end(parts[0]), Type.BOOL, parts[0] == "true")

    def null(self, parts: list[Token]) -> Node:
        return _broken(parts[0], "there is no null here: an attribute is present or absent", "has(name) asks which")

    def unsigned(self, parts: list[Token]) -> Node:
        return _broken(parts[0], "there are no unsigned ints here", f"`{parts[0][:-1]}`")

    def bytes(self, parts: list[Token]) -> Node:
        return _broken(parts[0], "there are no byte strings here", "a string without the `b`")

    def _literal(self, token: Token, kind: Type) -> Node:
        start, end, text = _start(token), _end(token), str(token)
        value: int | float | str
        try:
            match kind:
                case Type.INT:
                    value = read_int(text)
                case Type.DOUBLE:
                    value = read_double(text)
                case _:
                    value = read_string(text)
        except LiteralError as fault:
            return Broken(start, end, Fault(start + fault.at, fault.message, fault.expected))
        return Literal(start, end, kind, value)


def _broken(token: Token, message: str, expected: str) -> Node:
    return Broken(_start(token), _end(token), Fault(_start(token), message, expected))


def _nodes(parts: list[Part]) -> tuple[Node, ...]:
    return tuple([part for part in parts if not isinstance(part, Token)])


def _tokens(parts: list[Part]) -> list[Token]:
    return [part for part in parts if isinstance(part, Token)]


# The lexer gives every token its place; only tokens made by hand may lack it.


def _start(token: Token) -> int:
    return cast(int, token.start_pos)


def _end(token: Token) -> int:
    return cast(int, token.end_pos)
