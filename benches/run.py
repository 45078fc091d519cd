"""`python -m benches.run`: measures everything, prints tables, and writes them as JSON with a picture.

Seconds depend on the machine and on its neighbours; what may be compared are figures of one run, above all ratios.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from benches.authoring import measure_authoring
from benches.comparison import Comparer
from benches.decisions import RULES, measure_calls, measure_decisions, measure_worst_cases
from benches.http_requests import measure_http
from benches.loading import measure_loading
from benches.membership import MembershipEffort, measure_membership
from benches.membership_lookups import LookupEffort
from benches.membership_promises import keep_membership
from benches.peers.peer import PEERS, Listed
from benches.picture import draw
from benches.promises import keep
from benches.report import Comparison, Section, make_report, write
from benches.tables import render_comparisons, render_peers, render_promises, render_section
from benches.workloads import CARDINALITIES, retailer

RESULTS: Final = Path(__file__).parent / "results"

CARDINALITY_RULES: Final = 2_000
QUICK_PEERS: Final = ("generated Python", "datalogic-py", "zen-engine")


class Effort(msgspec.Struct, frozen=True):
    """How much of everything: seconds a case, contexts, repetitions, and which peers."""

    seconds: float
    contexts: int
    calls_contexts: int
    worst_contexts: int
    compared_seconds: float
    compared_contexts: int
    writes: int
    opens: int
    authored_rules: int
    authored_rounds: int
    membership: MembershipEffort
    http_seconds: float
    peers: Sequence[Listed]


FULL: Final = Effort(
    seconds=1.0,
    contexts=256,
    calls_contexts=2_048,
    worst_contexts=64,
    compared_seconds=0.5,
    compared_contexts=128,
    writes=3,
    opens=50,
    authored_rules=20_000,
    authored_rounds=1,
    membership=MembershipEffort(
        visitors=(1_000_000, 10_000_000),
        delta_entries=500_000,
        decided=200_000,
        contexts=256,
        seconds=1.0,
        lookups=LookupEffort(asked=500_000, memory_bytes=1 << 30, rounds=5, opens=50, seconds=1.0),
    ),
    http_seconds=10.0,
    peers=PEERS,
)
QUICK: Final = Effort(
    seconds=0.1,
    contexts=64,
    calls_contexts=512,
    worst_contexts=16,
    compared_seconds=0.1,
    compared_contexts=32,
    writes=1,
    opens=10,
    authored_rules=400,
    authored_rounds=2,
    membership=MembershipEffort(
        visitors=(20_000, 200_000),
        delta_entries=10_000,
        decided=50_000,
        contexts=64,
        seconds=0.1,
        lookups=LookupEffort(asked=50_000, memory_bytes=256 << 20, rounds=3, opens=10, seconds=0.1),
    ),
    http_seconds=0.5,
    peers=[listed for listed in PEERS if listed.name in QUICK_PEERS],
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="benches.run", description="How fast it is, beside other engines and floors.")
    parser.add_argument("--quick", action="store_true", help="a glance: fewer peers, figures too short to compare")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="where JSON and picture go (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    effort = QUICK if options.quick else FULL

    decisions = _show(lambda: measure_decisions(effort.contexts, effort.seconds))
    calls = _show(lambda: measure_calls(effort.calls_contexts))
    worst = _show(lambda: measure_worst_cases(effort.worst_contexts, effort.compared_seconds))
    loading = _show(lambda: measure_loading(effort.writes, effort.opens))
    authoring = _show(lambda: measure_authoring(effort.authored_rules, effort.authored_rounds))
    membership = [_shown(section) for section in measure_membership(effort.membership)]
    http = _show(lambda: measure_http(effort.http_seconds))

    comparer = Comparer(effort.peers)
    comparisons = list(_comparisons(comparer, effort))
    promises = [*keep(decisions, calls, worst, loading, comparisons), *keep_membership(membership)]
    for text in render_comparisons(comparisons), render_peers(comparer.notes), render_promises(promises):
        print(text, end="\n\n")

    sections = [decisions, calls, worst, loading, authoring, *membership, http]
    report = make_report(sections, comparisons, comparer.notes, promises, quick=options.quick)
    path = write(report, options.results)
    print(f"Written to {path}")
    picture = draw(report, path)
    if picture is not None:
        print(f"Drawn in {picture}")


def _show(measure: Callable[[], Section]) -> Section:
    return _shown(measure())


def _shown(section: Section) -> Section:
    print(render_section(section), end="\n\n", flush=True)
    return section


def _comparisons(comparer: Comparer, effort: Effort) -> Iterator[Comparison]:
    for rules in RULES:
        yield from comparer.compare(retailer(rules, effort.compared_contexts), effort.compared_seconds)
    for make in CARDINALITIES:
        yield from comparer.compare(make(CARDINALITY_RULES, effort.compared_contexts), effort.compared_seconds)


if __name__ == "__main__":
    main()
