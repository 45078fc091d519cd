"""Whether a bundle and a snapshot belong together: every precomputed segment and column that it names is there."""

from __future__ import annotations

from collections.abc import Iterator

from central.authoring import source
from central.authoring.diagnostics import Position, Problems, nearest
from central.authoring.load import Sources
from central.authoring.wording import a
from central.authoring.yaml_nodes import Scalar, ScalarOrigin, Sequence
from rulecore import Membership
from rulecore.model import Bundle, Source, Type


def check_links(bundle: Bundle, sources: Sources, membership: Membership, problems: Problems) -> None:
    """Report the segments that the snapshot lacks, and columns that it lacks or has with another type."""
    there = set(membership.segments)
    for segment in bundle.segments:
        if segment.when is None and segment.name not in there:
            message = f"the snapshot has no segment {segment.name!r}"
            problems.error(_place(segment.name, sources), message, nearest=nearest(segment.name, there))
    columns = dict(membership.columns)
    for attribute in bundle.attributes:
        if attribute.source is not Source.SNAPSHOT:
            continue
        declared = sources.bundle.attributes[attribute.name]
        column = attribute.source_name
        if column not in columns:
            message = f"the snapshot has no column {column!r}"
            problems.error(declared.at("from"), message, nearest=nearest(column, columns))
        elif columns[column] != attribute.type:
            message = f"the snapshot's column {column!r} is {a(Type(columns[column]))}"
            problems.error(declared.at("type"), message, expected=columns[column])


def _place(segment: str, sources: Sources) -> Position:
    """Where a precomputed segment is declared, else where a condition first names it."""
    declared = sources.segments.get(segment)
    if declared is not None:
        return declared.head
    for condition in _conditions(sources):
        for quoted in (f"'{segment}'", f'"{segment}"'):
            at = condition.text.find(quoted)
            if at >= 0:
                return ScalarOrigin(condition).position(at)
    return sources.bundle.head


def _conditions(sources: Sources) -> Iterator[Scalar]:
    owners: list[source.Located] = list(sources.segments.values())
    for placement in sources.placements.values():
        owners += placement.rules
    for owner in owners:
        node = owner.value("when")
        for item in node.items if isinstance(node, Sequence) else [node]:
            if isinstance(item, Scalar):
                yield item
