"""Requests a second of the worker beside uvicorn's raw echo of the same bytes, in turns.

Client and server share the machine, so requests a second depend on both. The server's own processor time a request
does not, and is measured beside it.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from benches.generator import Facts, Scenario, page_headers
from benches.load import CONNECTIONS, Load, run_load
from benches.report import Ratio, Section
from benches.servers import Server, echo, edge
from benches.timing import Figures, figures
from rulecore import write_bundle

ROUNDS: Final = 5
CONTEXTS: Final = 64
PLACEMENTS: Final = 10


class Ask(msgspec.Struct, frozen=True):
    """Requests of one kind, and the status that answers them. Echo answers 200 to a body and 204 to none, too."""

    name: str
    requests: list[bytes]
    status: int


class Turn(msgspec.Struct, frozen=True):
    """One server's turn in a round."""

    load: Load
    cpu_microseconds: float


def measure_http(seconds: float) -> Section:
    """Each kind of request to each server for so many seconds in all."""
    scenario = Scenario(200, placements=PLACEMENTS)
    found: list[Figures] = []
    ratios: list[Ratio] = []
    with tempfile.TemporaryDirectory(prefix="edgewise-bench-") as folder, ExitStack() as running:
        bundle = Path(folder) / "bundle.image"
        bundle.write_bytes(write_bundle(scenario.bundle))
        worker, raw = running.enter_context(edge(bundle)), running.enter_context(echo())
        for ask in _asks(scenario):
            rounds = list(_rounds(ask, worker, raw, seconds / ROUNDS))
            for name, turns in ("edge", [ours for ours, _ in rounds]), ("echo", [theirs for _, theirs in rounds]):
                found.extend(_figures(f"{ask.name}, {name}", turns))
            ratios.append(
                Ratio(
                    f"{ask.name}: edge/echo requests/s",
                    statistics.median(
                        ours.load.requests_per_second / theirs.load.requests_per_second for ours, theirs in rounds
                    ),
                )
            )
            ratios.append(
                Ratio(
                    f"{ask.name}: edge/echo CPU",
                    statistics.median(ours.cpu_microseconds / theirs.cpu_microseconds for ours, theirs in rounds),
                )
            )
    return Section(
        f"Over HTTP: one worker, {CONNECTIONS} connections, 200 rules in {PLACEMENTS} placements", found, ratios
    )


def _rounds(ask: Ask, worker: Server, raw: Server, seconds: float) -> Iterator[tuple[Turn, Turn]]:
    for server in worker, raw:
        run_load(server.port, ask.requests, ask.status, seconds / 10)
    for number in range(ROUNDS):
        if number % 2:
            theirs, ours = _turn(ask, raw, seconds), _turn(ask, worker, seconds)
        else:
            ours, theirs = _turn(ask, worker, seconds), _turn(ask, raw, seconds)
        yield ours, theirs


def _turn(ask: Ask, server: Server, seconds: float) -> Turn:
    before = server.cpu_seconds()
    load = run_load(server.port, ask.requests, ask.status, seconds)
    return Turn(load, (server.cpu_seconds() - before) * 1e6 / len(load.latencies))


def _figures(name: str, turns: list[Turn]) -> list[Figures]:
    latencies = [latency * 1e6 for turn in turns for latency in turn.load.latencies]
    return [
        figures(name, "requests/s", [turn.load.requests_per_second for turn in turns]),
        figures(name, "us of the server's CPU a request", [turn.cpu_microseconds for turn in turns]),
        figures(name, "us until the answer is whole", latencies),
    ]


def _asks(scenario: Scenario) -> list[Ask]:
    names = [placement.name for placement in scenario.bundle.placements]
    contexts = scenario.natural(names[0], CONTEXTS)
    return [
        Ask("POST, 1 placement", [_post(context, names[:1]) for context in contexts], 200),
        Ask(f"POST, {PLACEMENTS} placements", [_post(context, names) for context in contexts], 200),
        Ask("GET, 1 placement", [_get(context, names[:1]) for context in contexts], 204),
    ]


def _post(context: Facts, placements: list[str]) -> bytes:
    body = msgspec.json.encode({"context": context, "placements": placements})
    return (
        _request("POST /v1/decide", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]) + body
    )


def _get(context: Facts, placements: list[str]) -> bytes:
    return _request(f"GET /v1/decide?placements={','.join(placements)}", page_headers(context))


def _request(target: str, headers: list[tuple[str, str]]) -> bytes:
    lines = [f"{target} HTTP/1.1", "Host: edge.test", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
