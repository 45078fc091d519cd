"""The command `central`: finds the module of a command and hands over to it.

Only the module of the command that is asked for is imported, so that help is instant.
"""

from __future__ import annotations

import argparse
import importlib
import io
import sys
from collections.abc import Sequence
from typing import Final

COMMANDS: Final = {
    "rules": ("central.rules_cli", "check, test, compile and explain a bundle of rules"),
    "snapshot": ("central.snapshot_cli", "build snapshots of segment members, look into them, and make deltas"),
    "keys": ("central.snapshot_cli", "make the keys that stand between visitor ids and snapshots"),
    "segments": ("central.segments_cli", "compute segments from a retailer's own records"),
    "demo": ("central.demo", "run the whole way on real input, from purchases to decisions over HTTP"),
}
"""The commands, each with the module whose `add_commands` adds it, and its line of help."""


OURS: Final = frozenset({"central", "rulecore"})
"""A module of these that is missing is a fault; any other comes with the extra."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; its exit code: 0 done, 1 problems found, 2 a wrong command line."""
    _write_utf8()
    words = list(sys.argv[1:] if argv is None else argv)
    command = next((word for word in words if not word.startswith("-")), None)
    parser = argparse.ArgumentParser(prog="central", description="Edgewise for rule authors and publishers.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    if command in COMMANDS:
        try:
            importlib.import_module(COMMANDS[command][0]).add_commands(subparsers)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] in OURS:
                raise
            sys.stderr.write(f"central: {error.name} is missing; install it with: pip install 'edgewise[central]'\n")
            return 1
    else:
        for name, (_, help_text) in COMMANDS.items():
            subparsers.add_parser(name, help=help_text)
    arguments = parser.parse_args(words)
    try:
        return int(arguments.run(arguments))
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def _write_utf8() -> None:
    """Whatever the locale: names, sources and JSON hold any character."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
