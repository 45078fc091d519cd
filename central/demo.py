"""`central demo`: the whole way on real input, from purchases and rules to decisions over HTTP, step by step.

Owns the order of the steps and what is said of them. Each step is what an author or operator would run: the
segments, the snapshot, the check and the edge are those of the other commands. How it is laid out belongs to
`central.demo_report`, the questions to `central.demo_visits`, the edge's life to `central.edge_process`.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from central.authoring.explain_text import render_explanation
from central.authoring.load import load_bundle
from central.authoring.testing import check_coverage, run_tests
from central.demo_report import Report, shown
from central.demo_visits import FILE, Answer, DemoError, Latency, Visit, ask, decisions, read_visits, timed
from central.edge_process import EdgeError, EdgeProcess, Signals, Stopped, serving
from central.segments import build_snapshot
from central.segments.rfm import write_segments
from rulecore import BundleImage, EdgewiseError, Engine, Membership, write_bundle
from rulecore.keys import KEY_BYTES, KEY_FILE, MembershipKeys

if TYPE_CHECKING:
    from argparse import _SubParsersAction

STOREFRONT: Final = Path(__file__).parents[1] / "rules" / "storefront"
EPOCH: Final = 1
CALLS_IN_PROCESS: Final = 50_000
CALLS_OVER_HTTP: Final = 3_000


def add_commands(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `demo` to the commands of `central`."""
    demo = subparsers.add_parser(
        "demo",
        help="the whole way on real purchases, to decisions over HTTP",
        description="Compute segments from real purchases, build a snapshot and a bundle, start an edge and ask it "
        "over HTTP what real customers see. Everything is made in a temporary folder and removed again.",
    )
    demo.add_argument("--keep", action="store_true", help="stay up until Ctrl-C, and print curl lines to try")
    demo.add_argument(
        "--rules",
        type=Path,
        default=STOREFRONT,
        metavar="DIR",
        help=f"a bundle that has purchases.parquet and {FILE} beside it (default: rules/storefront)",
    )
    demo.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    signals = Signals()
    try:
        with signals.handled(), contextlib.ExitStack() as stack:
            _walk(arguments.rules, stack, signals, keep=arguments.keep)
            return 0
    except Stopped as stopped:
        sys.stdout.write("Stopped.\n")
        return 128 + stopped.signal_number
    except (DemoError, EdgewiseError, EdgeError, OSError) as error:
        sys.stderr.write(f"central demo: {error}\n")
        return 1


def _walk(rules: Path, stack: contextlib.ExitStack, signals: Signals, *, keep: bool) -> None:
    """The steps, one after the other. What is started and made goes onto the stack."""
    report = Report(sys.stdout, steps=7)
    with signals.held():
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgewise-demo-")))
    members, columns = folder / "members.parquet", folder / "columns.parquet"
    bundle_file, snapshot_file, keys_folder = folder / "bundle", folder / "snapshot", folder / "keys"

    with report.step("Segments of real customers, from what they bought"):
        summary = write_segments(rules / "purchases.parquet", members, columns)
    sizes = ", ".join(f"{name} {count:,}" for name, count in summary.segments.items())
    report.note(f"{summary.customers:,} customers as of {summary.as_of}: {sizes}")

    with report.step("Keys, and a snapshot of who is in which segment"):
        keys = _new_keys(keys_folder)
        stats = build_snapshot([members], [columns], keys, EPOCH, snapshot_file)
    report.note(f"{stats.visitors:,} visitors in {stats.size_bytes:,} bytes, without their ids")

    with report.step("Rules checked, compiled into a bundle, and tested"):
        image, tests = _compiled(rules)
        bundle_file.write_bytes(image)
        engine = Engine(BundleImage(image), Membership.open(str(snapshot_file), keys))
    report.note(f"{engine.bundle.rule_count} rules in {len(image):,} bytes; {tests} tests pass")
    visits = read_visits(rules, engine.bundle.placements)

    with report.step("Edge started: edge serve, one worker"):
        edge = stack.enter_context(serving(bundle_file, snapshot_file, keys_folder, folder / "edge.log", signals))
        connection = stack.enter_context(contextlib.closing(edge.connect()))
    report.note(edge.url)

    with report.step("Edge asked over HTTP what these customers see"):
        answers = [decisions(ask(connection, visit.body)) for visit in visits]
        explained = next((visit for visit in visits if visit.explain), visits[0])
        explanation = decisions(ask(connection, explained.explained_body)).explanations[explained.placement]
    _show_customers(report, engine, visits)
    _show_answers(report, visits, answers)
    report.lines("", f"Why {explained.visitor or 'the visitor'} sees {explanation.variant} ({explained.says}):", "")
    report.lines(render_explanation(explanation), "")

    with report.step("Latency measured, of one decision a call"):
        latencies = _latencies(engine, connection, visits)
    report.table(
        ["", "median", "p99"],
        {"": [[name, shown(latency.median), shown(latency.p99)] for name, latency in latencies.items()]},
    )

    report.lines("")
    if keep:
        report.lines("Try it; Ctrl-C stops it.", "", *_curl_lines(edge, visits, explained), "")
        with contextlib.suppress(Stopped):
            raise EdgeError(f"edge serve ended by itself with {edge.wait_until_it_ends()}")
    with report.step("Edge stopped, temporary folder removed"):
        stack.close()


