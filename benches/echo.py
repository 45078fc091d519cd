"""A raw ASGI application that answers with the request's body: the least that uvicorn can do."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """200 with the body of a POST, 204 to anything else."""
    assert scope["type"] == "http"
    body = b""
    more = scope["method"] == "POST"
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200 if body else 204, "headers": [length] if body else []})
    await send({"type": "http.response.body", "body": body})
