"""What the author is told: problems with their place in the source, and how they are written out.

Owns positions, the collector and its text form. What is wrong, and when, is for the modules that read, decode,
check and resolve a bundle; whether colours are wanted is for the command.
"""

from __future__ import annotations

import enum
import unicodedata
from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

SOURCE_LINE_COLUMNS_MAX: Final = 160
"""How much of a source line is shown; of a longer one, the part around the caret."""

_BOLD, _RED, _YELLOW, _CYAN, _OFF = "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[0m"


class Severity(enum.StrEnum):
    """An error keeps the bundle from being compiled; a warning is only told."""

    ERROR = "error"
    WARNING = "warning"


class Position(msgspec.Struct, frozen=True, order=True):
    """A character of a file. Line and column count from 1, the column in characters; a line of 0 is the whole file."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Origin(Protocol):
    """Where a text was written: maps an offset in the text (in characters) to the source."""

    def position(self, offset: int) -> Position:
        """The place of the character at `offset`; one past the end is allowed."""


class TextOrigin:
    """The origin of a text that stands in a file just as it is, from `start` on."""

    def __init__(self, text: str, start: Position) -> None:
        self._text = text
        self._start = start

    def position(self, offset: int) -> Position:
        before = self._text[:offset]
        newlines = before.count("\n")
        if newlines == 0:
            return Position(self._start.file, self._start.line, self._start.column + offset)
        return Position(self._start.file, self._start.line + newlines, offset - before.rfind("\n"))


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong.

    `expected` says what would be right, `nearest` is the name that may be meant, `why` how it came about.
    """

    position: Position
    message: str
    expected: str = ""
    nearest: str = ""
    why: str = ""
    severity: Severity = Severity.ERROR
    source_line: str = ""

    def render(self, colour: bool = False) -> str:
        """The problem as text: a line that editors understand, the source line with a caret, and the hints."""
        tint = _RED if self.severity is Severity.ERROR else _YELLOW
        head = (
            f"{_paint(str(self.position), _BOLD, colour)}: {_paint(self.severity + ':', tint, colour)} {self.message}"
        )
        lines = [head]
        if self.source_line.strip():
            shown, pad = _window(self.source_line, self.position.column)
            lines += [f"  {shown}", f"  {pad}{_paint('^', tint, colour)}"]
        if self.expected:
            lines.append(f"  {_paint('expected:', _CYAN, colour)} {self.expected}")
        if self.nearest:
            lines.append(f"  did you mean {self.nearest!r}?")
        if self.why:
            lines.append(f"  {_paint('why:', _CYAN, colour)} {self.why}")
        return "\n".join(lines)


class Problems:
    """Collects the problems of one bundle, so that all are told at once."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self._sources: dict[str, list[str]] = {}

    def add_source(self, file: str, text: str) -> None:
        """Make known what stands in a file, so that problems in it can show their line."""
        self._sources[file] = text.split("\n")

    def error(self, position: Position, message: str, *, expected: str = "", nearest: str = "", why: str = "") -> None:
        self._add(Problem(position, message, expected, nearest, why))

    def warning(self, position: Position, message: str, *, expected: str = "", nearest: str = "") -> None:
        self._add(Problem(position, message, expected, nearest, severity=Severity.WARNING))

    def take(self, others: Problems) -> None:
        """Add the problems of another collector, with the source lines known here."""
        for other in others.all:
            self._add(other)

    def _add(self, problem: Problem) -> None:
        place = problem.position
        lines = self._sources.get(place.file, [])
        source_line = lines[place.line - 1].rstrip("\r") if 0 < place.line <= len(lines) else ""
        self._found[msgspec.structs.replace(problem, source_line=source_line)] = None

    @property
    def all(self) -> list[Problem]:
        """Every problem once, in the order of the source."""
        return sorted(self._found, key=lambda problem: problem.position)

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.all if problem.severity is Severity.ERROR]

    @property
    def warnings(self) -> list[Problem]:
        return [problem for problem in self.all if problem.severity is Severity.WARNING]

    @property
    def error_count(self) -> int:
        return sum(problem.severity is Severity.ERROR for problem in self._found)

    def render(self, colour: bool = False) -> str:
        """All problems as text, one after the other; empty when there are none."""
        return "\n".join(problem.render(colour) for problem in self.all)


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The candidate that `word` may be a slip of, or "": at most one change in three characters, case aside."""
    best, best_distance = "", max(1, len(word) // 3) + 1
    for candidate in sorted(candidates):
        if abs(len(candidate) - len(word)) < best_distance:
            distance = _edits(word.lower(), candidate.lower(), best_distance)
            if distance < best_distance:
                best, best_distance = candidate, distance
    return best


def _edits(a: str, b: str, enough: int) -> int:
    """Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`; `enough` or more once
    that many are needed.
    """
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, last, row = row, before, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) >= enough:
            return enough
    return row[-1]


def _window(line: str, column: int) -> tuple[str, str]:
    """The part of the line to show, and what stands before the caret: tabs stay tabs, wide characters take two."""
    start = 0
    if len(line) > SOURCE_LINE_COLUMNS_MAX:
        start = max(0, min(column - SOURCE_LINE_COLUMNS_MAX // 2, len(line) - SOURCE_LINE_COLUMNS_MAX))
    shown = "".join(_visible(char) for char in line[start : start + SOURCE_LINE_COLUMNS_MAX])
    return shown, "".join(_blank(char) for char in line[start : column - 1])


def _visible(char: str) -> str:
    """Control characters must not reach the terminal."""
    return "\ufffd" if unicodedata.category(char) == "Cc" and char != "\t" else char


def _blank(char: str) -> str:
    if char == "\t":
        return "\t"
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return ""
    return "  " if unicodedata.east_asian_width(char) in ("W", "F") else " "


def _paint(text: str, colour_code: str, colour: bool) -> str:
    return f"{colour_code}{text}{_OFF}" if colour else text
