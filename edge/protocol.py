"""uvicorn's HTTP protocol with two limits that it does not have: on the size of a request's head, and on the time
that a request takes to arrive.

Without them a caller could send headers for ever and the worker would keep them all, or send nothing more and the
worker would wait. A request that arrives in one read, as nearly all do, pays for neither.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from edge import config as edge_config
from edge.answer import error_json


class Protocol(HttpToolsProtocol):
    """One connection. `limits` is set by `limited_protocol`."""

    limits: edge_config.Config

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
        self._head_bytes = 0
        self._too_late: asyncio.TimerHandle | None = None

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._begun += 1
        self._head_bytes = 0
        self._in_head = self._in_request = True

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """It is whole."""
        self._in_request = False
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, then see what is still missing.

        Of a head, whole reads are counted, not the one that it begins with: the limit is soft by one read.
        """
        begun = self._begun
        super().data_received(data)
        if self._in_head and self._begun == begun:
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.head_bytes_max:
                self._refuse(_HEAD_TOO_LARGE)
        if self._begun != begun or not self._in_request:
            self._forget_time()
        if self._in_request and self._too_late is None and not self.transport.is_closing():
            self._too_late = self.loop.call_later(self.limits.request_read_seconds_max, self._refuse, _TOO_SLOW)

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone, or was sent away."""
        self._forget_time()
        super().connection_lost(exc)

    def _forget_time(self) -> None:
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None

    def _refuse(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            if self._in_head or not self.cycle.response_started:
                self.transport.write(answer)
            self.transport.close()


def limited_protocol(limits: edge_config.Config) -> type[HttpToolsProtocol]:
    """The protocol class that uvicorn is given."""
    return type("LimitedProtocol", (Protocol,), {"limits": limits})


def _answer(status: bytes, code: str, message: str) -> bytes:
    body = error_json(code, message)
    return b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


_HEAD_TOO_LARGE: Final = _answer(
    b"431 Request Header Fields Too Large", "head_too_large", "the request line and headers are too large"
)
_TOO_SLOW: Final = _answer(b"408 Request Timeout", "request_too_slow", "the request took too long to arrive")
