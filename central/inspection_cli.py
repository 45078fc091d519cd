"""`central snapshot info`, `lookup` and `verify`: what a snapshot and its deltas hold, and whether they are sound."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from central.command_line import (
    CommandError,
    add_command,
    add_keys,
    contents,
    keys_of_epoch,
    read_keys,
    shown,
    table,
    write_json,
)  # fmt: skip
from central.delta_cli import delta_facts
from central.segments.bound import bound
from central.segments.chain import Chain, open_image
from central.segments.diff import DeltaStats, delta_stats
from central.segments.progress import Progress
from central.segments.verify import Verification
from central.segments.visitors import SUFFIX, visitors_path
from rulecore import DeltaImage, Membership
from rulecore.delta import MAGIC as DELTA_MAGIC
from rulecore.errors import ImageError
from rulecore.mapping import map_file
from rulecore.model import Scalar
from rulecore.snapshot import VERSION

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_UNKNOWN_EXIT_CODES: Final = (
    "Exit codes: 0 all are known; 1 at least one is unknown, or the snapshot or the keys can't be read; "
    "2 the command line is wrong."
)
_VERIFY_EXIT_CODES: Final = "Exit codes: 0 all is sound; 1 something is not, and is told; 2 the command line is wrong."


class Info(msgspec.Struct, frozen=True):
    """What `central snapshot info --json` prints of a snapshot.

    `segments` and `columns` map names to visitors and to types, `parts` the image's parts to bytes. `bound` has how
    many bytes parts could have at best; it is null without the visitors file.
    """

    format_version: int
    epoch: int
    visitors: int
    sets: int
    fingerprint_bits: int
    segments: dict[str, int]
    columns: dict[str, str]
    size_bytes: int
    checksum: str
    parts: dict[str, int]
    bound: dict[str, float] | None
    deltas: list[DeltaStats]


class Found(msgspec.Struct, frozen=True):
    """One visitor of `central snapshot lookup --json`."""

    visitor_id: str
    known: bool
    segments: list[str]
    columns: dict[str, Scalar | list[str]]


def add_commands(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add these to the commands of `central snapshot`."""
    _add_info(commands)
    _add_lookup(commands)
    _add_verify(commands)


def _add_info(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "info",
        "say what a snapshot and the deltas after it hold, or a delta alone",
        _info,
        about="The bound is the least that the same visitors could take; it is told when the snapshot's visitors file "
        f"(SNAPSHOT{SUFFIX}) is there.",
    )
    command.add_argument("image", type=Path, metavar="SNAPSHOT", help="the snapshot; or a delta, and nothing after it")
    _add_deltas(command)


def _add_lookup(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "lookup",
        "say which segments visitors are in, and their columns",
        _lookup,
        exit_codes=_UNKNOWN_EXIT_CODES,
    )
    command.add_argument("snapshot", type=Path, metavar="SNAPSHOT", help="the snapshot")
    command.add_argument(
        "--delta",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="DELTA",
        help="the deltas after it, in their order",
    )
    add_keys(command)
    command.add_argument("visitor_ids", nargs="+", metavar="VISITOR_ID")


