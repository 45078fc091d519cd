"""uvicorn's HTTP protocol with a limit that it does not have: on the size of a request's head.

Without it a caller could send headers for ever and the worker would keep them all.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%b"
)
_BODY = b'{"error":{"code":"head_too_large","message":"the request line and headers are too large"}}'


class Protocol(HttpToolsProtocol):
    """One connection. Whole reads inside one head are counted, so the limit is soft by what is read at once."""

    head_bytes_max: int

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._heads = 0
        self._head_bytes = 0
        self._in_head = False

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._heads += 1
        self._head_bytes = 0
        self._in_head = True

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count what a head took that did not begin or end with this read."""
        heads = self._heads
        super().data_received(data)
        if self._in_head and self._heads == heads:
            self._head_bytes += len(data)
            if self._head_bytes > self.head_bytes_max and not self.transport.is_closing():
                self.transport.write(_REFUSAL % (len(_BODY), _BODY))
                self.transport.close()


def limited_protocol(bytes_max: int) -> type[HttpToolsProtocol]:
    """The protocol class that uvicorn is given."""

    class Limited(Protocol):
        head_bytes_max = bytes_max

    return Limited
