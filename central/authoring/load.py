"""From a bundle's directory to the checked bundle: the way into authoring.

    files -> node trees -> structs as written -> the bundle with names, dates, shares and conditions resolved

Every problem of the directory is collected; the bundle comes only when none of them is an error.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from central.authoring import source
from central.authoring.attributes import Attributes, hidden
from central.authoring.blocks import Blocks
from central.authoring.cases import Case, Written, resolve_tests
from central.authoring.constants import ConstantError, check_zone
from central.authoring.decode import decode
from central.authoring.diagnostics import Problems
from central.authoring.experiments import Experiments
from central.authoring.files import File, read_files
from central.authoring.guards import Guards, used_in
from central.authoring.placements import Placements
from central.authoring.reach import warn_of_unreachable
from central.authoring.rules import Rules
from central.authoring.scope import Scope
from central.authoring.segments import compile_segments, with_precomputed
from central.authoring.yaml_tree import read_tree
from rulecore.model import Attribute, Bundle, Rule

_T = TypeVar("_T")


class Sources(msgspec.Struct, frozen=True):
    """The bundle as written: placements and segments of all its files by name."""

    bundle: source.Bundle
    placements: dict[str, source.Placement]
    segments: dict[str, source.Segment]
    tests: tuple[source.Test, ...]
    written: Written


class Loaded(msgspec.Struct, frozen=True):
    """What a directory came to. `bundle` and `tests` are there only without errors; `source` as far as it is read."""

    problems: Problems
    bundle: Bundle | None = None
    tests: tuple[Case, ...] = ()
    source: Sources | None = None


def load_bundle(directory: Path) -> Loaded:
    """Read and check a bundle's directory. Whatever is wrong is in `problems`, never raised."""
    with without_collector():
        return _load(directory)


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Leave the cyclic garbage collector off: it would look through the growing trees again and again."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            # What was made meanwhile is taken for old, else all of it would be looked through at once.
            gc.freeze()
            gc.unfreeze()
            gc.enable()


def _load(directory: Path) -> Loaded:
    problems = Problems()
    sources = _read(directory, problems)
    if sources is None:
        return Loaded(problems)
    _check_zone(sources.bundle, problems)
    blocks = Blocks(directory, problems)
    attributes = Attributes(sources.bundle, problems)
    bundle = _resolve(sources, attributes, blocks, problems)
    tests = resolve_tests(sources.tests, bundle, sources.written, attributes, problems)
    if problems.error_count:
        return Loaded(problems, source=sources)
    blocks.warn_of_unused()
    for placement in bundle.placements:
        warn_of_unreachable(placement, sources.placements[placement.name], problems)
    return Loaded(problems, bundle, tests, sources)


def _read(directory: Path, problems: Problems) -> Sources | None:
    """The files as structs; None without a readable bundle.yaml."""
    files = read_files(directory, problems)
    bundle = _decoded(files.bundle, source.Bundle, problems) if files.bundle else None
    parts = [part for file in files.parts if (part := _decoded(file, source.Part, problems))]
    tests = [test for file in files.tests for test in _decoded(file, list[source.Test], problems) or ()]
    if bundle is None:
        return None
    holders: list[source.Bundle | source.Part] = [bundle, *parts]
    placements = _merged("placement", [holder.placements for holder in holders], problems)
    segments = _merged("segment", [holder.segments for holder in holders], problems)
    names = frozenset(name for holder in holders for name in holder.names("placements"))
    return Sources(
        bundle, placements, segments, tuple(tests), Written(placements, names, len(parts) == len(files.parts))
    )


def _decoded(file: File, into: type[_T], problems: Problems) -> _T | None:
    root = read_tree(file.name, file.data, problems)
    return None if root is None else decode(root, into, problems)


_Thing = TypeVar("_Thing", source.Placement, source.Segment)


def _merged(kind: str, holders: Iterable[Mapping[str, _Thing]], problems: Problems) -> dict[str, _Thing]:
    """The things of all files by name; one that another file has already is reported."""
    merged: dict[str, _Thing] = {}
    for things in holders:
        for name, thing in things.items():
            first = merged.setdefault(name, thing)
            if first is not thing:
                where = f"{first.head.file}:{first.head.line}"
                problems.error(thing.head, f"the {kind} {name!r} is there already, at {where}", expected="another name")
    return merged


def _check_zone(bundle: source.Bundle, problems: Problems) -> None:
    try:
        check_zone(bundle.timezone)
    except ConstantError as error:
        problems.error(bundle.at("timezone"), error.message, expected=error.expected, nearest=error.nearest)
        bundle.timezone = "UTC"  # for the dates that are still to be checked


def _resolve(sources: Sources, attributes: Attributes, blocks: Blocks, problems: Problems) -> Bundle:
    """The bundle with all that could be resolved; complete if there are no errors."""
    scope = Scope(attributes.known, frozenset(sources.segments), problems)
    guards = Guards(scope, attributes.broken)
    experiments = Experiments(sources.bundle, attributes, problems)
    segments = compile_segments(sources.segments, guards, problems)
    rules = Rules(sources.bundle.timezone, attributes, experiments, guards, problems)
    resolver = Placements(rules, experiments, blocks, problems)
    placements = [resolver.resolve(name, sources.placements[name]) for name in sorted(sources.placements)]
    experiments.check_overlaps()
    every = [rule for placement in placements for rule in placement.rules]
    conditions = [rule.when for rule in every if rule.when is not None]
    conditions += [segment.when for segment in segments if segment.when is not None]
    attribute_names, segment_names = used_in(conditions)
    units = {rule.unit for rule in every}
    units |= {one.unit for one in experiments.layers.values()} | {one.unit for one in experiments.holdouts.values()}
    return Bundle(
        name=sources.bundle.bundle,
        timezone=sources.bundle.timezone,
        attributes=_used(attributes, attribute_names | units, every),
        segments=with_precomputed(segments, segment_names),
        holdouts=tuple(experiments.holdouts[name] for name in sorted(experiments.holdouts)),
        layers=tuple(experiments.layers[name] for name in sorted(experiments.layers)),
        placements=tuple(placements),
    )


def _used(attributes: Attributes, names: set[str], rules: Iterable[Rule]) -> tuple[Attribute, ...]:
    """The declared attributes, those named, and those of caps and sticky splits, by name."""
    used = {name: attributes.all[name] for name in attributes.declared | names if name in attributes.all}
    for rule in rules:
        if rule.cap is not None or rule.sticky:
            shows, sticky = hidden(rule.id)
            if rule.cap is not None:
                used[shows.name] = shows
            if rule.sticky:
                used[sticky.name] = sticky
    return tuple(used[name] for name in sorted(used))
