"""What the demo prints: its steps with their times, tables, and the latency seen. Nothing here decides or measures."""

from __future__ import annotations

import contextlib
import itertools
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TextIO

COLUMNS: Final = 100

_INDENT: Final = " " * 6


class Report:
    """Writes to a stream, a step at a time."""

    def __init__(self, out: TextIO, steps: int) -> None:
        self._out = out
        self._steps = steps
        self._step = 0

    @contextlib.contextmanager
    def step(self, says: str) -> Iterator[None]:
        """Say what is being done, and when it is done how long it took. Nothing else is written meanwhile."""
        self._step += 1
        line = f"[{self._step}/{self._steps}] {says}"
        self._write(line)
        started = time.perf_counter()
        try:
            yield
        except BaseException:
            self._write("\n")
            raise
        seconds = f"{time.perf_counter() - started:.2f} s"
        # What was done may have drawn a bar of its own over the line.
        again = f"\r{line}" if self._out.isatty() else ""
        self._write(f"{again}{seconds:>{COLUMNS - len(line)}}\n")

    def lines(self, *lines: str) -> None:
        """Plain lines."""
        self._write("".join(f"{line}\n" for line in lines))

    def note(self, text: str) -> None:
        """What came of the step before, indented and filled."""
        self.lines(*textwrap.wrap(text, COLUMNS, initial_indent=_INDENT, subsequent_indent=_INDENT))

    def table(self, heads: Sequence[str], groups: Mapping[str, Sequence[Sequence[str]]]) -> None:
        """An empty line, heads, and rows in groups; a group with a name has it on a line of its own."""
        rows = [heads, *itertools.chain.from_iterable(groups.values())]
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]

        def line(row: Sequence[str]) -> str:
            return "  ".join(["", *(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))]).rstrip()

        self.lines("", line(heads), line(["-" * width for width in widths]))
        for name, group in groups.items():
            self.lines(*([name] if name else []), *map(line, group))

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def shown(seconds: float) -> str:
    """A short time, in the unit that suits it."""
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"
