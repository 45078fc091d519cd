"""`central snapshot diff`, `apply` and `compact`: deltas made, folded into a snapshot, and made one.

How that is done belongs to `central.segments`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from central.command_line import add_command, add_keys, keys_of_epoch, table, write_json
from central.segments.apply import apply
from central.segments.chain import Chain
from central.segments.diff import DeltaStats, compact, diff
from central.segments.progress import Progress
from central.segments.visitors import SUFFIX, visitors_path
from rulecore.limits import LIMITS

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_commands(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add these to the commands of `central snapshot`."""
    _add_diff(commands)
    _add_apply(commands)
    _add_compact(commands)


def _add_diff(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "diff",
        "write the delta that leads from one snapshot to another",
        _diff,
        about=f"Both need their visitors files (FILE{SUFFIX}), and the delta gets one. A delta is refused for "
        f"snapshots of different epochs or columns, for more than {LIMITS.delta_entries_max:,} visitors that differ, "
        f"those in the deltas before counted in, and after {LIMITS.deltas_max} deltas: publish NEW itself then.",
    )
    command.add_argument("old", type=Path, metavar="OLD", help="the snapshot that is published")
    command.add_argument("new", type=Path, metavar="NEW", help="the snapshot of how things are now")
    command.add_argument(
        "--after",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DELTA",
        help="the deltas that are published after OLD, in their order: the new one follows the last",
    )
    add_keys(command)
    command.add_argument("-o", "--output", type=Path, required=True, metavar="DELTA", help="the delta to write")


def _add_apply(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "apply",
        "fold deltas into their snapshot: write a new one that answers the same",
        _apply,
        about=f"Needs the visitors files of all (FILE{SUFFIX}), and the new snapshot gets one. Deltas after those are "
        "not valid for it: it begins a chain of its own.",
    )
    command.add_argument("snapshot", type=Path, metavar="SNAPSHOT", help="the snapshot that the first delta follows")
    command.add_argument("deltas", type=Path, nargs="+", metavar="DELTA", help="the deltas, in their order")
    add_keys(command)
    command.add_argument("-o", "--output", type=Path, required=True, metavar="NEW", help="the snapshot to write")


def _add_compact(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "compact",
        "write one delta that stands for several that follow one another",
        _compact,
        about="Of each visitor it has the newest entry. What followed the last of them follows it as well. It gets a "
        f"visitors file if each of them has one (FILE{SUFFIX}), which only `apply` and `diff --after` need.",
    )
    command.add_argument("deltas", type=Path, nargs="+", metavar="DELTA", help="the deltas, in their order")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="DELTA", help="the delta to write")


def _diff(arguments: argparse.Namespace) -> int:
    old, new = Chain(arguments.old, arguments.after), Chain(arguments.new)
    keys = keys_of_epoch(arguments.keys, old.base.epoch)
    progress = Progress()
    try:
        stats = diff(old, new, keys, arguments.output, progress)
    finally:
        progress.finish()
    if arguments.json:
        write_json(stats)
        return 0
    facts = delta_facts(stats.delta)
    facts.insert(facts.index(("tombstones", f"{stats.delta.tombstones:,}")), ("new visitors", f"{stats.added:,}"))
    sys.stdout.write(f"{arguments.output}\n{table(facts)}")
    if stats.kept_segments:
        names = ", ".join(stats.kept_segments)
        sys.stderr.write(f"{arguments.new} has no {names}: kept, without visitors, as names never leave a chain\n")
    return 0


def _apply(arguments: argparse.Namespace) -> int:
    chain = Chain(arguments.snapshot, arguments.deltas)
    keys = keys_of_epoch(arguments.keys, chain.base.epoch)
    progress = Progress()
    try:
        stats = apply(chain, keys, arguments.output, progress)
    finally:
        progress.finish()
    if arguments.json:
        write_json(stats)
    else:
        facts = [
            ("visitors", f"{stats.visitors:,}"),
            ("distinct sets", f"{stats.sets:,}"),
            ("size", f"{stats.size_bytes:,} bytes"),
            ("checksum", stats.checksum),
        ]
        sys.stdout.write(f"{arguments.output}\n{table(facts)}")
    return 0


def _compact(arguments: argparse.Namespace) -> int:
    stats = compact(arguments.deltas, arguments.output)
    if arguments.json:
        write_json(stats)
        return 0
    sys.stdout.write(f"{arguments.output}\n{table(delta_facts(stats))}")
    lacking = [str(path) for path in arguments.deltas if not visitors_path(path).exists()]
    if lacking:
        names = ", ".join(lacking)
        sys.stderr.write(f"no visitors file beside {names}: none is written, and `apply` can't fold the new delta\n")
    return 0


def delta_facts(stats: DeltaStats) -> list[tuple[str, str]]:
    """Lines of a table that say what a delta holds."""
    several = stats.first_version != stats.version
    return [
        ("epoch", str(stats.epoch)),
        ("base", stats.base),
        ("follows", stats.follows),
        ("version", f"{stats.first_version} to {stats.version}" if several else str(stats.version)),
        ("entries", f"{stats.entries:,}"),
        ("tombstones", f"{stats.tombstones:,}"),
        ("new segments", ", ".join(stats.segments) or "none"),
        ("size", f"{stats.size_bytes:,} bytes"),
        ("checksum", stats.checksum),
    ]