def _compiled(rules: Path) -> tuple[bytes, int]:
    """The image of a bundle without problems, and how many tests it passed. Raises DemoError."""
    loaded = load_bundle(rules)
    if loaded.bundle is None or loaded.source is None:
        raise DemoError(f"the rules have problems:\n{loaded.problems.render()}")
    image = write_bundle(loaded.bundle)
    tested = run_tests(Engine(BundleImage(image)), loaded.tests, loaded.problems)
    check_coverage(loaded.bundle, loaded.source, tested, loaded.problems)
    if loaded.problems.error_count:
        raise DemoError(f"the rules have problems:\n{loaded.problems.render()}")
    return image, tested.tests


def _new_keys(folder: Path) -> MembershipKeys:
    """Keys of one epoch in a folder of their own, which only we can read."""
    keys = MembershipKeys(secrets.token_bytes(KEY_BYTES), {EPOCH: secrets.token_bytes(KEY_BYTES)})
    folder.mkdir(mode=0o700)
    file = folder / KEY_FILE
    file.touch(mode=0o600)
    file.write_bytes(keys.to_json())
    return keys


def _show_customers(report: Report, engine: Engine, visits: Sequence[Visit]) -> None:
    """Those who are in the snapshot, with what it has on them."""
    membership = engine.membership
    rows = []
    for visitor in sorted({visit.visitor for visit in visits}):
        segments = membership.lookup(visitor) if membership is not None else None
        if membership is not None and segments is not None:
            columns = (f"{name} {value}" for name, value in membership.values(visitor).items())
            rows.append([visitor, ", ".join(columns), ", ".join(segments)])
    report.table(["customer", "columns", "segments"], {"": rows})


def _show_answers(report: Report, visits: Sequence[Visit], answers: Sequence[Answer]) -> None:
    groups: dict[str, list[list[str]]] = {}
    for visit, answer in zip(visits, answers, strict=True):
        decision = answer.decisions[visit.placement]
        rule = "(held out)" if decision.held_out else decision.rule or "-"
        row = [visit.visitor or "-", visit.says, decision.variant, decision.reason, rule]
        groups.setdefault(visit.placement, []).append(row)
    report.table(["visitor", "context", "variant", "reason", "rule"], groups)


def _latencies(engine: Engine, connection: HTTPConnection, visits: Sequence[Visit]) -> dict[str, Latency]:
    now = time.time_ns() // 1000
    dicts = [(visit.placement, msgspec.json.decode(visit.context), now) for visit in visits]
    bodies = [(visit.placement, bytes(visit.context), now) for visit in visits]
    requests = [(connection, visit.body) for visit in visits]
    return {
        "in process, context as a dict": timed(engine.decide, dicts, CALLS_IN_PROCESS),
        "in process, context as JSON": timed(engine.decide_json, bodies, CALLS_IN_PROCESS),
        "over HTTP, one connection": timed(ask, requests, CALLS_OVER_HTTP),
    }


def _curl_lines(edge: EdgeProcess, visits: Sequence[Visit], explained: Visit) -> list[str]:
    """What to type to ask the edge. A line that ends with a backslash goes on in the next."""
    short = min((visit for visit in visits if visit.visitor), key=lambda visit: len(visit.body), default=explained)
    visitor = shlex.quote(f"Edgewise-Visitor-Id: {short.visitor}")
    decide = f"curl -sw '\\n' {edge.url}/v1/decide"
    return [
        "# as an application server asks: a placement and a context",
        f"{decide} -d \\",
        f"  {shlex.quote(short.body.decode())}",
        "# the same of another visitor, and why",
        f"{decide} -d \\",
        f"  {shlex.quote(explained.explained_body.decode())}",
        "# as a CDN node asks: every placement; the context is in the headers, and the answer too",
        f"{decide} -D- -H {visitor} -H 'Edgewise-Consent: personalization'",
        "# as an operator asks: what is served, since when, how often",
        f"curl -sw '\\n' {edge.url}/v1/status",
    ]
