"""What callers send is read as HTTP/1.1 within limits, and trusted no further."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import pytest
import uvicorn
from uvicorn.server import ServerState

from edge.config import Config, Files
from edge.counters import Counters
from edge.protocol import limited_protocol
from tests.edge.serving import Server, read_answers, until

PAGE = b"GET /v1/decide?placements=by_age,by_app_version,by_visitor_id HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /v1/decide HTTP/1.1\r\nHost: a\r\n"
BODY = b'{"context": {"age": 42}, "placement": "by_age"}'
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"


def errors(server: Server, code: str) -> int:
    count: int = server.status()["counters"]["errors"].get(code, 0)
    return count


def test_trailers_are_no_headers(server: Server) -> None:
    trailers = b"Edgewise-Visitor-Id: v-1\r\nX-App-Version: 1.10\r\nCookie: age=42\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(PAGE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + trailers)
        (answer,) = read_answers(connection, 1)
        assert b"by_age=other, by_app_version=other, by_visitor_id=other" in answer
        connection.sendall(PAGE + trailers)
        (answer,) = read_answers(connection, 1)
        assert b"by_age=seen, by_app_version=seen, by_visitor_id=seen" in answer


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
    ],
    ids=["length", "chunked"],
)
def test_an_offered_upgrade_is_passed_over_and_its_body_read(server: Server, body: bytes) -> None:
    request = POST + UPGRADE + body
    with server.connect() as connection:
        connection.sendall(request * 3)
        for answer in read_answers(connection, 3):
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b'"variant":"seen"' in answer
        for byte in request:
            connection.sendall(bytes([byte]))
        assert b'"variant":"seen"' in read_answers(connection, 1)[0]
        connection.sendall(PAGE + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert b"HTTP/1.1 204 " in read_answers(connection, 1)[0]


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00 what is this\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/decide?color=\xff HTTP/1.1\r\n\r\n",
        PAGE + b"X-Folded: a\r\n b\r\n\r\n",
        PAGE + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=["tls", "connect", "query", "folded", "two lengths"],
)
def test_what_is_no_http_is_refused_in_json_and_counted_not_logged(server: Server, sent: bytes) -> None:
    before, logged = errors(server, "bad_http"), len(server.lines)
    with server.connect() as connection:
        connection.sendall(sent)
        (answer,) = read_answers(connection, 1)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "bad_http"
        assert connection.recv(1) == b""
    assert errors(server, "bad_http") == before + 1
    assert len(server.lines) == logged


@pytest.mark.parametrize("piece", [b"X: %s\r\n" % (b"y" * 1000), b"y" * 1000], ids=["many", "one"])
def test_trailers_without_end_are_cut_off(server: Server, piece: bytes) -> None:
    before = errors(server, "body_too_large")
    with server.connect() as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ")
        try:
            for _ in range(4_000):
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
    until(lambda: errors(server, "body_too_large") == before + 1, "it is counted")


def test_a_caller_that_reads_no_answer_is_not_read_from_and_may_hang_up(server: Server) -> None:
    before = errors(server, "internal")
    sent, blocked, posts = 0, False, [-1, 0]
    with server.connect() as connection:
        connection.setblocking(False)
        while not blocked or posts[-1] != posts[-2]:  # until nothing moves: the sockets are full
            blocked = True
            with contextlib.suppress(OSError):
                sent += connection.send((POST + b"Content-Length: 2\r\n\r\n{}") * 1000)
                blocked = False
            assert sent < 16 << 20, "the worker keeps what it can't answer"
            posts.append(server.status()["counters"]["posts"])
    assert errors(server, "internal") == before
    assert not server.events("request failed")
    assert "Exception" not in server.log


def test_a_connection_without_a_request_is_closed_after_a_while() -> None:
    async def connect() -> bytes:
        config = uvicorn.Config("edge.app:create_app", timeout_keep_alive=0, log_config=None, lifespan="off")
        protocol = limited_protocol(Config(files=Files(bundle=Path("b"))), Counters())
        listening = await asyncio.get_running_loop().create_server(
            lambda: protocol(config, ServerState(), {}), "127.0.0.1", 0
        )
        async with listening:
            reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
            read = await reader.read()
            writer.close()
            return read

    assert asyncio.run(asyncio.wait_for(connect(), 60)) == b""
