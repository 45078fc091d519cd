"""`central snapshot` and `central keys`: build a snapshot, look into one, and make the keys of membership.

What a snapshot is built from belongs to `central.segments`, what it is to `rulecore`.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from central.segments import BuildStats, Plan, build_snapshot, plan_snapshot
from rulecore import Membership, SnapshotImage
from rulecore.errors import EdgewiseError, ImageError
from rulecore.keys import EPOCH_MAX, KEY_BYTES, KEY_FILE, MembershipKeys
from rulecore.model import Scalar
from rulecore.snapshot import VERSION

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_EXIT_CODES: Final = "Exit codes: 0 done; 1 the input is wrong, and the message says what; 2 the command line is wrong."
_UNKNOWN_EXIT_CODES: Final = (
    "Exit codes: 0 all are known; 1 at least one is unknown, or the snapshot or the keys can't be read; "
    "2 the command line is wrong."
)


Image = TypeVar("Image", SnapshotImage, Membership)


class _CommandError(Exception):
    """What ends a command with a message and exit code 1."""


class Info(msgspec.Struct, frozen=True):
    """What `central snapshot info --json` prints: `segments` and `columns` map names to visitors and to types."""

    format_version: int
    epoch: int
    visitors: int
    sets: int
    segments: dict[str, int]
    columns: dict[str, str]
    size_bytes: int
    checksum: str


class Found(msgspec.Struct, frozen=True):
    """One visitor of `central snapshot lookup --json`."""

    visitor_id: str
    known: bool
    segments: list[str]
    columns: dict[str, Scalar | list[str]]


def add_commands(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `snapshot` and `keys` to the commands of `central`."""
    snapshot = subparsers.add_parser("snapshot", help="build a snapshot of segment members, or look into one")
    commands = snapshot.add_subparsers(required=True, metavar="COMMAND")
    _add_build(commands)
    _add_info(commands)
    _add_lookup(commands)
    keys = subparsers.add_parser("keys", help="make the keys that stand between visitor ids and snapshots")
    _add_new(keys.add_subparsers(required=True, metavar="COMMAND"))


def _add_build(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    build = _add(commands, "build", "build a snapshot from Parquet files", _build, _EXIT_CODES)
    build.add_argument(
        "--members",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help="Parquet with visitor_id and segment (strings), a row for each segment that a visitor is in, or with "
        "visitor_id and segments (a list), a row a visitor; with pseudonym in place of visitor_id; or a visitors file",
    )
    build.add_argument(
        "--columns",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="Parquet with visitor_id, or pseudonym, and other columns (bool, int, double or string; a list as one "
        "text), a row a visitor; "
        "without it, the columns of the visitors files among the members",
    )
    _add_keys(build)
    build.add_argument("--epoch", type=_epoch, required=True, metavar="N", help="build with the key of this epoch")
    build.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="the snapshot to write, and FILE.visitors"
    )
    build.add_argument(
        "--plan",
        action="store_true",
        help="build nothing, but say what it would take, from a sample of the visitors: memory, disk, time, sizes",
    )


