"""The visits that the demo asks an edge about: read from beside the bundle, asked over HTTP, and timed.

`visits.json` has a list of placement, context and a few words for it. What is printed of the answers belongs to
`central.demo`.
"""

from __future__ import annotations

import http.client
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec

from rulecore.explanation import Explanation

FILE: Final = "visits.json"


class DemoError(Exception):
    """The demo can't go on: visits that can't be read or were not answered, rules with problems."""


class _Visitor(msgspec.Struct, frozen=True):
    visitor_id: str = ""


class Visit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question: which variant of `placement` in `context`? `says` puts the context in a few words.

    The first visit with `explain` is shown with all its grounds.
    """

    placement: str
    says: str
    context: msgspec.Raw
    explain: bool = False

    @property
    def visitor(self) -> str:
        """The visitor's id; empty for one who has none."""
        return msgspec.json.decode(self.context, type=_Visitor).visitor_id

    @property
    def body(self) -> bytes:
        """What is posted to `/v1/decide`."""
        return self._body(b"")

    @property
    def explained_body(self) -> bytes:
        """The same with the wish for an explanation."""
        return self._body(b',"explain":true')

    def _body(self, wish: bytes) -> bytes:
        context = msgspec.json.format(bytes(self.context), indent=-1)
        return b'{"placement":%b,"context":%b%b}' % (msgspec.json.encode(self.placement), context, wish)


class Decision(msgspec.Struct, frozen=True):
    """What was answered, as far as it is shown."""

    variant: str
    reason: str
    rule: str | None
    held_out: dict[str, str] | None


class Answer(msgspec.Struct, frozen=True):
    """The answer to `POST /v1/decide`."""

    decisions: dict[str, Decision]
    explanations: dict[str, Explanation] = {}


class Latency(msgspec.Struct, frozen=True):
    """How long one call took, in seconds."""

    median: float
    p99: float


def read_visits(rules: Path, placements: Sequence[str]) -> list[Visit]:
    """The visits beside a bundle, those to `placements`. Raises DemoError when there are none."""
    path = rules / FILE
    try:
        visits = msgspec.json.decode(path.read_bytes(), type=list[Visit])
    except (OSError, msgspec.MsgspecError) as error:
        raise DemoError(f"{path}: {error}") from error
    found = [visit for visit in visits if visit.placement in placements]
    if not found:
        raise DemoError(f"{path}: no visit to any placement of the bundle ({', '.join(placements)})")
    return found


def ask(connection: http.client.HTTPConnection, body: bytes) -> bytes:
    """Post `body` to `/v1/decide`. Raises DemoError when the edge refuses it, OSError when the edge is gone."""
    try:
        connection.request("POST", "/v1/decide", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
    except http.client.HTTPException as error:
        raise DemoError(f"no answer: {error!r}") from error
    if response.status != HTTPStatus.OK:
        raise DemoError(f"{body.decode()} was answered {response.status} {answer.decode(errors='replace')}")
    return answer


def decisions(answer: bytes) -> Answer:
    """What an answer says."""
    return msgspec.json.decode(answer, type=Answer)


def timed(call: Callable[..., object], arguments: Sequence[tuple[object, ...]], calls: int) -> Latency:
    """Make `calls` calls with the arguments in turn, each timed by itself; a tenth as many go before, unmeasured."""
    turn = itertools.cycle(arguments)
    for each in itertools.islice(turn, calls // 10):
        call(*each)
    seconds = []
    for each in itertools.islice(turn, calls):
        started = time.perf_counter_ns()
        call(*each)
        seconds.append((time.perf_counter_ns() - started) / 1e9)
    return Latency(statistics.median(seconds), statistics.quantiles(seconds, n=100, method="inclusive")[98])
