"""Callers that ask a server without pause, in threads, and keep what they were answered."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.edge.serving import Server

BODY = b'{"context":{}}'


class Caller(threading.Thread):
    """One caller on a kept connection. A failure to connect is told from a request that got no whole answer."""

    def __init__(self, server: Server, enough: threading.Event, body: bytes) -> None:
        super().__init__()
        self._server = server
        self._body = body
        self._enough = enough
        self.answers: list[tuple[int, bytes]] = []
        self.not_connected = 0
        self.dropped: list[str] = []

    def run(self) -> None:
        """Ask until it is enough; connect anew whenever the server closed."""
        while not self._enough.is_set():
            connection = _connection(self._server)
            try:
                connection.connect()
            except OSError:
                self.not_connected += 1
                continue
            try:
                while not self._enough.is_set() and connection.sock is not None:
                    self._ask(connection)
            except (OSError, http.client.HTTPException) as error:
                self.dropped.append(type(error).__name__)
            finally:
                connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        connection.request("POST", "/v1/decide", body=self._body)
        answer = connection.getresponse()
        self.answers.append((answer.status, answer.read()))


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("edge", timeout=30)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self._path)


def _connection(server: Server) -> http.client.HTTPConnection:
    if server.config.uds is not None:
        return _UnixConnection(server.config.uds)
    host, _, port = server.address.removeprefix("http://").rpartition(":")
    return http.client.HTTPConnection(host, int(port), timeout=30)


@contextmanager
def callers(server: Server, count: int, body: bytes = BODY) -> Iterator[list[Caller]]:
    """So many callers at once, for as long as the block runs."""
    enough = threading.Event()
    threads = [Caller(server, enough, body) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        enough.set()
        for thread in threads:
            thread.join()
