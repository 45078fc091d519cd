"""An HTTP/1.1 load client: a fixed number of kept-open connections, one request at a time on each.

It only counts whole answers with the status that is expected, and fails loudly on any other, so it is no measure of
speed to give errors fast. Which servers are asked, and how often in turns, is left to `benches.http_requests`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import Final, cast

import msgspec
import uvloop

CONNECTIONS: Final = 32
ANSWER_SECONDS_MAX: Final = 10.0

_LENGTH: Final = b"content-length:"
_END: Final = b"\r\n\r\n"


class LoadError(Exception):
    """A server answered something else, or hung up."""


class Load(msgspec.Struct, frozen=True):
    """What came of a while of load: answers a second, and the latency of each in seconds."""

    requests_per_second: float
    latencies: list[float]


def run_load(port: int, requests: Sequence[bytes], status: int, seconds: float) -> Load:
    """Ask 127.0.0.1:`port` for so many seconds, the requests in turn. Raises LoadError, OSError, TimeoutError."""
    return uvloop.run(_run(port, requests, status, seconds))


async def _run(port: int, requests: Sequence[bytes], status: int, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    began = perf_counter()
    connections = []
    for number in range(CONNECTIONS):
        turn = itertools.islice(itertools.cycle(requests), number, None)
        make = partial(_Connection, turn, status, began + seconds, latencies)
        _, connection = await loop.create_connection(make, "127.0.0.1", port)
        connections.append(connection)
    async with asyncio.timeout(seconds + ANSWER_SECONDS_MAX):
        await asyncio.gather(*(connection.done for connection in connections))
    return Load(len(latencies) / (perf_counter() - began), latencies)


class _Connection(asyncio.Protocol):
    """One connection: sends the next request when an answer is whole, until the time is over."""

    def __init__(self, requests: itertools.islice[bytes], status: int, until: float, latencies: list[float]) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._head = f"HTTP/1.1 {status} ".encode()
        self._until = until
        self._latencies = latencies
        self._received = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(_END)
        if head_end < 0:
            return
        if not self._received.startswith(self._head):
            self._fail(LoadError(f"wanted {self._head.decode()}, got {self._received[:500]!r}"))
        elif len(self._received) >= head_end + len(_END) + _content_length(self._received[:head_end]):
            now = perf_counter()
            self._latencies.append(now - self._sent_at)
            self._received = b""
            if now < self._until:
                self._send()
            else:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.done.done():
            return
        if exc is not None or perf_counter() < self._until:
            self.done.set_exception(exc or LoadError("the server hung up"))
        else:
            self.done.set_result(None)

    def _send(self) -> None:
        self._sent_at = perf_counter()
        self._transport.write(next(self._requests))

    def _fail(self, error: LoadError) -> None:
        self.done.set_exception(error)
        self._transport.abort()


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(_LENGTH)
    return int(lowered[at + len(_LENGTH) :].partition(b"\r\n")[0]) if at >= 0 else 0