def _add_info(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    info = _add(commands, "info", "verify a snapshot and say what it holds", _info, _EXIT_CODES)
    info.add_argument("snapshot", type=Path, metavar="FILE", help="the snapshot")


def _add_lookup(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    help_text = "say which segments visitors are in, and their columns"
    lookup = _add(commands, "lookup", help_text, _lookup, _UNKNOWN_EXIT_CODES)
    lookup.add_argument("snapshot", type=Path, metavar="FILE", help="the snapshot")
    _add_keys(lookup)
    lookup.add_argument("visitor_ids", nargs="+", metavar="VISITOR_ID")


def _add_new(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    new = _add(commands, "new", "make a site secret and the key of a first epoch", _new, _EXIT_CODES)
    new.add_argument(
        "folder", type=Path, metavar="DIR", help=f"where {KEY_FILE} is written (0600); made (0700) if it is not there"
    )
    new.add_argument("--epoch", type=_epoch, default=1, metavar="N", help="the first epoch (default: 1)")


def _add(
    commands: _SubParsersAction[argparse.ArgumentParser],
    name: str,
    help_text: str,
    run: Callable[[argparse.Namespace], int],
    exit_codes: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.", epilog=exit_codes
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=lambda arguments: _run(parser.prog, run, arguments))
    return parser


def _add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keys", type=Path, required=True, metavar="DIR", help=f"the folder with {KEY_FILE}")


def _epoch(text: str) -> int:
    if not text.isdecimal() or int(text) > EPOCH_MAX:
        raise argparse.ArgumentTypeError(f"an epoch is a number from 0 to {EPOCH_MAX}, not {text!r}")
    return int(text)


def _run(program: str, run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    try:
        return run(arguments)
    except (_CommandError, EdgewiseError) as error:
        message = str(error)
    except OSError as error:
        file = error.filename2 or error.filename
        message = f"{file}: {error.strerror}" if file and error.strerror else str(error)
    sys.stderr.write(f"{program}: {message}\n")
    return 1


def _build(arguments: argparse.Namespace) -> int:
    keys = _read_keys(arguments.keys)
    make = plan_snapshot if arguments.plan else build_snapshot
    try:
        made = make(arguments.members, arguments.columns, keys, arguments.epoch, arguments.output)
    except KeyError as error:
        raise _CommandError(f"{arguments.keys / KEY_FILE}: {error.args[0]}") from None
    if arguments.json:
        _write_json(made)
    elif isinstance(made, Plan):
        sys.stdout.write(_planned(arguments.output, made))
    else:
        sys.stdout.write(_built(arguments.output, made))
    return 0


def _planned(output: Path, plan: Plan) -> str:
    facts = [
        ("member rows", f"{plan.member_rows:,}"),
        ("column rows", f"{plan.column_rows:,}"),
        ("visitors", f"about {plan.visitors:,}, from a sample of {plan.sampled_visitors:,}"),
        ("distinct sets", f"about {plan.sets:,}"),
        ("size", f"about {plan.image_bytes:,} bytes"),
        ("visitors file", f"about {plan.visitors_file_bytes:,} bytes"),
        ("memory", f"about {plan.memory_bytes >> 20:,} MiB"),
        ("disk", f"about {plan.disk_bytes >> 20:,} MiB at its peak, in {output.parent}"),
        ("time", f"about {plan.seconds:,.0f} seconds on this machine"),
    ]
    return f"{output}: not built, but planned\n{_table(facts)}"


def _built(output: Path, stats: BuildStats) -> str:
    facts = [("member rows", f"{stats.member_rows:,}"), ("column rows", f"{stats.column_rows:,}")]
    facts += _facts(stats.epoch, stats.visitors, stats.sets, stats.size_bytes, stats.checksum)
    return f"{output}\n{_table(facts)}{_contents(stats.segments, stats.columns)}"


def _info(arguments: argparse.Namespace) -> int:
    image = _opened(arguments.snapshot, lambda: SnapshotImage.open(arguments.snapshot))
    info = Info(
        format_version=VERSION,
        epoch=image.epoch,
        visitors=image.visitors,
        sets=image.sets,
        segments=dict(zip(image.segments, image.sizes(), strict=True)),
        columns=dict(image.columns),
        size_bytes=image.size,
        checksum=f"{image.checksum:016x}",
    )
    if arguments.json:
        _write_json(info)
    else:
        facts = _facts(info.epoch, info.visitors, info.sets, info.size_bytes, info.checksum)
        sys.stdout.write(
            f"{arguments.snapshot}: a sound snapshot, format {info.format_version}\n"
            f"{_table(facts)}{_contents(info.segments, info.columns)}"
        )
    return 0


def _lookup(arguments: argparse.Namespace) -> int:
    keys = _read_keys(arguments.keys)
    membership = _opened(arguments.snapshot, lambda: Membership.open(arguments.snapshot, keys))
    found = [_find(membership, visitor_id) for visitor_id in arguments.visitor_ids]
    if arguments.json:
        _write_json(found)
    else:
        rows = [("VISITOR", "SEGMENTS", "COLUMNS")]
        for visitor in found:
            segments = ", ".join(visitor.segments) if visitor.known else "(unknown)"
            columns = ", ".join(f"{name}={_shown(value)}" for name, value in visitor.columns.items())
            rows.append((_shown(visitor.visitor_id), segments, columns))
        sys.stdout.write(_table(rows, indent=""))
    return 0 if all(visitor.known for visitor in found) else 1


def _find(membership: Membership, visitor_id: str) -> Found:
    try:
        segments = membership.lookup(visitor_id)
    except UnicodeEncodeError:
        raise _CommandError(f"visitor id {visitor_id!a} is not valid UTF-8") from None
    return Found(visitor_id, segments is not None, segments or [], membership.values(visitor_id))


def _new(arguments: argparse.Namespace) -> int:
    keys = MembershipKeys(secrets.token_bytes(KEY_BYTES), {arguments.epoch: secrets.token_bytes(KEY_BYTES)})
    arguments.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = arguments.folder / KEY_FILE
    try:
        _write_once(file, keys.to_json())
    except FileExistsError:
        raise _CommandError(
            f"{file} is there already: with other keys, every snapshot built so far would know nobody"
        ) from None
    if arguments.json:
        _write_json({"file": str(file), "epochs": list(keys.epochs)})
    else:
        sys.stdout.write(
            f"{file}: a site secret and the key of epoch {arguments.epoch}; keep a copy where it is safe\n"
        )
    return 0


def _write_once(file: Path, content: bytes) -> None:
    """Write a file of mode 0600 that is whole whenever it is there. Raises FileExistsError."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        file.hardlink_to(draft)  # unlike a rename, never over another
    finally:
        draft.unlink()


def _read_keys(folder: Path) -> MembershipKeys:
    file = folder / KEY_FILE
    try:
        return MembershipKeys.from_json(file.read_bytes())
    except FileNotFoundError:
        raise _CommandError(f"{file} is not there; `central keys new {folder}` makes one") from None
    except ValueError as error:
        raise _CommandError(f"{file}: {error}") from None


def _opened(file: Path, open_image: Callable[[], Image]) -> Image:
    try:
        return open_image()
    except ImageError as error:
        raise _CommandError(f"{file}: {error}") from None
    except KeyError as error:
        raise _CommandError(f"{file}: {error.args[0]}") from None


def _facts(epoch: int, visitors: int, sets: int, size_bytes: int, checksum: str) -> list[tuple[str, str]]:
    return [
        ("epoch", str(epoch)),
        ("visitors", f"{visitors:,}"),
        ("distinct sets", f"{sets:,}"),
        ("size", f"{size_bytes:,} bytes"),
        ("checksum", checksum),
    ]


def _contents(segments: dict[str, int], columns: dict[str, str]) -> str:
    text = ""
    if segments:
        text += "segments\n" + _table([(name, f"{visitors:,}") for name, visitors in segments.items()], right=True)
    if columns:
        text += "columns\n" + _table(columns.items())
    return text


def _table(rows: Iterable[Sequence[str]], *, indent: str = "  ", right: bool = False) -> str:
    """Columns side by side; the last one flush right if `right`."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if right:
            cells[-1] = row[-1].rjust(widths[-1])
        lines.append(indent + "  ".join(cells).rstrip() + "\n")
    return "".join(lines)


def _shown(value: Scalar | list[str]) -> str:
    """A value on one line that does nothing to the terminal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if text.isprintable() else ascii(text)


def _write_json(value: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
