"""uvicorn's HTTP protocol with limits that it does not have, and with less trust in who sends.

Limits: on the size of a request's head and of the whole of it, on the time that it takes to arrive, and on the time
that a connection waits for its first. Without them a caller could send for ever and the worker would keep it all, or
send nothing more and the worker would wait. A request that arrives in one read, as nearly all do, pays for none.

Trailers are dropped: a CDN node strips headers that browsers may not send, not trailers of those names. Who offers
an upgrade (of a websocket, of HTTP/2) is answered in HTTP/1.1, with the body read as that of any other request.
What is not HTTP is refused in JSON and counted, like all that is refused here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sized
from typing import Any, Final

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from edge import config as edge_config
from edge.answer import error_json
from edge.counters import Counters

Refused = tuple[str, bytes]
"""The code that is counted, and the whole answer."""


class _Flow(FlowControl):
    """Reads no further while requests are queued: a caller that reads no answers can't fill the memory with them."""

    def __init__(self, transport: asyncio.Transport, queued: Sized) -> None:
        super().__init__(transport)
        self._queued = queued

    def resume_reading(self) -> None:
        if not self._queued:
            super().resume_reading()


class Protocol(HttpToolsProtocol):
    """One connection. `limits` and `counters` are set by `limited_protocol`."""

    limits: edge_config.Config
    counters: Counters

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._begun = 0
        self._in_head = False
        self._in_request = False
        self._later_bytes = 0
        self._too_late: asyncio.TimerHandle | None = None
        self._answering: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller connected, and has as long as between two requests."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        self._await_request()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._begun += 1
        self._later_bytes = 0
        self._in_head = self._in_request = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Its head is whole. The parser takes an upgrade for its end: `_feed` goes on without."""
        if not self.parser.should_upgrade():
            super().on_headers_complete()
            self._in_head = False

    def on_message_complete(self) -> None:
        """It is whole."""
        if not self.parser.should_upgrade():
            self._in_request = False
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, then see what is still missing.

        Whole reads are counted, not the one that a request begins with: the limits are soft by one read.
        """
        begun = self._begun
        self._unset_keepalive_if_required()
        self._feed(data)
        if self._in_request and self._begun == begun:
            self._later_bytes += len(data)
            if self._in_head and self._later_bytes > self.limits.head_bytes_max:
                self._refuse(_HEAD_TOO_LARGE)
            elif self._later_bytes > self.limits.request_bytes_max:
                self._refuse(_REQUEST_TOO_LARGE)
        if self._begun != begun or not self._in_request:
            self._forget_time()
        if self._in_request and self._too_late is None and not self.transport.is_closing():
            self._too_late = self.loop.call_later(self.limits.request_read_seconds_max, self._refuse, _TOO_SLOW)
        if not self._in_request and (not self._begun or self.cycle.response_complete):
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone, or was sent away."""
        self._forget_time()
        self._unset_keepalive_if_required()
        if self._answering is not None:
            self._answering.disconnected = True  # uvicorn tells only the newest of several that were sent at once
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, _msg: str) -> None:
        """Answer what is not HTTP."""
        self._refuse(_NOT_HTTP)

    def _feed(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                try:
                    self.parser.feed_data(rest)
                    break
                except httptools.HttpParserUpgrade as upgrade:
                    rest = rest[upgrade.args[0] :]
                    self._go_on_without_upgrade()
        except httptools.HttpParserError:
            self.send_400_response("")

    def _go_on_without_upgrade(self) -> None:
        """Read the head again as if no upgrade were offered. Raises HttpParserError."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise httptools.HttpParserError
        lines = [b"%b %b HTTP/%b" % (method, self.url, self.parser.get_http_version().encode())]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn sets it
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    def _await_request(self) -> None:
        if self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _forget_time(self) -> None:
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None

    def _refuse(self, refused: Refused) -> None:
        if self.transport.is_closing():
            return
        code, answer = refused
        self.counters.error(code)
        answered = self._in_request and not self._in_head and self.cycle.response_started
        if not answered:
            self.transport.write(answer)
        self.transport.close()


def limited_protocol(limits: edge_config.Config, counters: Counters) -> type[HttpToolsProtocol]:
    """The protocol class that uvicorn is given."""
    return type("LimitedProtocol", (Protocol,), {"limits": limits, "counters": counters})


def _answer(status: bytes, code: str, message: str) -> Refused:
    body = error_json(code, message)
    head = b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return code, head % (status, len(body)) + body


_NOT_HTTP: Final = _answer(b"400 Bad Request", "bad_http", "that is no HTTP/1.1 request")
_HEAD_TOO_LARGE: Final = _answer(
    b"431 Request Header Fields Too Large", "head_too_large", "the request line and headers are too large"
)
_REQUEST_TOO_LARGE: Final = _answer(b"413 Content Too Large", "body_too_large", "the request is too large")
_TOO_SLOW: Final = _answer(b"408 Request Timeout", "request_too_slow", "the request took too long to arrive")
