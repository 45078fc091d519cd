"""`central segments`: segments computed from a retailer's own records. What they mean belongs to `central.segments`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from central.segments import InputError
from central.segments.rfm import write_segments

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_commands(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `segments` to the commands of `central`."""
    segments = subparsers.add_parser("segments", help="compute segments from a retailer's own records")
    commands = segments.add_subparsers(required=True, metavar="COMMAND")
    rfm = commands.add_parser(
        "rfm",
        help="from a purchase log: how recently, how often and for how much each customer bought",
        description="Compute segments from a purchase log, as of its last day.",
        epilog="Exit codes: 0 done; 1 the input is wrong, and the message says what; 2 the command line is wrong.",
    )
    rfm.add_argument(
        "purchases",
        type=Path,
        metavar="PURCHASES",
        help="Parquet with customer_id, date, quantity and amount, a row a purchase",
    )
    rfm.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="MEMBERS",
        help="the Parquet file to write: visitor_id, segment",
    )
    rfm.add_argument(
        "--columns", type=Path, metavar="FILE", help="write each customer's loyalty tier and number of orders, too"
    )
    rfm.add_argument("--json", action="store_true", help="print JSON")
    rfm.set_defaults(run=_rfm)


def _rfm(arguments: argparse.Namespace) -> int:
    try:
        summary = write_segments(arguments.purchases, arguments.output, arguments.columns)
    except (InputError, OSError) as error:
        sys.stderr.write(f"central segments rfm: {error}\n")
        return 1
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(summary), indent=2).decode() + "\n")
        return 0
    sys.stdout.write(f"{summary.customers:,} customers as of {summary.as_of}\n")
    for name, members in summary.segments.items():
        sys.stdout.write(f"  {name:<20}{members:>8,}\n")
    return 0
