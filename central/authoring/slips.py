"""Faults of form, in the words of somebody who knows what authors mean.

The parser stops at a character or a token that can't stand where it is. `Slips` says what is wrong with it and, where
the intention is plain, puts in what should have been written and lets the parser go on.
"""

from __future__ import annotations

import re
from typing import Final, cast

import msgspec
from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.parsers.lalr_interactive_parser import InteractiveParser


class Fault(msgspec.Struct, frozen=True):
    """Something wrong at an offset of the condition."""

    at: int
    message: str
    expected: str = ""
    nearest: str = ""


_MEANT: Final = {"=": ("EQ", "=="), "&": ("AND", "&&"), "|": ("OR", "||")}
"""Single characters: the token meant, and its text."""

_WORDS: Final = {"and": ("AND", "&&"), "or": ("OR", "||"), "is": ("EQ", "=="), "equals": ("EQ", "==")}
"""Words used as operators, in lower case."""

_METHOD_WORDS: Final = {
    "contains": "contains",
    "startswith": "startsWith",
    "endswith": "endsWith",
    "matches": "matches",
}
_VALUES: Final = ("NAME", "STRING", "INT", "DOUBLE", "TRUE", "FALSE")
_CURLY_QUOTES: Final = "\u2018\u2019\u201c\u201d\u00ab\u00bb"
_SPACES: Final = re.compile(r"[^\S\t\n\f\r ]|[\ufeff\u200b]")
_BRACKETS: Final = re.compile(
    r"""'''(?s:.)*?'''|\"""(?s:.)*?\"""|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|//[^\n]*|(?P<bracket>[()\[\]])"""
)
_NOT: Final = re.compile(r"(?<![\w.])(not|NOT)\s*$")
_CLOSING: Final = {"(": ")", "[": "]"}
_VALUE: Final = "a value: an attribute, a constant, a function or `(`"
_OPERATOR: Final = "an operator, such as == or &&"


