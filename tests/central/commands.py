"""Commands of `central snapshot` and `central keys`, run in this process."""

from __future__ import annotations

import argparse
import os

from central import snapshot_cli


def central(*words: str | os.PathLike[str]) -> int:
    """Run a command; gives its exit code."""
    parser = argparse.ArgumentParser("central")
    snapshot_cli.add_commands(parser.add_subparsers(required=True))
    arguments = parser.parse_args([os.fspath(word) for word in words])
    code: int = arguments.run(arguments)
    return code
