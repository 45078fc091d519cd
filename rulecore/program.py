"""Programs that search for a pattern: its tree as steps over bytes of UTF-8, several at once where it leaves a choice.

    pattern ──regex.parse──> tree ──_search_form──> tree ──_Compiler──> program

A search needs less than a match: what may be nothing at either end of a pattern adds nothing to where it is found, so
`.*foo\\w*` is `foo`. After that few patterns that people write have a loop in their middle, and only those multiply the
states of a union. Running one is left to the automata that `rulecore.automata` makes of programs.
"""

from __future__ import annotations

import functools
from array import array
from typing import Final

import msgspec

from rulecore import charset, regex
from rulecore._determinize import Op
from rulecore.charset import Charset
from rulecore.errors import LimitError
from rulecore.limits import LIMITS
from rulecore.regex import EMPTY, AnyByte, Assertion, At, Chars, Choice, Node, Repeat

_WORD: Final = tuple(charset.PERL["w"])
_SHORT_REPEAT: Final = 8
"""A count that is no loop yet."""
_FEW: Final = 4
"""Code points of a set that tells much: a letter in all its cases is one of them."""
_TELLING: Final = 2
"""Such characters that make a part worth searching for."""


class Program(msgspec.Struct, frozen=True):
    """One pattern as a nondeterministic program over bytes.

    `nodes` has four numbers each (see `_determinize.Op`), node 0 is the match; `ranges` are the bytes that it tells
    apart. `loops` says whether threads of it can live on while others begin; then `hint` searches for a part that the
    pattern can't do without, if there is one worth searching for.
    """

    nodes: array[int]
    start: int
    ranges: frozenset[tuple[int, int]]
    loops: bool
    hint: Program | None


# What is searched for


def _search_form(node: Node) -> Node:
    """A tree that is found in the same texts: without what may be nothing at its ends."""
    return _trimmed(_trimmed(node, first=True), first=False)


def _trimmed(node: Node, *, first: bool) -> Node:
    match node:
        case regex.Sequence(parts=parts):
            left = list(parts)
            edge = 0 if first else -1
            while left:
                part = _trimmed(left[edge], first=first)
                if part != EMPTY:
                    left[edge] = part
                    break
                left.pop(edge)
            return left[0] if len(left) == 1 else regex.Sequence(tuple(left))
        case Choice(parts=parts):
            choices = tuple(_trimmed(part, first=first) for part in parts)
            return EMPTY if EMPTY in choices else Choice(choices)
        case Repeat(body=body, least=least):
            end = _trimmed(body, first=first) if least else EMPTY
            if least <= 1 or end == EMPTY:
                return end
            rest = body if least == 2 else Repeat(body, least - 1, least - 1)
            return regex.Sequence((end, rest) if first else (rest, end))
        case _:
            return node


# What can't be done without


def _part(node: Node) -> Node | None:
    """The most telling part without a loop that is in every text in which the tree is found, as it is searched for."""
    parts = [_search_form(part) for part in _parts(node)]
    best = max(parts, key=_tells, default=EMPTY)
    return best if _tells(best) >= _TELLING else None


def _parts(node: Node) -> list[Node]:
    match node:
        case regex.Sequence(parts=parts):
            found: list[Node] = []
            run: list[Node] = []
            for part in parts:
                if _loops(part):
                    found += [regex.Sequence(tuple(run)), *_parts(part)]
                    run = []
                else:
                    run.append(part)
            return [*found, regex.Sequence(tuple(run))]
        case Choice(parts=parts) if _loops(node):
            best = [_part(part) for part in parts]
            return [Choice(tuple(part for part in best if part is not None))] if None not in best else []
        case Repeat(body=body, least=least) if _loops(node):
            return _parts(body) if least else []
        case _:
            return [node]


def _loops(node: Node) -> bool:
    match node:
        case regex.Sequence(parts=parts) | Choice(parts=parts):
            return any(_loops(part) for part in parts)
        case Repeat(body=body, most=most):
            return most is None or most > _SHORT_REPEAT or _loops(body)
        case _:
            return False


def _tells(node: Node) -> int:
    """How many characters that are one of few a text must have at least for a tree to be found in it."""
    match node:
        case regex.Sequence(parts=parts):
            return sum(_tells(part) for part in parts)
        case Choice(parts=parts):
            return min(_tells(part) for part in parts)
        case Repeat(body=body, least=least):
            return least * _tells(body)
        case Chars(charset=chars):
            return sum(high - low + 1 for low, high in chars) <= _FEW
        case _:
            return 0


# Programs


@functools.lru_cache(maxsize=8192)
def program(pattern: str) -> Program:
    """The program that searches for a pattern. Raises PatternError and LimitError."""
    return _Compiler(pattern).program(_search_form(regex.parse(pattern)))