class Slips:
    """The faults of one text, gathered while it is parsed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.faults: list[Fault] = []

    def mended(self, error: UnexpectedInput) -> bool:
        """Notes what is wrong; True when the parser may go on after what was put in for it."""
        if isinstance(error, UnexpectedCharacters):
            return self._character(error)
        return self._token(cast(UnexpectedToken, error))

    def _fault(self, at: int, message: str, expected: str = "") -> None:
        self.faults.append(Fault(at, message, expected))

    def _put_in(self, parser: InteractiveParser, kind: str, text: str, at: int, length: int) -> bool:
        """Feeds the parser a token; False if it can't stand there either."""
        if kind not in _accepted(parser):
            return False
        parser.feed_token(Token(kind, text, start_pos=at, end_pos=at + length))
        return True

    # Characters that begin no token

    def _character(self, error: UnexpectedCharacters) -> bool:
        at = cast(int, error.pos_in_stream)
        char, before, after = self.text[at], self.text[max(at - 2, 0) : at], self.text[at + 1 : at + 2]
        if char == "=" and before in ("==", "!="):
            self._fault(at, f"`{before}=` has one `=` too many", f"`{before}`")
            return True
        if char == "=" and after in ("<", ">", "~"):
            self._fault(at, f"`={after}` is no operator", "a.matches('...')" if after == "~" else f"`{after}=`")
            return False
        if char in _MEANT:
            kind, text = _MEANT[char]
            self._fault(at, f"a single `{char}` is no operator", f"`{text}`")
            return self._put_in(error.interactive_parser, kind, text, at, 1)
        if _SPACES.match(char):
            self._fault(at, f"a space of another kind (U+{ord(char):04X})", "an ordinary space")
            return True
        self._fault(at, *_no_token(char))
        return False

    # Tokens that can't stand where they are

    def _token(self, error: UnexpectedToken) -> bool:
        token, parser = error.token, error.interactive_parser
        accepted = _accepted(parser)
        bracket = self._unbalanced()
        if token.type == "$END":
            due = "`:` and what holds otherwise" if "COLON" in accepted else _VALUE
            self._fault(*(bracket or (len(self.text.rstrip()), "the condition ends too early", due)))
            return False
        at = cast(int, token.start_pos)
        if bracket is not None and bracket[0] == at:
            self._fault(*bracket)
            return False
        if "NAME" not in accepted:
            return self._after_a_value(parser, token, at)
        self._instead_of_a_value(token, at)
        return False

    def _after_a_value(self, parser: InteractiveParser, token: Token, at: int) -> bool:
        """An operator was due."""
        word = token.lower()
        after_not = _NOT.search(self.text[:at])
        if token.type == "NAME" and word in _WORDS:
            kind, text = _WORDS[word]
            self._fault(at, f"`{token}` is written {text}", f"`{text}`")
            return self._put_in(parser, kind, text, at, len(token))
        if after_not:
            self._fault(
                after_not.start(1), "`not` is written !", "`!`, with parentheses around a comparison: !(a == b)"
            )
        elif token.type == "NAME" and word == "not":
            self._fault(at, "`not in` is written !(a in b)", "`!` before the whole comparison, in parentheses")
        elif token.type == "NAME" and word in _METHOD_WORDS:
            self._fault(at, f"`{token}` is a method", f"a.{_METHOD_WORDS[word]}('...')")
        elif token.type == "NAME" and word == "like":
            self._fault(at, "there is no `like`", "a.contains('...'), a.startsWith('...') or a.matches('...')")
        elif token.type == "LSQB":
            self._fault(at, "nothing can be indexed with [ ]", "`x in list`, or list.exists(i, ...)")
        elif self.text[at - 1] in "'\"":
            self._fault(
                at,
                f"`{_short(token)}` follows right after a string",
                "a quote inside a string as \\' or in the other quotes",
            )
        elif token.type in _VALUES:
            quoted = token.type == "NAME" and self.text[:at].rstrip()[-1:].isalnum()
            self._fault(
                at, f"`{_short(token)}` follows a value", f"{_OPERATOR}; text in quotes" if quoted else _OPERATOR
            )
        else:
            self._fault(at, f"`{_short(token)}` can't stand here", _OPERATOR)
        return False

    def _instead_of_a_value(self, token: Token, at: int) -> None:
        """A value was due."""
        before = self.text[:at].rstrip()
        if before.endswith("."):
            self._fault(at, f"`{_short(token)}` can't follow a dot", "a name")
        elif before.endswith("<") and token.type == "GT":
            self._fault(len(before) - 1, "`<>` is written !=", "`!=`")
        elif before.endswith("(") and token.type == "RPAR":
            self._fault(at, "nothing stands between these parentheses", _VALUE)
        else:
            self._fault(at, f"`{_short(token)}` stands where a value is due", _VALUE)

    def _unbalanced(self) -> tuple[int, str, str] | None:
        """The first bracket that closes nothing or the wrong one, else the last that is never closed."""
        open_at: list[int] = []
        for match in _BRACKETS.finditer(self.text):
            bracket = match["bracket"]
            if bracket in _CLOSING:
                open_at.append(match.start())
            elif bracket and not open_at:
                return match.start(), f"this `{bracket}` closes nothing", ""
            elif bracket:
                due = _CLOSING[self.text[open_at.pop()]]
                if bracket != due:
                    return match.start(), f"`{bracket}` stands where `{due}` is due", f"`{due}`"
        if open_at:
            opening = self.text[open_at[-1]]
            return open_at[-1], f"this `{opening}` is never closed", f"`{_CLOSING[opening]}`"
        return None


def _accepted(parser: InteractiveParser) -> set[str]:
    """The names of the tokens that could stand here."""
    return cast("set[str]", parser.accepts())  # type: ignore[no-untyped-call]  # lark gives it no types


def _no_token(char: str) -> tuple[str, str]:
    """Of a character that begins no token: what is wrong, and what is expected."""
    if char in "'\"":
        return "this string is not closed", f"a closing {char}, on the same line"
    if char in _CURLY_QUOTES:
        return f"`{char}` is a typographic quote", "a straight one: ' or \""
    if char in "{}":
        return "maps and messages are not part of conditions", "lists are written [ ]"
    if char == "`":
        return "a backtick quotes nothing here", "names as they are, text in ' or \""
    shown = f"`{char}`" if char.isprintable() else f"the character U+{ord(char):04X}"
    return f"{shown} has no meaning in a condition", "text in quotes" if char.isalpha() else ""


def _short(token: str) -> str:
    return token if len(token) <= 40 else f"{token[:37]}..."
