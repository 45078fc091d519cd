"""The command `edge`: reads the command line, and starts the supervisor or tries the files.

Exit codes: 0 stopped as asked or the files are sound, 1 could not start (bad files, address taken) or bad files,
2 wrong command line, 3 stopped, but workers had to be killed.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from edge import log
from edge.config import Config, Files, LogFormat
from edge.supervisor import EXIT_NOT_STARTED, EXIT_STOPPED, serve

_SERVE_HELP = """\
Decide variants over HTTP for a CDN node and application servers. This is the private listener: whoever reaches it
is believed what they say of a visitor, so it listens on the loopback interface or a unix socket.

signals:
  SIGTERM, SIGINT  finish the requests under way and stop; again: stop at once
  SIGHUP           look at the files again; changed files are noticed without it, too

Replace the files by rename, never in place. Files that can't be served are refused and the old ones go on. The
checksums of a snapshot are not compared here: `edge check` does it, before you put one in place.
"""

_CHECK_HELP = """\
Load the files as a worker would and read the snapshot whole, with all its checksums. Say whether they can be served:
with exit code 0 if so, 1 if not.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if (options.snapshot is None) != (options.keys is None):
        parser.error("--snapshot and --keys go together")
    if options.delta and options.snapshot is None:
        parser.error("--delta needs --snapshot")
    files = Files(bundle=options.bundle, snapshot=options.snapshot, deltas=tuple(options.delta), keys=options.keys)
    code: int = options.run(files, options)
    return code


def _serve(files: Files, options: argparse.Namespace) -> int:
    config = Config(
        files=files,
        workers=options.workers,
        host=options.host,
        port=options.port,
        uds=options.uds,
        log_format=LogFormat(options.log_format),
    )
    log.configure(config.log_format)
    return serve(config)


def _check(files: Files, _options: argparse.Namespace) -> int:
    from edge.release import ReleaseError, check  # noqa: PLC0415 - the supervisor does without the engine

    try:
        release = check(files)
    except ReleaseError as error:
        log.say(f"edge: {error.message}")
        return EXIT_NOT_STARTED
    log.say(f"edge: release {release.engine.release} can be served")
    return EXIT_STOPPED


def _parser() -> argparse.ArgumentParser:
    defaults = Config(files=Files(bundle=Path()))
    parser = argparse.ArgumentParser(prog="edge", description="Edgewise at a CDN node.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "check",
        help="try the files before they are put in place",
        description=_CHECK_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=_check)
    _add_files(command)
    command = commands.add_parser(
        "serve",
        help="answer decisions over HTTP",
        description=_SERVE_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=_serve)
    _add_files(command)
    command.add_argument(
        "--workers",
        type=_between(1, 1024),
        default=_cores(),
        metavar="N",
        help="processes (default: one a core, here %(default)s)",
    )
    command.add_argument("--host", default=defaults.host, help="address to listen on (default: %(default)s)")
    command.add_argument(
        "--port",
        type=_between(0, 65535),
        default=defaults.port,
        help="port to listen on, 0 for any free one (default: %(default)s)",
    )
    command.add_argument("--uds", type=Path, metavar="PATH", help="listen on this unix socket instead")
    command.add_argument(
        "--log-format",
        choices=[str(each) for each in LogFormat],
        default=str(defaults.log_format),
        help="how log lines are written on standard error (default: %(default)s)",
    )
    return parser


def _add_files(command: argparse.ArgumentParser) -> None:
    command.add_argument("--bundle", type=Path, required=True, metavar="FILE", help="the compiled bundle")
    command.add_argument("--snapshot", type=Path, metavar="FILE", help="the membership snapshot; needs --keys")
    command.add_argument(
        "--delta",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="changes on top of the snapshot, in the order in which they follow one another",
    )
    command.add_argument("--keys", type=Path, metavar="DIR", help="the directory of membership.json")


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _between(least: int, most: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"a whole number between {least} and {most}")
        return int(text)

    return whole_number
