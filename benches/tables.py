"""Text tables of a report, for who watches a run."""

from __future__ import annotations

from collections.abc import Sequence

from benches.comparison import OURS
from benches.report import Comparison, PeerNote, Promise, Section


def render_section(section: Section) -> str:
    """A table of the figures, then ratios and notes."""
    floor = next((each.median for each in section.figures if each.name == section.floor), None)
    lines = [section.title]
    for unit in dict.fromkeys(each.unit for each in section.figures):
        head = f"  {unit:<38}{'median':>12}{'min':>12}{'p99':>12}"
        lines.append(head + ("" if floor is None else f"{'x ' + str(section.floor):>26}"))
        for each in section.figures:
            if each.unit == unit:
                numbers = "".join(f"{_number(value):>12}" for value in (each.median, each.least, each.p99))
                lines.append(f"  {each.name:<38}{numbers}" + ("" if floor is None else f"{each.median / floor:>26.1f}"))
    lines.extend(f"  {ratio.name:<46}{ratio.value:>12,.2f}" for ratio in section.ratios)
    lines.extend(f"  {note}" for note in section.notes)
    return "\n".join(lines)


def render_comparisons(comparisons: Sequence[Comparison]) -> str:
    """A table for each kind of contexts: a row an engine, a column a workload, microseconds and how many times ours."""
    return "\n\n".join(
        _render_kind(kind, [each for each in comparisons if each.contexts == kind])
        for kind in dict.fromkeys(each.contexts for each in comparisons)
    )


def _render_kind(kind: str, comparisons: list[Comparison]) -> str:
    engines = list(dict.fromkeys(each.name for comparison in comparisons for each in comparison.figures))
    titles = [
        f"{comparison.rules:,}" + ("" if comparison.workload == "retailer" else f" {comparison.workload}")
        for comparison in comparisons
    ]
    lines = [
        f"Microseconds a decision by number of rules, contexts: {kind} (in brackets: times {OURS})",
        f"  {'':<26}" + "".join(f"{title:>24}" for title in titles),
    ]
    for engine in engines:
        cells = "".join(f"{_cell(comparison, engine):>24}" for comparison in comparisons)
        lines.append(f"  {engine:<26}{cells}")
    return "\n".join(lines)


def _cell(comparison: Comparison, engine: str) -> str:
    found, ours = comparison.median(engine), comparison.median(OURS)
    if found is None or ours is None:
        return "-"
    return f"{_number(found / 1e3)} ({_number(found / ours)})"


def render_peers(peers: Sequence[PeerNote]) -> str:
    """Who was asked, and why not all of them everywhere."""
    lines = (f"  {peer.name:<26}{peer.version:<10}{'; '.join(peer.excluded)}".rstrip() for peer in peers)
    return "\n".join(["Engines beside ours", *lines])


def render_promises(promises: Sequence[Promise]) -> str:
    """What is promised beside what was measured."""
    lines = ["Promises", f"  {'':<68}{'measured':>12}{'at least':>12}{'stretch':>10}"]
    for promise in promises:
        sign = ">=" if promise.more_is_better else "<="
        measured = "-" if promise.measured is None else _number(promise.measured)
        stretch = "-" if promise.stretch is None else _number(promise.stretch)
        name = f"{promise.name}, {promise.unit}" if promise.unit else promise.name
        limits = f"{sign + ' ' + _number(promise.at_least):>12}{stretch:>10}"
        lines.append(f"  {name:<68}{measured:>12}{limits}  {promise.verdict}")
    return "\n".join(lines)


def _number(value: float) -> str:
    """Three digits that count, and no more of them than a table needs."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
