"""The syntax tree of a condition: what its text says, before names are resolved and types known.

`syntax.py` reads a text into it. Faults inside a literal stay in the tree as `Broken`, so that the rest can be checked.

Offsets count characters from the start of the condition; `start` is a node's first, `end` the one after its last.
`depth` counts what is nested; parentheses add nothing to it.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from central.authoring.slips import Fault
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
