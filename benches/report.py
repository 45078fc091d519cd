"""The report of a run: a table for who watches, JSON for who compares runs."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

import msgspec

from benches.timing import Figures


class Ratio(msgspec.Struct, frozen=True):
    """One figure over another of the same run."""

    name: str
    value: float


class Section(msgspec.Struct, frozen=True):
    """Figures that belong together. With `floor`, the table shows each as a multiple of that one."""

    title: str
    figures: list[Figures]
    ratios: list[Ratio]
    floor: str | None = None


class Machine(msgspec.Struct, frozen=True):
    """Where it was measured."""

    processor: str
    cores: int
    system: str
    python: str


class Report(msgspec.Struct, frozen=True):
    """A whole run. `quick` runs are too short to be compared."""

    date: str
    quick: bool
    machine: Machine
    sections: list[Section]


def make_report(sections: list[Section], *, quick: bool) -> Report:
    """The sections with date and machine."""
    machine = Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
    )
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return Report(date=now, quick=quick, machine=machine, sections=sections)


def render(section: Section) -> str:
    """A table of the figures, then the ratios."""
    floor = next((each.median for each in section.figures if each.name == section.floor), None)
    lines = [section.title]
    for unit in dict.fromkeys(each.unit for each in section.figures):
        head = f"  {unit:<38}{'median':>12}{'min':>12}{'p99':>12}"
        lines.append(head + ("" if floor is None else f"{'x ' + str(section.floor):>26}"))
        for each in section.figures:
            if each.unit == unit:
                line = f"  {each.name:<38}{each.median:>12,.0f}{each.least:>12,.0f}{each.p99:>12,.0f}"
                lines.append(line + ("" if floor is None else f"{each.median / floor:>26.1f}"))
    lines.extend(f"  {ratio.name:<38}{ratio.value:>12.2f}" for ratio in section.ratios)
    return "\n".join(lines)


def write(report: Report, folder: Path) -> Path:
    """Write the report as JSON into a file of its own; gives its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{report.date.replace(':', '').replace('+0000', 'Z')}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return path


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
