"""What the commands of `central snapshot` and `central keys` have in common: options, errors, tables and JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from rulecore.errors import EdgewiseError
from rulecore.keys import KEY_FILE, MembershipKeys
from rulecore.model import Scalar

if TYPE_CHECKING:
    from argparse import _SubParsersAction

EXIT_CODES: Final = "Exit codes: 0 done; 1 the input is wrong, and the message says what; 2 the command line is wrong."


class CommandError(Exception):
    """What ends a command with a message and exit code 1."""


def add_command(
    commands: _SubParsersAction[argparse.ArgumentParser],
    name: str,
    help_text: str,
    run: Callable[[argparse.Namespace], int],
    *,
    about: str = "",
    exit_codes: str = EXIT_CODES,
) -> argparse.ArgumentParser:
    """A command with `--json`. `about` is what its help says beyond the line that lists it."""
    parser = commands.add_parser(
        name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}. {about}".rstrip(), epilog=exit_codes
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=lambda arguments: _run(parser.prog, run, arguments))
    return parser


def add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keys", type=Path, required=True, metavar="DIR", help=f"the folder with {KEY_FILE}")


def _run(program: str, run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    try:
        return run(arguments)
    except (CommandError, EdgewiseError) as error:
        message = str(error)
    except OSError as error:
        file = error.filename2 or error.filename
        message = f"{file}: {error.strerror}" if file and error.strerror else str(error)
    sys.stderr.write(f"{program}: {message}\n")
    return 1


def read_keys(folder: Path) -> MembershipKeys:
    """Raises CommandError."""
    file = folder / KEY_FILE
    try:
        return MembershipKeys.from_json(file.read_bytes())
    except FileNotFoundError:
        raise CommandError(f"{file} is not there; `central keys new {folder}` makes one") from None
    except ValueError as error:
        raise CommandError(f"{file}: {error}") from None


def keys_of_epoch(folder: Path, epoch: int) -> MembershipKeys:
    """The keys, with one of this epoch among them. Raises CommandError."""
    keys = read_keys(folder)
    try:
        keys.epoch_key(epoch)
    except KeyError as error:
        raise CommandError(f"{folder / KEY_FILE}: {error.args[0]}") from None
    return keys


def contents(segments: Mapping[str, int], columns: Mapping[str, str]) -> str:
    """Tables of segments with their visitors and of columns with their types."""
    text = ""
    if segments:
        text += "segments\n" + table([(name, f"{visitors:,}") for name, visitors in segments.items()], right=1)
    if columns:
        text += "columns\n" + table(columns.items())
    return text


def table(rows: Iterable[Sequence[str]], *, indent: str = "  ", right: int = 0) -> str:
    """Columns side by side; the last `right` of them flush right."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    flush = len(widths) - right
    lines = []
    for row in rows:
        cells = zip(row, widths, strict=True)
        texts = [cell.rjust(width) if i >= flush else cell.ljust(width) for i, (cell, width) in enumerate(cells)]
        lines.append(indent + "  ".join(texts).rstrip() + "\n")
    return "".join(lines)


def shown(value: Scalar | list[str]) -> str:
    """A value on one line that does nothing to the terminal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if text.isprintable() else ascii(text)


def write_json(value: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