def _add_verify(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    command = add_command(
        commands,
        "verify",
        "read all of a snapshot and its deltas, and say whether they are sound",
        _verify,
        about="Checksums, every set and every value are read; whether deltas follow one another; and whether the "
        f"visitors files beside them (FILE{SUFFIX}), where there are any, tell the same.",
        exit_codes=_VERIFY_EXIT_CODES,
    )
    command.add_argument("snapshot", type=Path, metavar="SNAPSHOT", help="the snapshot")
    _add_deltas(command)
    command.add_argument("--keys", type=Path, metavar="DIR", help="check the order of visitors, too, with these keys")


def _add_deltas(command: argparse.ArgumentParser) -> None:
    command.add_argument("deltas", type=Path, nargs="*", metavar="DELTA", help="the deltas after it, in their order")


def _info(arguments: argparse.Namespace) -> int:
    is_delta = map_file(arguments.image)[: len(DELTA_MAGIC)] == DELTA_MAGIC
    if is_delta and not arguments.deltas:
        stats = delta_stats(open_image(arguments.image, DeltaImage))
        if arguments.json:
            write_json(stats)
        else:
            sys.stdout.write(f"{arguments.image}: a delta\n{table(delta_facts(stats))}")
        return 0
    chain = Chain(arguments.image, arguments.deltas)
    info = _info_of(chain)
    if arguments.json:
        write_json(info)
    else:
        sys.stdout.write(_described(chain, info))
    return 0


def _info_of(chain: Chain) -> Info:
    base = chain.base
    return Info(
        format_version=VERSION,
        epoch=base.epoch,
        visitors=base.visitors,
        sets=base.sets,
        fingerprint_bits=base.fingerprint_bits,
        segments=dict(zip(base.segments, base.sizes(), strict=True)),
        columns=dict(base.columns),
        size_bytes=base.size,
        checksum=f"{base.checksum:016x}",
        parts=dict(base.parts),
        bound=_bound_of(chain) if visitors_path(chain.path).exists() else None,
        deltas=[delta_stats(delta) for delta in chain.deltas],
    )


def _bound_of(chain: Chain) -> dict[str, float]:
    progress = Progress()
    progress.stage("counting sets")
    try:
        with tempfile.TemporaryDirectory(prefix="central-") as scratch:
            return bound(chain.visitors(), chain.base.fingerprint_bits, Path(scratch))
    finally:
        progress.finish()


def _described(chain: Chain, info: Info) -> str:
    bits = info.fingerprint_bits
    facts = [
        ("epoch", str(info.epoch)),
        ("visitors", f"{info.visitors:,}"),
        ("distinct sets", f"{info.sets:,}"),
        ("fingerprints", f"{bits} bits: of unknown visitors, 1 in {2**bits:,} is taken for a member"),
        ("size", f"{info.size_bytes:,} bytes"),
        ("checksum", info.checksum),
    ]
    text = f"{chain.path}: a snapshot, format {info.format_version}\n{table(facts)}"
    text += _parts(info)
    text += contents(info.segments, info.columns)
    if info.deltas:
        heads = ("", "VERSION", "ENTRIES", "TOMBSTONES", "NEW SEGMENTS", "BYTES", "CHECKSUM")
        files = zip(chain.delta_paths, info.deltas, strict=True)
        text += "deltas\n" + table([heads, *(_chain_row(path, stats) for path, stats in files)], right=6)
    return text


def _parts(info: Info) -> str:
    """What each part of the image takes, beside the bound."""
    at_best = {}
    if info.bound is not None:
        at_best = {f"ids of {name}": size for name, size in info.bound.items() if name.startswith("column ")}
        at_best |= {
            "set records": info.bound["set records"],
            "set ids": info.bound["set ids"] + info.bound["fingerprints"],
            "in all": sum(info.bound.values()),
        }
    rows = [("", "BYTES", "A VISITOR", "AT BEST")]
    for name, size in [*info.parts.items(), ("in all", info.size_bytes)]:
        best = f"{at_best[name] / info.visitors:.2f}" if name in at_best and info.visitors else ""
        shown_name = "set ids, fingerprints" if name == "set ids" else name
        rows.append((shown_name, f"{size:,}", f"{size / max(1, info.visitors):.2f}", best))
    return "parts\n" + table(rows, right=3)


def _chain_row(path: Path, stats: DeltaStats) -> tuple[str, ...]:
    several = stats.first_version != stats.version
    version = f"{stats.first_version}-{stats.version}" if several else str(stats.version)
    counts = (stats.entries, stats.tombstones, len(stats.segments), stats.size_bytes)
    return (str(path), version, *(f"{count:,}" for count in counts), stats.checksum)


def _lookup(arguments: argparse.Namespace) -> int:
    chain = Chain(arguments.snapshot, arguments.delta)  # what is wrong is told with the file it is in
    keys = keys_of_epoch(arguments.keys, chain.base.epoch)
    try:
        membership = Membership.open(arguments.snapshot, keys, arguments.delta)
    except ImageError as error:
        raise CommandError(f"{arguments.snapshot}: {error}") from None
    found = [_find(membership, visitor_id) for visitor_id in arguments.visitor_ids]
    if arguments.json:
        write_json(found)
    else:
        rows = [("VISITOR", "SEGMENTS", "COLUMNS")]
        for visitor in found:
            segments = ", ".join(visitor.segments) if visitor.known else "(unknown)"
            columns = ", ".join(f"{name}={shown(value)}" for name, value in visitor.columns.items())
            rows.append((shown(visitor.visitor_id), segments, columns))
        sys.stdout.write(table(rows, indent=""))
    return 0 if all(visitor.known for visitor in found) else 1


def _find(membership: Membership, visitor_id: str) -> Found:
    try:
        segments = membership.lookup(visitor_id)
    except UnicodeEncodeError:
        raise CommandError(f"visitor id {visitor_id!a} is not valid UTF-8") from None
    return Found(visitor_id, segments is not None, segments or [], membership.values(visitor_id))


def _verify(arguments: argparse.Namespace) -> int:
    keys = read_keys(arguments.keys) if arguments.keys is not None else None
    progress = Progress()
    verification = Verification(keys, progress)
    try:
        verification.verify(arguments.snapshot, arguments.deltas)
    finally:
        progress.finish()
    findings = verification.findings
    sound = all(finding.sound for finding in findings)
    if arguments.json:
        write_json({"sound": sound, "files": findings})
    else:
        for finding in findings:
            sys.stdout.write(f"{finding.file}: {'sound: ' if finding.sound else ''}{finding.what}\n")
    return 0 if sound else 1
