"""Faults of form, in the words of somebody who knows what authors mean.

The parser stops at a character or a token that can't stand where it is. `Slips` says what is wrong with it and, where
the intention is plain, puts in what should have been written and lets the parser go on.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from central.authoring.tokens import DOUBLE, INT, NAME, STRAY, STRING


class Fault(msgspec.Struct, frozen=True):
    """Something wrong at an offset of the condition."""

    at: int
    message: str
    expected: str = ""
    nearest: str = ""


_MEANT: Final = {"=": "==", "&": "&&", "|": "||"}
"""Single characters, and the operators meant."""

_WORDS: Final = {"and": "&&", "or": "||", "is": "==", "equals": "=="}
"""Words used as operators, in lower case."""

_METHOD_WORDS: Final = {
    "contains": "contains",
    "startswith": "startsWith",
    "endswith": "endsWith",
    "matches": "matches",
}
_VALUES: Final = (NAME, STRING, INT, DOUBLE, "true", "false")
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

    def meant(self, kind: str, text: str, at: int, operator_due: bool) -> str | None:
        """Notes what is wrong with a token; the operator that was meant, "" if the parser may go on without it, None
        if it can't.
        """
        if kind == STRAY:
            return self._character(text, at, operator_due)
        bracket = self._unbalanced()
        if bracket is not None and bracket[0] == at:
            self._fault(*bracket)
            return None
        if operator_due:
            return self._after_a_value(kind, text, at)
        self._instead_of_a_value(kind, text, at)
        return None

    def ends_early(self, colon_due: bool) -> None:
        """Notes that the condition can't end here."""
        due = "`:` and what holds otherwise" if colon_due else _VALUE
        self._fault(*(self._unbalanced() or (len(self.text.rstrip()), "the condition ends too early", due)))

    def _fault(self, at: int, message: str, expected: str = "") -> None:
        self.faults.append(Fault(at, message, expected))

    # Characters that begin no token

    def _character(self, char: str, at: int, operator_due: bool) -> str | None:
        before, after = self.text[max(at - 2, 0) : at], self.text[at + 1 : at + 2]
        if char == "=" and before in ("==", "!="):
            self._fault(at, f"`{before}=` has one `=` too many", f"`{before}`")
            return ""
        if char == "=" and after in ("<", ">", "~"):
            self._fault(at, f"`={after}` is no operator", "a.matches('...')" if after == "~" else f"`{after}=`")
            return None
        if char in _MEANT:
            self._fault(at, f"a single `{char}` is no operator", f"`{_MEANT[char]}`")
            return _MEANT[char] if operator_due else None
        if _SPACES.match(char):
            self._fault(at, f"a space of another kind (U+{ord(char):04X})", "an ordinary space")
            return ""
        self._fault(at, *_no_token(char))
        return None

    # Tokens that can't stand where they are

    def _after_a_value(self, kind: str, text: str, at: int) -> str | None:
        """An operator was due."""
        word = text.lower()
        after_not = _NOT.search(self.text[:at])
        if kind == NAME and word in _WORDS:
            self._fault(at, f"`{text}` is written {_WORDS[word]}", f"`{_WORDS[word]}`")
            return _WORDS[word]
        if after_not:
            self._fault(
                after_not.start(1), "`not` is written !", "`!`, with parentheses around a comparison: !(a == b)"
            )
        elif kind == NAME and word == "not":
            self._fault(at, "`not in` is written !(a in b)", "`!` before the whole comparison, in parentheses")
        elif kind == NAME and word in _METHOD_WORDS:
            self._fault(at, f"`{text}` is a method", f"a.{_METHOD_WORDS[word]}('...')")
        elif kind == NAME and word == "like":
            self._fault(at, "there is no `like`", "a.contains('...'), a.startsWith('...') or a.matches('...')")
        elif kind == "[":
            self._fault(at, "nothing can be indexed with [ ]", "`x in list`, or list.exists(i, ...)")
        elif self.text[at - 1] in "'\"":
            expected = "a quote inside a string as \\' or in the other quotes"
            self._fault(at, f"`{_short(text)}` follows right after a string", expected)
        elif kind in _VALUES:
            quoted = kind == NAME and self.text[:at].rstrip()[-1:].isalnum()
            expected = f"{_OPERATOR}; text in quotes" if quoted else _OPERATOR
            self._fault(at, f"`{_short(text)}` follows a value", expected)
        else:
            self._fault(at, f"`{_short(text)}` can't stand here", _OPERATOR)
        return None

    def _instead_of_a_value(self, kind: str, text: str, at: int) -> None:
        """A value was due."""
        before = self.text[:at].rstrip()
        if before.endswith("."):
            self._fault(at, f"`{_short(text)}` can't follow a dot", "a name")
        elif before.endswith("<") and kind == ">":
            self._fault(len(before) - 1, "`<>` is written !=", "`!=`")
        elif before.endswith("(") and kind == ")":
            self._fault(at, "nothing stands between these parentheses", _VALUE)
        else:
            self._fault(at, f"`{_short(text)}` stands where a value is due", _VALUE)

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
