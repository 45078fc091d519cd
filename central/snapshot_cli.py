"""`central snapshot` and `central keys`: build a snapshot, and make the keys of membership.

What is done with a snapshot belongs to `inspection_cli`, `overlap_cli` and `delta_cli`, what it is built from to
`central.segments`.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from central import delta_cli, inspection_cli, overlap_cli
from central.command_line import (
    CommandError,
    add_command,
    add_keys,
    contents,
    keys_of_epoch,
    read_keys,
    table,
    write_json,
)
from central.segments import BuildStats, Plan, build_snapshot, plan_snapshot
from central.segments.files import drafts, put_in_place
from rulecore.keys import EPOCH_MAX, KEY_BYTES, KEY_FILE, MembershipKeys
from rulecore.limits import LIMITS
from rulecore.snapshot import FINGERPRINT_BITS

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_commands(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `snapshot` and `keys` to the commands of `central`."""
    snapshot = subparsers.add_parser(
        "snapshot", help="build snapshots of segment members, look into them, and make deltas"
    )
    commands = snapshot.add_subparsers(required=True, metavar="COMMAND")
    _add_build(commands)
    inspection_cli.add_commands(commands)
    overlap_cli.add_commands(commands)
    delta_cli.add_commands(commands)
    keys = subparsers.add_parser("keys", help="make the keys that stand between visitor ids and snapshots")
    key_commands = keys.add_subparsers(required=True, metavar="COMMAND")
    _add_new(key_commands)
    _add_key(key_commands)


def _add_build(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    build = add_command(commands, "build", "build a snapshot from Parquet files", _build)
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
        help="Parquet with visitor_id, or pseudonym, and other columns (bool, int, double, string or a "
        "list of strings), a row a visitor; without it, the columns of the visitors files among the members",
    )
    add_keys(build)
    build.add_argument("--epoch", type=_epoch, required=True, metavar="N", help="build with the key of this epoch")
    build.add_argument(
        "--fingerprint-bits",
        type=_fingerprint_bits,
        default=FINGERPRINT_BITS,
        metavar="N",
        help="of unknown visitors, 1 in 2^N is taken for a member; a bit more takes an eighth of a byte a visitor "
        f"(1 to {LIMITS.fingerprint_bits_max}; default: {FINGERPRINT_BITS})",
    )
    build.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="the snapshot to write, and FILE.visitors"
    )
    build.add_argument(
        "--plan",
        action="store_true",
        help="build nothing, but say what it would take, from a sample of the visitors: memory, disk, time, sizes",
    )


def _add_new(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    new = add_command(commands, "new", "make a site secret and the key of a first epoch", _new)
    new.add_argument(
        "folder", type=Path, metavar="DIR", help=f"where {KEY_FILE} is written (0600); made (0700) if it is not there"
    )
    new.add_argument("--epoch", type=_epoch, default=1, metavar="N", help="the first epoch (default: 1)")


def _add_key(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    add = add_command(commands, "add", "make the key of one more epoch, beside those that there are", _add_epoch)
    add.add_argument("folder", type=Path, metavar="DIR", help=f"where {KEY_FILE} is")
    add.add_argument("--epoch", type=_epoch, metavar="N", help="the epoch (default: the one after the last)")


def _epoch(text: str) -> int:
    if not text.isdecimal() or int(text) > EPOCH_MAX:
        raise argparse.ArgumentTypeError(f"an epoch is a number from 0 to {EPOCH_MAX}, not {text!r}")
    return int(text)


def _fingerprint_bits(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= LIMITS.fingerprint_bits_max:
        raise argparse.ArgumentTypeError(f"a fingerprint has 1 to {LIMITS.fingerprint_bits_max} bits, not {text!r}")
    return int(text)


def _build(arguments: argparse.Namespace) -> int:
    keys = keys_of_epoch(arguments.keys, arguments.epoch)
    make = plan_snapshot if arguments.plan else build_snapshot
    made = make(
        arguments.members,
        arguments.columns,
        keys,
        arguments.epoch,
        arguments.output,
        fingerprint_bits=arguments.fingerprint_bits,
    )
    if arguments.json:
        write_json(made)
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
    return f"{output}: not built, but planned\n{table(facts)}"


def _built(output: Path, stats: BuildStats) -> str:
    facts = [
        ("member rows", f"{stats.member_rows:,}"),
        ("column rows", f"{stats.column_rows:,}"),
        ("epoch", str(stats.epoch)),
        ("visitors", f"{stats.visitors:,}"),
        ("distinct sets", f"{stats.sets:,}"),
        ("size", f"{stats.size_bytes:,} bytes"),
        ("checksum", stats.checksum),
    ]
    return f"{output}\n{table(facts)}{contents(stats.segments, stats.columns)}"


def _new(arguments: argparse.Namespace) -> int:
    keys = MembershipKeys(secrets.token_bytes(KEY_BYTES), {arguments.epoch: secrets.token_bytes(KEY_BYTES)})
    arguments.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = arguments.folder / KEY_FILE
    try:
        _write_once(file, keys.to_json())
    except FileExistsError:
        raise CommandError(
            f"{file} is there already: with other keys, every snapshot built so far would know nobody"
        ) from None
    if arguments.json:
        write_json({"file": str(file), "epochs": list(keys.epochs)})
    else:
        sys.stdout.write(
            f"{file}: a site secret and the key of epoch {arguments.epoch}; keep a copy where it is safe\n"
        )
    return 0


def _add_epoch(arguments: argparse.Namespace) -> int:
    file = arguments.folder / KEY_FILE
    keys = read_keys(arguments.folder)
    epoch = keys.epochs[-1] + 1 if arguments.epoch is None else arguments.epoch
    if epoch in keys.epochs:
        raise CommandError(f"{file} has a key of epoch {epoch}: with another, its snapshots would know nobody")
    if epoch > EPOCH_MAX:
        raise CommandError(f"{file}: there is no epoch after {EPOCH_MAX}")
    epochs = {held: keys.epoch_key(held) for held in keys.epochs}
    added = MembershipKeys(keys.site_secret, epochs | {epoch: secrets.token_bytes(KEY_BYTES)})
    with drafts(file) as drafted:
        _write_once(drafted / KEY_FILE, added.to_json())
        put_in_place({drafted / KEY_FILE: file})
    if arguments.json:
        write_json({"file": str(file), "epochs": list(added.epochs)})
    else:
        sys.stdout.write(f"{file}: the key of epoch {epoch}, too; give it to the edges before a snapshot of it\n")
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
