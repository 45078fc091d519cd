"""`central snapshot overlap`: what segments share, as table, CSV, JSON and picture.

What is counted belongs to `central.segments.overlap`, the picture to `central.segments.heat_map`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from central.command_line import CommandError, add_command, table, write_json
from central.segments.chain import Chain
from central.segments.files import drafts, put_in_place, refuse_to_overwrite
from central.segments.heat_map import draw
from central.segments.overlap import SEGMENTS_MAX, Measure, Overlap, Pair, csv_text, overlap
from central.segments.progress import Progress
from central.segments.visitors import SUFFIX

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_TOP: Final = 20


class Shared(msgspec.Struct, frozen=True):
    """What `central snapshot overlap --json` prints: visitors a segment, and pairs that share some."""

    visitors: int
    segments: dict[str, int]
    pairs: list[Pair]


def add_commands(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add it to the commands of `central snapshot`."""
    command = add_command(
        commands,
        "overlap",
        "say how many visitors segments share",
        _overlap,
        about=f"Needs the snapshot's visitors file (FILE{SUFFIX}). Prints the {_TOP} pairs that are most alike.",
    )
    command.add_argument("snapshot", type=Path, metavar="SNAPSHOT", help="the snapshot")
    command.add_argument(
        "--segment",
        nargs="+",
        action="extend",
        metavar="NAME",
        help=f"compare only these; needed when there are more than {SEGMENTS_MAX:,}",
    )
    command.add_argument(
        "--by",
        choices=[measure.value for measure in Measure],
        default=Measure.JACCARD.value,
        help="what makes two alike: jaccard (the default), the share of the visitors of either that are in both; "
        "smaller, the share of the visitors of the smaller one",
    )
    command.add_argument("--all", action="store_true", help="print all pairs that share visitors")
    command.add_argument("--csv", type=Path, metavar="FILE", help="write all pairs, also those that share nobody")
    command.add_argument("--png", type=Path, metavar="FILE", help="draw a heat map, similar segments side by side")


def _overlap(arguments: argparse.Namespace) -> int:
    chain = Chain(arguments.snapshot)
    file = chain.visitors()
    for out in filter(None, (arguments.csv, arguments.png)):
        refuse_to_overwrite((chain.path, file.path), out)
    measure = Measure(arguments.by)
    chosen = _chosen(arguments.segment, file.segments, arguments.snapshot)
    progress = Progress()
    try:
        progress.stage("reading visitors", file.visitors)
        found = overlap(file.batches(), file.segments, chosen, progress)
        if arguments.csv is not None:
            progress.stage("writing CSV")
            _write(arguments.csv, csv_text(found).encode())
        if arguments.png is not None:
            progress.stage("drawing")
            title = f"{arguments.snapshot.name}: what {len(chosen):,} segments share"
            _write(arguments.png, draw(found, measure, title))
    finally:
        progress.finish()
    pairs = found.top(measure, None if arguments.all else _TOP)
    if arguments.json:
        write_json(Shared(file.visitors, dict(zip(found.segments, found.sizes, strict=True)), pairs))
    else:
        sys.stdout.write(_shared(found, pairs))
    return 0


def _write(place: Path, content: bytes) -> None:
    with drafts(place) as folder:
        draft = folder / "draft"
        draft.write_bytes(content)
        put_in_place({draft: place})


def _chosen(names: Sequence[str] | None, segments: Sequence[str], snapshot: Path) -> list[int]:
    """The ids of the segments to compare, in order of id."""
    id_of = {name: i for i, name in enumerate(segments)}
    unknown = [name for name in names or () if name not in id_of]
    if unknown:
        raise CommandError(f"{snapshot} has no segment {', '.join(unknown)}")
    chosen = sorted({id_of[name] for name in names}) if names is not None else list(range(len(segments)))
    if len(chosen) > SEGMENTS_MAX:
        raise CommandError(
            f"{len(chosen):,} segments, but {SEGMENTS_MAX:,} are compared at once: choose with --segment"
        )
    if len(chosen) < 2:
        raise CommandError(f"there is no pair in {len(chosen)} segment{'s' * (len(chosen) != 1)}")
    return chosen


def _shared(found: Overlap, pairs: Sequence[Pair]) -> str:
    if not pairs:
        return f"none of the {len(found.segments):,} segments share visitors\n"
    rows = [("SEGMENT", "OTHER", "VISITORS", "OTHER'S", "SHARED", "OF EITHER", "OF SMALLER")]
    rows += [
        (
            pair.segment,
            pair.other,
            f"{pair.visitors:,}",
            f"{pair.other_visitors:,}",
            f"{pair.shared:,}",
            f"{pair.jaccard:.2%}",
            f"{pair.smaller:.2%}",
        )
        for pair in pairs
    ]
    return table(rows, indent="", right=5)
