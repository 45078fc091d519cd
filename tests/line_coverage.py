"""`python -m tests.line_coverage FOLDER`: which lines of the extensions the tests have run, as gcov counted them.

FOLDER is where `EDGEWISE_COVERAGE=1` built. gcc counts lines of the generated C, where Cython says in comments which
line of .pyx or .pxd the following was made of; so functions without the GIL and inline functions of .pxd are counted
like any other. A line has run when anything made of it has, in whichever extension. Building and testing are left to
`make coverage`.

What is not counted is what only a lack of memory reaches: a line that raises MemoryError or says `no memory` in a
comment, and what is indented below such a line. Nothing else may be left out.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).parent.parent
WANTED_PERCENT: Final = 95.0
MADE_OF: Final = re.compile(r'\s*/\* "(rulecore/\w+\.p(?:yx|xd))":(\d+)$')
NO_MEMORY: Final = re.compile(r"\braise MemoryError\b|#.*\bno memory\b")


class Line(msgspec.Struct, frozen=True):
    """A line of C and how often it ran."""

    line_number: int
    count: int


class Source(msgspec.Struct, frozen=True):
    """A C source in an object file."""

    file: str
    lines: list[Line]


class Counted(msgspec.Struct, frozen=True):
    """What gcov says of an object file."""

    files: list[Source]


Runs = dict[int, int]
"""By line, how often it ran."""


def read(folder: Path) -> dict[str, Runs]:
    """The lines of each source of `rulecore`, by its path, all object files taken together."""
    objects = sorted(str(path.resolve()) for path in folder.rglob("*.gcno"))
    gcov = subprocess.run(["gcov", "--json-format", "--stdout", *objects], cwd=ROOT, capture_output=True, check=True)
    found: dict[str, Runs] = {}
    for counted in gcov.stdout.splitlines():
        for source in msgspec.json.decode(counted, type=Counted).files:
            if source.file.startswith("rulecore/"):
                origins = made_of((ROOT / source.file).read_text().splitlines())
                for line in source.lines:
                    if line.line_number in origins:
                        name, number = origins[line.line_number]
                        runs = found.setdefault(name, {})
                        runs[number] = max(runs.get(number, 0), line.count)
    return found


def made_of(lines: Iterable[str]) -> dict[int, tuple[str, int]]:
    """By line of C, the path and the line that it was made of; Cython's own helpers are left out."""
    origins: dict[int, tuple[str, int]] = {}
    origin: tuple[str, int] | None = None
    for number, line in enumerate(lines, 1):
        if found := MADE_OF.match(line):
            origin = found[1], int(found[2])
        elif line.startswith("}"):
            origin = None  # a function ends, and the next may be a helper
        elif origin is not None:
            origins[number] = origin
    return origins


def out_of_memory(lines: Iterable[str]) -> Iterator[int]:
    """The numbers of the lines that only a lack of memory reaches."""
    above: int | None = None
    for number, line in enumerate(lines, 1):
        indent = len(line) - len(line.lstrip())
        if NO_MEMORY.search(line):
            above = indent if above is None else min(above, indent)
            yield number
        elif line.strip() and above is not None:
            if indent > above:
                yield number
            else:
                above = None


def ranges(numbers: Iterable[int]) -> str:
    """1, 2, 3, 7 as 1-3, 7."""
    spans: list[tuple[int, int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1] = spans[-1][0], number
        else:
            spans.append((number, number))
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in spans)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 1 when too little has run."""
    parser = argparse.ArgumentParser(prog="tests.line_coverage", description="Lines of the extensions that have run.")
    parser.add_argument("folder", type=Path, help="where EDGEWISE_COVERAGE=1 built")
    folder: Path = parser.parse_args(argv).folder
    all_lines = all_missed = 0
    print(f"{'source':<34}{'lines':>7}{'%':>7}  not run")
    for name, runs in sorted(read(folder).items()):
        counted = sorted(runs.keys() - set(out_of_memory((ROOT / name).read_text().splitlines())))
        missed = [number for number in counted if not runs[number]]
        all_lines += len(counted)
        all_missed += len(missed)
        if counted:
            print(f"{name:<34}{len(counted):>7,}{percent(counted, missed):>7.1f}  {ranges(missed)}".rstrip())
    if not all_lines:
        print("Nothing was counted: were the extensions there built with EDGEWISE_COVERAGE=1?", file=sys.stderr)
        return 1
    share = 100 * (1 - all_missed / all_lines)
    print(f"{'all':<34}{all_lines:>7,}{share:>7.1f}")
    if share < WANTED_PERCENT:
        print(f"{share:.1f} % of the lines ran; {WANTED_PERCENT:.0f} % must.", file=sys.stderr)
        return 1
    return 0


def percent(counted: Sequence[int], missed: Sequence[int]) -> float:
    """The share of the lines that ran."""
    return 100 * (1 - len(missed) / len(counted))


if __name__ == "__main__":
    sys.exit(main())
