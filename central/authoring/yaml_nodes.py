"""The node tree of a YAML file: scalars are the text that the author wrote, and every node knows its place.

Nothing is typed here: `no` and `1.10` are texts. How the tree is built is `yaml_tree.py`'s. Nodes are many, and none
leads back to itself: so the garbage collector need not look at them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from central.authoring.diagnostics import Position
from central.authoring.yaml_source import YamlSource

_BLANKS: Final = " \n"
_HEX_ESCAPES: Final = {"x": 2, "u": 4, "U": 8}
_BLANK_ESCAPES: Final = " nt"


class Node(msgspec.Struct, eq=False, gc=False):
    """A value. `start` and `end` are offsets in the source's text; `line` and `column` count from 1."""

    source: YamlSource
    start: int
    end: int
    line: int
    column: int

    @property
    def position(self) -> Position:
        return self.source.place(self.line, self.column)


class Scalar(Node, eq=False, gc=False):
    """A text. `style` is "" for a plain one, else the quote or block indicator: ' \" | >."""

    text: str
    style: str = ""


class Pair(msgspec.Struct, eq=False, gc=False):
    """A field: a name and its value."""

    key: Scalar
    value: Node


class Mapping(Node, eq=False, gc=False):
    """Fields by name, in the order written. `flow` when written with { }."""

    pairs: dict[str, Pair]
    flow: bool


class Sequence(Node, eq=False, gc=False):
    """Items in the order written. `flow` when written with [ ]."""

    items: list[Node]
    flow: bool


class Broken(Node, eq=False, gc=False):
    """A value that was reported already: nobody complains about it again."""


class ScalarOrigin:
    """The origin of a scalar's text: undoes quotes, escapes, folding and indentation."""

    def __init__(self, scalar: Scalar) -> None:
        self._scalar = scalar
        self._offsets: list[int] = []

    def position(self, offset: int) -> Position:
        scalar = self._scalar
        if not self._offsets:
            self._offsets = _offsets(scalar)
        at = self._offsets[min(offset, len(self._offsets) - 1)]
        text = scalar.source.text
        line = scalar.line + text.count("\n", scalar.start, at)
        return scalar.source.place(line, at - text.rfind("\n", 0, at))


def _offsets(scalar: Scalar) -> list[int]:
    """Of each character of the scalar's text, and of its end, where it stands in the source.

    Folding and indentation change nothing but blanks, so the characters that are no blanks stand in the source in the
    same order; a blank is given the place behind what precedes it.
    """
    places = _characters(scalar)
    offsets: list[int] = []
    behind = scalar.start + (scalar.style in ("'", '"') and scalar.style != "")
    for char in scalar.text:
        if char in _BLANKS or char == "\t":
            offsets.append(behind)
            behind += char == " "
        else:
            at, behind = next(places, (scalar.start, scalar.start))
            offsets.append(at)
    return [*offsets, behind]


def _characters(scalar: Scalar) -> Iterator[tuple[int, int]]:
    """Where each character that is no blank begins and ends in the source."""
    text, at, end = scalar.source.text, scalar.start, scalar.end
    if scalar.style in ("|", ">"):
        at = text.index("\n", at)
    elif scalar.style:
        at, end = at + 1, end - 1
    while at < end:
        width, blank = 1, text[at] in _BLANKS
        if scalar.style == "'" and text[at] == "'":
            width = 2
        elif scalar.style == '"' and text[at] == "\\":
            width = 2 + _HEX_ESCAPES.get(text[at + 1], 0)
            blank = text[at + 1] in _BLANK_ESCAPES + "\n"
        if not blank:
            yield at, at + width
        at += width
