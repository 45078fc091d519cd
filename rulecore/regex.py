"""Regular expressions in RE2's syntax, read to a small tree, or refused with what is wrong and at which character.

What RE2 takes with its default options is taken, and means the same: named, POSIX and Unicode classes, flags and their
scopes, counted repeats, literals between `\\Q` and `\\E`. Captures and greediness make no difference to whether a
pattern is found, so the tree knows neither. The automata that find it are `rulecore.automata`'s.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec

from rulecore import charset
from rulecore.charset import Charset
from rulecore.errors import PatternError
from rulecore.limits import LIMITS

_REPEATS_MAX: Final = 1_000
"""RE2's, of one count and of counts inside each other multiplied."""

_ESCAPED: Final = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_NEWLINE: Final = ((10, 10),)
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_DIGITS: Final = frozenset("0123456789")


class At(IntEnum):
    """Where an assertion holds."""

    TEXT_BEGIN = 0
    TEXT_END = 1
    LINE_BEGIN = 2
    LINE_END = 3
    WORD_EDGE = 4
    NO_WORD_EDGE = 5


class Chars(msgspec.Struct, frozen=True):
    """One character of a set."""

    charset: Charset


class AnyByte(msgspec.Struct, frozen=True):
    """One byte, whatever it is."""


class Assertion(msgspec.Struct, frozen=True):
    """No text, at a certain place."""

    at: At


class Sequence(msgspec.Struct, frozen=True):
    """One part behind the other; without parts, the empty text."""

    parts: tuple[Node, ...]


class Choice(msgspec.Struct, frozen=True):
    """Any of the parts."""

    parts: tuple[Node, ...]


class Repeat(msgspec.Struct, frozen=True):
    """The body at least `least` times and at most `most`; None is any number."""

    body: Node
    least: int
    most: int | None


Node = Chars | AnyByte | Assertion | Sequence | Choice | Repeat

EMPTY: Final = Sequence(())


class _Flags(msgspec.Struct, frozen=True):
    fold: bool = False
    lines: bool = False
    dot_all: bool = False


class _Group(msgspec.Struct):
    """A group that is still open: what stands before its parenthesis, and its own alternatives so far."""

    at: int
    flags: _Flags
    choices: list[Node]
    parts: list[Node]


