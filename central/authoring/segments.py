"""The bundle's segments: those by condition, and the precomputed ones that are declared or named in a condition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from central.authoring import source
from central.authoring.diagnostics import Problems
from central.authoring.guards import Guards, named_in
from central.authoring.purposes import PERSONAL, purposes_of
from rulecore.model import Expr, InSegment, Segment


def compile_segments(segments: Mapping[str, source.Segment], guards: Guards, problems: Problems) -> list[Segment]:
    """The declared segments with their conditions checked; segments that need each other are reported."""
    compiled = []
    for name, segment in segments.items():
        by_condition = segment.written("when")
        purposes = purposes_of(segment, segment.purpose, () if by_condition else PERSONAL, problems)
        compiled.append(Segment(name, purposes, guards.compile(segment)))
    _check_cycles({segment.name: segment.when for segment in compiled}, segments, problems)
    return compiled


def with_precomputed(declared: Iterable[Segment], named: Iterable[str]) -> tuple[Segment, ...]:
    """The declared segments and those that conditions name beside them, by name."""
    segments = {segment.name: segment for segment in declared}
    for name in named:
        segments.setdefault(name, Segment(name, PERSONAL))
    return tuple(segments[name] for name in sorted(segments))


def _check_cycles(
    conditions: Mapping[str, Expr | None], segments: Mapping[str, source.Segment], problems: Problems
) -> None:
    needs = {
        name: sorted({one.name for one in named_in(when) if isinstance(one, InSegment) and one.name in conditions})
        for name, when in conditions.items()
        if when is not None
    }
    done: set[str] = set()
    for start in needs:
        path: list[str] = []
        pending = [(start, 0)]
        while pending:
            name, depth = pending.pop()
            del path[depth:]
            if name in path:
                cycle = [*path[path.index(name) :], name]
                expected = "segments whose conditions do not come back to themselves"
                problems.error(segments[name].at("when"), f"{' needs '.join(map(repr, cycle))}", expected=expected)
            elif name not in done:
                path.append(name)
                pending += [(need, depth + 1) for need in reversed(needs.get(name, []))]
                done.add(name)
