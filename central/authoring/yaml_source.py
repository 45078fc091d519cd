"""One YAML file as text: bytes become characters, and what no source may hold is reported.

Places in the text are places in the file as the author sees it: a byte order mark is not counted, and where a value
was put into quotes to be able to go on (`yaml_traps.py`), columns still count what the author wrote.
"""

from __future__ import annotations

import re
from typing import Final

from central.authoring.diagnostics import Position, Problems
from central.config import LIMITS

_FORBIDDEN: Final = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


class YamlSource:
    """The text of a file, with `\\n` as its only line break. `readable` is false when its bytes were no text."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self._repaired: dict[int, list[int]] = {}

    @classmethod
    def read(cls, file: str, data: bytes, problems: Problems) -> YamlSource | None:
        """The text of these bytes. Tabs and characters that YAML refuses are reported and stand as spaces; None
        when there is no text at all.
        """
        if len(data) > LIMITS.source_bytes_max:
            expected = f"at most {LIMITS.source_bytes_max:,} bytes"
            problems.error(Position(file, 0, 0), f"the file has {len(data):,} bytes", expected=expected)
            return None
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            before = data[: error.start].decode(errors="replace")
            place = Position(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
            problems.add_source(file, data.decode(errors="replace"))
            problems.error(place, f"the byte 0x{data[error.start]:02x} is not UTF-8", expected="text in UTF-8")
            return None
        text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        problems.add_source(file, text)
        return cls(file, _cleaned(file, text, problems))

    def place(self, line: int, column: int) -> Position:
        """The position of a character of `text`, counted from 1."""
        columns = self._repaired.get(line)
        if columns is not None:
            column = columns[min(column, len(columns)) - 1] if columns else 1
        return Position(self.file, line, column)

    def line(self, number: int) -> str:
        """A line of `text`, counted from 1; empty past the end."""
        lines = self.text.split("\n", number)
        return lines[number - 1] if number <= len(lines) else ""

    def repair(self, line: int, start: int, end: int, written: str) -> None:
        """Put `written` in place of columns `start` to `end` (from 0) of a line, and remember the author's columns."""
        lines = self.text.split("\n")
        old = lines[line - 1]
        columns = self._repaired.get(line, list(range(1, len(old) + 2)))
        inside, at = [], start
        for char in written:
            inside.append(columns[min(at, end)])
            at += at < end and char == old[at]
        lines[line - 1] = old[:start] + written + old[end:]
        self._repaired[line] = columns[:start] + inside + columns[end:]
        self.text = "\n".join(lines)


def _cleaned(file: str, text: str, problems: Problems) -> str:
    if not _FORBIDDEN.search(text) and "\t" not in text:
        return text
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line:
            expected = "spaces; in double quotes \\t"
            problems.error(Position(file, number, line.index("\t") + 1), "a tab", expected=expected)
        for match in _FORBIDDEN.finditer(line):
            code = ord(match[0])
            place = Position(file, number, match.start() + 1)
            expected = f"in double quotes, \\u{code:04x}" if code else "text"
            problems.error(place, f"the character U+{code:04X} can't stand in a source", expected=expected)
    return _FORBIDDEN.sub(" ", text).replace("\t", " ")