def parse(pattern: str) -> Node:
    """The tree of a pattern. Raises PatternError."""
    return _Parser(pattern).parse()


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.flags = _Flags()
        self.open: list[_Group] = []
        self.choices: list[Node] = []
        self.parts: list[Node] = []

    def parse(self) -> Node:
        pattern = self.pattern
        if len(pattern) > LIMITS.pattern_chars_max:
            raise PatternError(f"has more than {LIMITS.pattern_chars_max:,} characters", LIMITS.pattern_chars_max)
        for at, char in enumerate(pattern):
            if 0xD800 <= ord(char) <= 0xDFFF:
                raise PatternError("a half of a surrogate pair is no character", at)
        repeated = False
        while self.at < len(pattern):
            repeated = self._next(repeated)
        if self.open:
            raise PatternError("a ( that is never closed", self.open[-1].at)
        return self._closed()

    def _next(self, repeated: bool) -> bool:
        """Reads what comes next, and says whether it was a repeat; `repeated` says so of what was before it."""
        char = self.pattern[self.at]
        start = self.at
        if char in "*+?{":
            counts = self._counts()
            if counts is not None:
                self._repeat(start, repeated, *counts)
                return True
        self.at += 1
        match char:
            case "(":
                self._left_parenthesis(start)
            case ")":
                self._right_parenthesis(start)
            case "|":
                self.choices.append(_sequence(self.parts))
                self.parts = []
            case "^":
                self._add(Assertion(At.LINE_BEGIN if self.flags.lines else At.TEXT_BEGIN))
            case "$":
                self._add(Assertion(At.LINE_END if self.flags.lines else At.TEXT_END))
            case ".":
                self._add(Chars(charset.ANY if self.flags.dot_all else charset.negated(_NEWLINE)))
            case "[":
                self._add(Chars(self._class(start)))
            case "\\":
                self._backslash(start)
            case _:
                self._literal(ord(char))
        return False

    def _add(self, node: Node) -> None:
        self.parts.append(node)

    def _literal(self, code_point: int) -> None:
        self._add(Chars(self._folded(((code_point, code_point),))))

    def _folded(self, chars: Charset) -> Charset:
        return charset.folded(chars) if self.flags.fold and chars else chars

    def _closed(self) -> Node:
        """What the group at hand matches."""
        if not self.choices:
            return _sequence(self.parts)
        return Choice((*self.choices, _sequence(self.parts)))

    # Groups and flags

    def _left_parenthesis(self, start: int) -> None:
        flags = self.flags
        if self.pattern.startswith("?", self.at):
            named = self._named(start)
            if not named and not self._flags(start):
                return
        if len(self.open) == LIMITS.pattern_depth_max:
            raise PatternError(f"groups stand in each other more than {LIMITS.pattern_depth_max} deep", start)
        self.open.append(_Group(start, flags, self.choices, self.parts))
        self.choices, self.parts = [], []

    def _right_parenthesis(self, start: int) -> None:
        if not self.open:
            raise PatternError("a ) without a (", start)
        node = self._closed()
        group = self.open.pop()
        self.choices, self.parts, self.flags = group.choices, group.parts, group.flags
        self._add(node)

    def _named(self, start: int) -> bool:
        """Reads `?P<name>` or `?<name>`, if it stands here."""
        rest = self.pattern[self.at : self.at + 3]
        if rest[:2] in ("?=", "?!") or rest in ("?<=", "?<!"):
            raise PatternError("looking ahead or behind is not in RE2's syntax", start)
        begin = self.at + (3 if rest == "?P<" else 2)
        if rest != "?P<" and rest[:2] != "?<":
            return False
        end = self.pattern.find(">", begin)
        name = self.pattern[begin:end] if end >= 0 else ""
        if not name or not all(_in(_name_characters(), ord(char)) for char in name):
            raise PatternError("a group with a malformed name", start)
        self.at = end + 1
        return True

    def _flags(self, start: int) -> bool:
        """Reads `?flags:` or `?flags)`, and says whether a group begins."""
        on, seen = True, True
        found = {"i": self.flags.fold, "m": self.flags.lines, "s": self.flags.dot_all, "U": False}
        for at in range(self.at + 1, len(self.pattern)):
            char = self.pattern[at]
            if char in found:
                found[char] = on
                seen = True
            elif char == "-" and on:
                on = seen = False
            elif char in ":)" and seen:
                self.at = at + 1
                self.flags = _Flags(found["i"], found["m"], found["s"])
                return char == ":"
            else:
                break
        raise PatternError("no such group in RE2's syntax: (?flags), (?flags:..), (?P<name>..) are", start)

    # Repeats

    def _counts(self) -> tuple[int, int | None] | None:
        """Reads `*`, `+`, `?` or `{n,m}`, and what makes it lazy; None when a brace stands for itself."""
        char = self.pattern[self.at]
        if char == "{":
            counts = self._braces()
            if counts is None:
                return None
        else:
            self.at += 1
            counts = {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        if self.pattern.startswith("?", self.at):
            self.at += 1
        return counts

    def _braces(self) -> tuple[int, int | None] | None:
        end = self.pattern.find("}", self.at)
        least, comma, most = self.pattern[self.at + 1 : max(end, 0)].partition(",")
        if end < 0 or not _is_count(least) or not (_is_count(most) or not most):
            return None
        self.at = end + 1
        if not comma:
            return int(least), int(least)
        return int(least), int(most) if most else None

    def _repeat(self, start: int, repeated: bool, least: int, most: int | None) -> None:
        if repeated:
            raise PatternError("a repeat of a repeat: put parentheses around what is to be repeated", start)
        if least > _REPEATS_MAX or (most is not None and (most > _REPEATS_MAX or most < least)):
            raise PatternError(f"a count must ascend and be at most {_REPEATS_MAX:,}", start)
        if not self.parts:
            raise PatternError("nothing stands here that could be repeated", start)
        node = Repeat(self.parts.pop(), least, most)
        if (least >= 2 or (most or 0) >= 2) and _repeats_left(node, _REPEATS_MAX) == 0:
            raise PatternError(f"counts inside each other come to more than {_REPEATS_MAX:,}", start)
        self._add(node)

    # Escapes

    def _backslash(self, start: int) -> None:
        char = self.pattern[self.at : self.at + 1]
        match char:
            case "b" | "B" | "A" | "z":
                at = {"b": At.WORD_EDGE, "B": At.NO_WORD_EDGE, "A": At.TEXT_BEGIN, "z": At.TEXT_END}[char]
                self.at += 1
                self._add(Assertion(at))
            case "C":
                self.at += 1
                self._add(AnyByte())
            case "Q":
                end = self.pattern.find("\\E", self.at + 1)
                literal = self.pattern[self.at + 1 : end if end >= 0 else len(self.pattern)]
                self.at = end + 2 if end >= 0 else len(self.pattern)
                for one in literal:
                    self._literal(ord(one))
            case _:
                named = self._named_class(start)
                if named is not None:
                    self._add(Chars(named))
                else:
                    self._literal(self._escaped(start))

    def _named_class(self, start: int) -> Charset | None:
        """Reads what stands behind a backslash if it is a class: `\\d` and its like, `\\pL`, `\\p{Greek}`."""
        char = self.pattern[self.at : self.at + 1]
        if char and char in "dswDSW":
            self.at += 1
            chars = self._folded(charset.PERL[char.lower()])
            return charset.negated(chars) if char.isupper() else chars
        if not char or char not in "pP":
            return None
        begin = self.at + 1
        end = begin + 1
        if self.pattern.startswith("{", begin):
            begin += 1
            end = self.pattern.find("}", begin)
        name = self.pattern[begin:end]
        chars_or_none = charset.unicode_group(name.removeprefix("^")) if end >= 0 else None
        if chars_or_none is None:
            raise PatternError("no such category or script of Unicode", start)
        self.at = end + (self.pattern[begin - 1] == "{")
        chars = self._folded(chars_or_none)
        return charset.negated(chars) if (char == "P") != name.startswith("^") else chars

    def _escaped(self, start: int) -> int:
        """Reads what stands behind a backslash if it is one character."""
        char = self.pattern[self.at : self.at + 1]
        self.at += 1
        if not char:
            raise PatternError("a backslash at the end", start)
        if char in _ESCAPED:
            return _ESCAPED[char]
        if char == "x":
            return self._hexadecimal(start)
        if char in "01234567":
            digits = char
            while len(digits) < 3 and self.pattern[self.at : self.at + 1] in tuple("01234567"):
                digits += self.pattern[self.at]
                self.at += 1
            if char == "0" or len(digits) > 1:
                return int(digits, 8)
            raise PatternError("back references are not in RE2's syntax", start)
        if char.isascii() and not char.isalnum():
            return ord(char)
        raise PatternError(f"\\{char} is no escape in RE2's syntax", start)

    def _hexadecimal(self, start: int) -> int:
        if self.pattern.startswith("{", self.at):
            end = self.pattern.find("}", self.at)
            digits = self.pattern[self.at + 1 : max(end, 0)]
            self.at = end + 1
        else:
            digits = self.pattern[self.at : self.at + 2]
            self.at += 2
            if len(digits) < 2:
                digits = ""
        if not digits or not _HEX.issuperset(digits) or int(digits, 16) > charset.LAST:
            raise PatternError("\\x takes two hexadecimal digits, or a code point in braces", start)
        return int(digits, 16)

    # Classes in brackets

    def _class(self, start: int) -> Charset:
        """Reads a class behind its bracket."""
        ranges: list[tuple[int, int]] = []
        negated = self.pattern.startswith("^", self.at)
        self.at += negated
        first = True
        while first or not self.pattern.startswith("]", self.at):
            first = False
            if self.at >= len(self.pattern):
                raise PatternError("a [ that is never closed", start)
            named = self._posix_class()
            if named is None and self.pattern.startswith("\\", self.at):
                at = self.at
                self.at += 1
                named = self._named_class(at)
                self.at -= named is None
            if named is not None:
                ranges += named
            else:
                ranges += self._folded((self._range(start),))
        self.at += 1
        chars = charset.union(ranges)
        return charset.negated(chars) if negated else chars

    def _posix_class(self) -> Charset | None:
        """Reads `[:name:]`, if it stands here."""
        end = self.pattern.find(":]", self.at + 2)
        if not self.pattern.startswith("[:", self.at) or end < 0:
            return None
        name = self.pattern[self.at + 2 : end]
        if name.removeprefix("^") not in charset.POSIX:
            raise PatternError(f"no class is called [:{name}:]", self.at)
        self.at = end + 2
        chars = self._folded(charset.POSIX[name.removeprefix("^")])
        return charset.negated(chars) if name.startswith("^") else chars

    def _range(self, bracket: int) -> tuple[int, int]:
        start = self.at
        low = high = self._class_character(bracket)
        if self.pattern.startswith("-", self.at) and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
            self.at += 1
            high = self._class_character(bracket)
        if high < low:
            raise PatternError("a range that ends before it begins", start)
        return low, high

    def _class_character(self, bracket: int) -> int:
        start = self.at
        if start >= len(self.pattern):
            raise PatternError("a [ that is never closed", bracket)
        self.at += 1
        return self._escaped(start) if self.pattern[start] == "\\" else ord(self.pattern[start])


def _sequence(parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Sequence(tuple(parts))


def _is_count(text: str) -> bool:
    """Digits as RE2 reads them for a count: no zero in front, and below a billion."""
    return bool(text) and _DIGITS.issuperset(text) and (text == "0" or text[0] != "0") and len(text) < 10


def _repeats_left(node: Node, left: int) -> int:
    """`left`, divided by the counts of the repeats on the way down to the deepest: 0 when they come to more."""
    match node:
        case Repeat(body=body, least=least, most=most):
            count = least if most is None else most
            return _repeats_left(body, left // count if count else left)
        case Sequence(parts=parts) | Choice(parts=parts):
            return min((_repeats_left(part, left) for part in parts), default=left)
        case _:
            return left


def _name_characters() -> Charset:
    groups = [charset.unicode_group(name) or () for name in ("L", "Mn", "Mc", "Nd", "Nl", "Pc")]
    return charset.union(one for group in groups for one in group)


def _in(chars: Charset, code_point: int) -> bool:
    return any(low <= code_point <= high for low, high in chars)
