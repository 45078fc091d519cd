"""The picture of a run: time against number of rules, every engine a line, both axes logarithmic.

Needs matplotlib, which the extra `bench` installs; without it there is none.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benches.comparison import OURS, OURS_BYTES
from benches.floors import FLOOR
from benches.report import NATURAL, NO_MATCH, Comparison, Report

INK: Final = "#222222"
GREY: Final = "#8a8a8a"
OUR_COLOUR: Final = "#c8102e"
COLOURS: Final = ("#1f77b4", "#2a9d8f", "#8e6bb8", "#c77f1a", "#5b7f2b", "#3d5a80", "#7a5c4d")
"""Of peers, in the order of the tables."""

LABEL_GAP: Final = 0.047
"""Least distance of two labels, as a share of the axis."""

LINE_END: Final = 0.985
LABEL_START: Final = 1.05
"""Where lines end and their names begin, as a share of the axis."""

TITLES: Final = {
    NATURAL: "Contexts that match a rule",
    NO_MATCH: "Contexts that match none",
}


def draw(report: Report, beside: Path) -> Path | None:
    """Write PNG and SVG beside the report; gives the PNG's path, or None without matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        return None
    import matplotlib as mpl  # noqa: PLC0415 - only here, and only if it is there

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    style = {
        "font.family": "sans-serif",
        "font.size": 9,
        "text.color": INK,
        "axes.edgecolor": GREY,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "svg.hashsalt": "edgewise",
    }
    with mpl.rc_context(style):
        figure, panels = plt.subplots(1, 2, figsize=(13, 5.4), sharex=True, sharey=True)
        shown = [each for each in report.comparisons if each.workload == "retailer"]
        slowest = max(found.median for each in shown for found in each.figures) * 1e-9
        panels[0].set(xscale="log", yscale="log")
        panels[0].set_ylim(2e-8, 1.3 * slowest)
        for panel, kind in zip(panels, (NATURAL, NO_MATCH), strict=True):
            _panel(panel, TITLES[kind], [each for each in shown if each.contexts == kind])
        panels[0].set_ylabel("time of a decision")
        figure.suptitle("One decision, by number of rules", x=0.06, y=0.975, ha="left", fontsize=13, fontweight="bold")
        figure.text(
            0.06, 0.012, f"{report.machine.processor}, {report.machine.python}, {report.date[:10]}; medians of one run"
            f"{', a quick one' if report.quick else ''}; three or four predicates a rule over twelve attributes",
            fontsize=7.5, color=GREY,
        )  # fmt: skip
        figure.subplots_adjust(left=0.06, right=0.83, top=0.85, bottom=0.125, wspace=0.72)
        png = beside.with_suffix(".png")
        figure.savefig(png, dpi=160)
        figure.savefig(beside.with_suffix(".svg"), metadata={"Date": None})
        plt.close(figure)
    return png


def _panel(panel: Any, title: str, comparisons: Sequence[Comparison]) -> None:
    panel.set_title(title, loc="left", fontsize=10)
    panel.set_xlabel("rules")
    sizes = [each.rules for each in comparisons]
    panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
    panel.xaxis.minorticks_off()
    ticks = {1e-7: "0.1 µs", 1e-6: "1 µs", 1e-5: "10 µs", 1e-4: "100 µs", 1e-3: "1 ms", 1e-2: "10 ms", 1e-1: "100 ms"}
    panel.set_yticks(list(ticks), list(ticks.values()))
    panel.yaxis.minorticks_off()
    panel.tick_params(length=0, labelleft=True)
    panel.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    panel.set_axisbelow(True)
    for side in "top", "right", "left":
        panel.spines[side].set_visible(False)

    ends: list[tuple[float, str, str, str]] = []
    names = list(dict.fromkeys(each.name for comparison in comparisons for each in comparison.figures))
    colours = iter(COLOURS)
    for name in names:
        points = [(each.rules, median * 1e-9) for each in comparisons if (median := each.median(name)) is not None]
        ours = name in {OURS, OURS_BYTES}
        colour = OUR_COLOUR if ours else GREY if name == FLOOR else next(colours)
        line = (0, (4, 2)) if name == OURS_BYTES else (0, (1, 2)) if name == FLOOR else "solid"
        panel.plot(
            *zip(*points, strict=True),
            color=colour,
            linestyle=line,
            linewidth=2.2 if ours else 1.3,
            marker=None if name == FLOOR else "o",
            markersize=4 if ours else 3,
            zorder=3 if ours else 2,
            clip_on=False,
        )
        if points[-1][0] == sizes[-1]:
            ends.append((points[-1][1], name, colour, "bold" if ours else "normal"))
    _label(panel, ends)


def _label(panel: Any, ends: list[tuple[float, str, str, str]]) -> None:
    """The name of each line at its right end, moved apart where they would overlap."""
    to_share = panel.transScale + panel.transLimits
    ordered = sorted(ends)
    ends_at = [float(to_share.transform((1, value))[1]) for value, *_ in ordered]
    for (value, name, colour, weight), end, label in zip(ordered, ends_at, apart(ends_at, LABEL_GAP), strict=True):
        panel.plot(
            (LINE_END, LABEL_START - 0.01),
            (end, label),
            transform=panel.transAxes,
            color=colour,
            linewidth=0.6,
            clip_on=False,
        )
        panel.text(
            LABEL_START,
            label,
            f"{name}  {_duration(value)}",
            transform=panel.transAxes,
            color=colour,
            fontweight=weight,
            fontsize=8.5,
            va="center",
        )


def apart(places: list[float], gap: float) -> list[float]:
    """Ascending places, moved about as little as it takes to have a gap between any two."""
    moved = list(places)
    for _ in range(len(moved) * 50):
        for low in range(len(moved) - 1):
            lacking = gap - (moved[low + 1] - moved[low])
            if lacking > 0:
                moved[low] -= lacking / 2
                moved[low + 1] += lacking / 2
    return moved


def _duration(seconds: float) -> str:
    factor, unit = (1e3, "ms") if seconds >= 1e-3 else (1e6, "µs")
    value = seconds * factor
    return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}" if value >= 1 else f"{value:.2f} {unit}"
