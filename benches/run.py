"""`python -m benches.run`: measures everything, prints tables and ratios, and writes them as JSON.

Seconds depend on the machine and on its neighbours; what may be compared are figures of one run, above all ratios.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benches.decisions import measure_decisions
from benches.http_requests import measure_http
from benches.lookups import measure_lookups
from benches.report import Section, make_report, render, write

RESULTS: Final = Path(__file__).parent / "results"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="benches.run", description="How fast it is, beside floors of the same run.")
    parser.add_argument("--quick", action="store_true", help="a glance: figures too short to compare")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the JSON goes (default: %(default)s)")
    options = parser.parse_args(argv)
    quick: bool = options.quick
    seconds = 0.1 if quick else 2.0
    sections: list[Section] = []
    measurements: list[Callable[[], Section]] = [
        lambda: measure_decisions(seconds),
        lambda: measure_lookups(20_000 if quick else 1_000_000, seconds),
        lambda: measure_http(5 * seconds),
    ]
    for measure in measurements:
        sections.append(measure())
        print(render(sections[-1]), end="\n\n", flush=True)
    path = write(make_report(sections, quick=quick), options.results)
    print(f"Written to {path}")


if __name__ == "__main__":
    main()
