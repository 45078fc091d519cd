"""Bytes in and out of ASGI: reading a body within its limits, answering with a few headers."""

from __future__ import annotations

from typing import Final

from starlette.types import Receive, Scope, Send

from edge.answer import Header, error_json
from edge.config import Config

JSON_HEADERS: Final[tuple[Header, ...]] = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """A request that is answered with an error. `close`: its body was not read to the end."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        attribute: str | None = None,
        offset: int | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.attribute = attribute
        self.offset = offset
        self.close = close


class GoneError(Exception):
    """The caller hung up before its request was whole."""


async def read_body(scope: Scope, receive: Receive, config: Config) -> bytes:
    """The whole body. Raises Refusal as soon as it is too large, GoneError. `edge.protocol` minds the time."""
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > config.body_bytes_max:
            raise _too_large(config)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if size > config.body_bytes_max:
            raise _too_large(config)
        if not more and not parts:
            return bytes(part)
        parts.append(part)
        if not more:
            return b"".join(parts)


def _too_large(config: Config) -> Refusal:
    return Refusal(413, "body_too_large", f"the body is over {config.body_bytes_max} bytes", close=True)


async def respond(send: Send, status: int, body: bytes, headers: tuple[Header, ...] = JSON_HEADERS) -> None:
    """One whole answer."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, refusal: Refusal, *headers: Header) -> None:
    """The answer to a refused request."""
    body = error_json(refusal.code, refusal.message, attribute=refusal.attribute, offset=refusal.offset)
    close: tuple[Header, ...] = ((b"connection", b"close"),) if refusal.close else ()
    await respond(send, refusal.status, body, (*JSON_HEADERS, *headers, *close))
