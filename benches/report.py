"""The report of a run: what was measured, and the JSON for who compares runs. Tables are made by `benches.tables`."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path
from typing import Final

import msgspec

from benches.timing import Figures

NATURAL: Final = "natural"
NO_MATCH: Final = "no match"


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
    notes: list[str] = []


class Comparison(msgspec.Struct, frozen=True):
    """Engines on the same rules and the same contexts, in turns. Each figure's name is an engine's or a floor's."""

    workload: str
    rules: int
    contexts: str
    figures: list[Figures]

    def median(self, engine: str) -> float | None:
        """Nanoseconds; None if it was not measured here."""
        return next((each.median for each in self.figures if each.name == engine), None)


class PeerNote(msgspec.Struct, frozen=True):
    """A peer of this run. `excluded` says why it was not measured at all, or where it was left out."""

    name: str
    version: str
    excluded: list[str]


class Machine(msgspec.Struct, frozen=True):
    """Where it was measured."""

    processor: str
    cores: int
    system: str
    python: str


class Promise(msgspec.Struct, frozen=True):
    """What is promised of a figure, and what it is. A limit is an upper one, unless more is better."""

    name: str
    unit: str
    measured: float | None
    at_least: float
    stretch: float | None = None
    more_is_better: bool = False

    @property
    def verdict(self) -> str:
        """How the figure stands to the limits."""
        if self.measured is None:
            return "not measured"
        if self.stretch is not None and self._within(self.measured, self.stretch):
            return "stretch met"
        return "met" if self._within(self.measured, self.at_least) else "not met"

    def _within(self, measured: float, limit: float) -> bool:
        return measured >= limit if self.more_is_better else measured <= limit


class Report(msgspec.Struct, frozen=True):
    """A whole run. `quick` runs are too short to be compared."""

    date: str
    quick: bool
    machine: Machine
    peers: list[PeerNote]
    comparisons: list[Comparison]
    sections: list[Section]
    promises: list[Promise]


def make_report(
    sections: list[Section],
    comparisons: list[Comparison],
    peers: list[PeerNote],
    promises: list[Promise],
    *,
    quick: bool,
) -> Report:
    """All of it with date and machine."""
    machine = Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
    )
    return Report(
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        quick=quick,
        machine=machine,
        peers=peers,
        comparisons=comparisons,
        sections=sections,
        promises=promises,
    )


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