@functools.lru_cache(maxsize=1024)
def _byte_tree(chars: Charset) -> _Tree:
    return _tree([tuple(sequence) for sequence in charset.utf8(chars)])


_Tree = tuple[tuple[int, int, "_Tree"], ...]
"""Byte ranges, each with the tree of what must come behind it; the empty tree when nothing must."""


def _tree(sequences: list[tuple[tuple[int, int], ...]]) -> _Tree:
    """Sequences of byte ranges as a tree; neighbours that have the same behind them are one."""
    by_first: dict[tuple[int, int], list[tuple[tuple[int, int], ...]]] = {}
    for sequence in sequences:
        by_first.setdefault(sequence[0], []).append(sequence[1:])
    branches: list[tuple[int, int, _Tree]] = []
    for (low, high), rests in sorted(by_first.items()):
        behind = _tree([rest for rest in rests if rest])
        if branches and branches[-1][1] + 1 == low and branches[-1][2] == behind:
            branches[-1] = (branches[-1][0], high, behind)
        else:
            branches.append((low, high, behind))
    return tuple(branches)


class _Compiler:
    """Writes a program from its end to its begin: each part is given the node that comes behind it."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.nodes = array("I")
        self.ranges: set[tuple[int, int]] = set()
        self.loops = False
        self._known: dict[tuple[int, int, int, int], int] = {}

    def program(self, tree: Node) -> Program:
        match = self._node(Op.MATCH)
        start = self._write(Assertion(At.TEXT_BEGIN) if tree == EMPTY else tree, match)
        part = _part(tree) if self.loops else None
        hint = _Compiler(self.pattern).program(part) if part is not None else None
        return Program(self.nodes, start, frozenset(self.ranges), self.loops, hint)

    def _node(self, op: Op, bytes_or_at: int = 0, behind: int = 0, other: int = 0) -> int:
        """A node's number; equal ones are written once."""
        key = (op, bytes_or_at, behind, other)
        if key not in self._known:
            self._known[key] = self._new(key)
        return self._known[key]

    def _new(self, numbers: tuple[int, int, int, int]) -> int:
        if len(self.nodes) >= 4 * LIMITS.pattern_nodes_max:
            raise LimitError(f"the pattern '{self.pattern}' has more than {LIMITS.pattern_nodes_max:,} steps")
        self.nodes.extend(numbers)
        return len(self.nodes) // 4 - 1

    def _write(self, node: Node, behind: int) -> int:
        """The first node of a tree; `behind` is where it goes on."""
        match node:
            case Chars(charset=chars):
                return self._choose(_byte_tree(chars), behind, {})
            case AnyByte():
                return self._byte(0, 255, behind)
            case Assertion(at=at):
                if at in (At.WORD_EDGE, At.NO_WORD_EDGE):
                    self.ranges.update(_WORD)
                elif at in (At.LINE_BEGIN, At.LINE_END):
                    self.ranges.add((10, 10))
                return self._node(Op.ASSERT, at << 8, behind)
            case regex.Sequence(parts=parts):
                for part in reversed(parts):
                    behind = self._write(part, behind)
                return behind
            case Choice(parts=parts):
                return self._split([self._write(part, behind) for part in parts])
            case Repeat():
                return self._repeat(node, behind)

    def _byte(self, low: int, high: int, behind: int) -> int:
        self.ranges.add((low, high))
        return self._node(Op.BYTE, low << 8 | high, behind)

    def _choose(self, tree: _Tree, behind: int, written: dict[_Tree, int]) -> int:
        """The first node of a character; no character at all is a byte that there is none of."""
        if not tree:
            return self._node(Op.BYTE, 1 << 8, behind)
        if tree not in written:
            branches = [
                self._byte(low, high, self._choose(rest, behind, written) if rest else behind)
                for low, high, rest in tree
            ]
            written[tree] = self._split(branches)
        return written[tree]

    def _split(self, branches: list[int]) -> int:
        first = branches[-1]
        for branch in reversed(branches[:-1]):
            first = self._node(Op.SPLIT, 0, branch, first)
        return first

    def _repeat(self, node: Repeat, behind: int) -> int:
        least = node.least
        if node.most is None:
            self.loops = True
            loop = self._new((Op.SPLIT, 0, 0, behind))
            first = self._write(node.body, loop)
            self.nodes[4 * loop + 2] = first
            behind = first if least else loop
            least -= bool(least)
        else:
            self.loops = self.loops or node.most > _SHORT_REPEAT
            end = behind
            for _ in range(node.most - least):
                behind = self._node(Op.SPLIT, 0, self._write(node.body, behind), end)
        for _ in range(least):
            behind = self._write(node.body, behind)
        return behind
