"""The picture of an overlap: a square a pair of segments, the darker the more alike, similar segments side by side.

Needs matplotlib, which is imported only when a picture is asked for. What is counted belongs to
`central.segments.overlap`, the order to `central.segments.seriation`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any, Final

from central.segments.overlap import Measure, Overlap
from central.segments.seriation import seriate

_INK: Final = "#222222"
_GREY: Final = "#6f6f6f"
_DIAGONAL: Final = "#dedede"
_COLOURS: Final = "YlGnBu"
_DPI: Final = 100
_POINT_PIXELS: Final = _DPI / 72
_MAP_PIXELS: Final = 900
_MAP_PIXELS_MAX: Final = 6_000
_SQUARE_PIXELS_MAX: Final = 96
_NAME_PIXELS_MIN: Final = 10
"""Height of a line of text that can still be read. The map grows so that each segment has one; up to its own limit,
beyond which every second segment, or third, is named."""

_FIGURE_PIXELS_MIN: Final = 34
"""A square as large as this has room for its percentage."""

_MEASURES: Final = {
    Measure.JACCARD: "Of the visitors of either segment, the share that is in both",
    Measure.SMALLER: "Of the visitors of the smaller segment, the share that is in both",
}


def draw(found: Overlap, measure: Measure, title: str) -> bytes:
    """The picture as PNG: `title` above it, and below that what is measured."""
    import matplotlib as mpl  # noqa: PLC0415 - takes half a second to import

    count = len(found.segments)
    likeness = [[found.alike(measure, i, j) for j in range(count)] for i in range(count)]
    order = seriate(likeness)
    names = [found.segments[i] for i in order]
    rows = [[math.nan if i == j else likeness[i][j] for j in order] for i in order]
    out = io.BytesIO()
    with mpl.rc_context({"font.family": "sans-serif", "text.color": _INK, "text.parse_math": False}):
        _paint(mpl, names, rows, title, _MEASURES[measure]).savefig(out, format="png", dpi=_DPI)
    return out.getvalue()


def _paint(mpl: Any, names: Sequence[str], rows: Sequence[Sequence[float]], title: str, subtitle: str) -> Any:
    from matplotlib import colors, figure, ticker  # noqa: PLC0415 - as above

    count = len(names)
    square = min(_SQUARE_PIXELS_MAX, max(_MAP_PIXELS / count, min(_NAME_PIXELS_MIN, _MAP_PIXELS_MAX / count)))
    side = square * count
    named = math.ceil(_NAME_PIXELS_MIN / square)
    line = min(16.0, max(_NAME_PIXELS_MIN, square))
    text = line * 0.8 / _POINT_PIXELS
    heading = max(18.0, side / 45)
    bar_width = max(side, 14 * heading)
    margin = max(map(len, names)) * line * 0.55 + 2 * line
    width = max(margin + bar_width + 2 * heading, 0.8 * heading * max(len(title), 0.75 * len(subtitle)))
    above = margin + 4 * heading
    below = 5 * heading
    height = above + side + below

    page = figure.Figure(figsize=(width / _DPI, height / _DPI), facecolor="white")
    axes = page.add_axes((margin / width, below / height, side / width, side / height))
    highest = max((value for row in rows for value in row if not math.isnan(value)), default=0.0) or 1.0
    scheme = mpl.colormaps[_COLOURS].with_extremes(bad=_DIAGONAL)
    norm = colors.PowerNorm(0.5, vmin=0, vmax=highest)  # the square root tells the many small shares apart
    squares = axes.imshow(rows, cmap=scheme, norm=norm, interpolation="nearest", aspect="auto")
    shown = range(0, count, named)
    axes.set_xticks(shown, [names[i] for i in shown], rotation=90, fontsize=text)
    axes.set_yticks(shown, [names[i] for i in shown], fontsize=text)
    axes.tick_params(length=0, labeltop=True, labelbottom=False, pad=line / 3)
    axes.spines[:].set_visible(False)
    if square >= _FIGURE_PIXELS_MIN:
        _write_shares(axes, rows, norm, min(14.0, square / 4.2 / _POINT_PIXELS))

    points = heading / _POINT_PIXELS
    left = line / width
    page.text(left, 1 - 1.6 * heading / height, title, fontsize=points, fontweight="bold")
    page.text(left, 1 - 3 * heading / height, subtitle, fontsize=0.75 * points, color=_GREY)
    bar = page.add_axes((margin / width, 2.6 * heading / height, bar_width / width, heading / height))
    page.colorbar(squares, cax=bar, orientation="horizontal", format=ticker.FuncFormatter(_share))
    bar.set_xticks([highest * step * step for step in (0, 0.25, 0.5, 0.75, 1)])
    bar.tick_params(labelsize=0.75 * points, length=0, pad=heading / 4)
    bar.minorticks_off()
    bar.spines[:].set_visible(False)
    return page


def _write_shares(axes: Any, rows: Sequence[Sequence[float]], norm: Any, points: float) -> None:
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            if i != j:
                colour = "white" if norm(value) > 0.55 else _INK
                axes.text(j, i, _share(value), ha="center", va="center", fontsize=points, color=colour)


def _share(value: float, _: object = None) -> str:
    """Two digits that count, at most, of a percentage."""
    percent = 100 * value
    if percent == 0:
        return "0%"
    if percent < 0.01:
        return "<0.01%"
    digits = max(0, 1 - math.floor(math.log10(percent)))
    return f"{percent:.{digits}f}".rstrip("0").rstrip(".") + "%" if digits else f"{percent:.0f}%"
