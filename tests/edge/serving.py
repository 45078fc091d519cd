"""A real server for tests: the supervisor in a process of its own, its log read line by line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from edge.config import Config, Files

PATIENCE_SECONDS = 60.0

_DRIVER = """
import pathlib, sys, msgspec
from edge import log
from edge.config import Config, Files
from edge.supervisor import serve
config = msgspec.json.decode(sys.argv[1], type=Config, dec_hook=lambda kind, value: pathlib.Path(value))
log.configure(config.log_format)
sys.exit(serve(config))
"""


def until(true: Callable[[], bool], what: str) -> None:
    """Ask again and again until it is so."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < limit, f"in vain: {what}"
        time.sleep(0.01)


class Server:
    """`edge serve` with a given Config; on a free port unless it listens on a unix socket."""

    def __init__(self, config: Config, *, ready: bool = True) -> None:
        self.config = config
        text = msgspec.json.encode(self.config, enc_hook=str).decode()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _DRIVER, text], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        self.lines: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        if ready:
            self.address = str(self.wait("ready")["address"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop it if it runs, and read its log to the end."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE_SECONDS)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._reader.join()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._more:
                self.lines.append(line)
                self._more.notify_all()
        self.process.stderr.close()
        with self._more:
            self._more.notify_all()

    @property
    def log(self) -> str:
        """All that it wrote."""
        return "".join(self.lines)

    def events(self, event: str) -> list[dict[str, Any]]:
        """The log records of one event, so far."""
        found = []
        for line in list(self.lines):
            if line.startswith("{"):
                record = json.loads(line)
                if record.get("event") == event:
                    found.append(record)
        return found

    def wait(self, event: str, count: int = 1) -> dict[str, Any]:
        """Wait until an event was logged so many times; the last of them."""
        limit = time.monotonic() + PATIENCE_SECONDS
        with self._more:
            while len(found := self.events(event)) < count:
                assert self.process.poll() is None, self.log
                assert self._more.wait(limit - time.monotonic()), f"no {event!r} in\n{self.log}"
        return found[count - 1]

    def client(self, **options: Any) -> httpx.Client:
        """A client of this server. Without the certificates that it would load and never use."""
        if self.config.uds is not None:
            return httpx.Client(
                transport=httpx.HTTPTransport(uds=str(self.config.uds), verify=False),
                base_url="http://edge",
                timeout=30,
                **options,
            )
        return httpx.Client(base_url=self.address, timeout=30, trust_env=False, verify=False, **options)

    def connect(self) -> socket.socket:
        """A raw connection."""
        if self.config.uds is not None:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(30)
            connection.connect(str(self.config.uds))
            return connection
        host, _, port = self.address.removeprefix("http://").rpartition(":")
        return socket.create_connection((host, int(port)), timeout=30)

    def status(self) -> dict[str, Any]:
        """`/v1/status`."""
        with self.client() as client:
            answer: dict[str, Any] = client.get("/v1/status").json()
            return answer

    def pids(self) -> list[int]:
        """The workers' process ids."""
        return [worker["pid"] for worker in self.status()["workers"] if worker is not None]

    def signal(self, which: signal.Signals) -> None:
        """Send the supervisor a signal."""
        os.kill(self.process.pid, which)

    def exit_code(self) -> int:
        """Wait for the end."""
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join()
        return code


def read_answers(connection: socket.socket, count: int) -> list[bytes]:
    """So many HTTP answers, each head and body together, from a raw connection."""
    data = b""
    answers: list[bytes] = []
    while len(answers) < count:
        head, found, rest = data.partition(b"\r\n\r\n")
        if found:
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            length = int(lengths[0].partition(b":")[2]) if lengths else 0
            if len(rest) >= length:
                answers.append(head + found + rest[:length])
                data = rest[length:]
                continue
        more = connection.recv(65536)
        assert more, f"closed after {len(answers)} answers and {data!r}"
        data += more
    assert not data
    return answers


def write_config(directory: Path, **changes: Any) -> Config:
    """A config for tests: the bundle `directory/bundle`, a free port, short intervals."""
    given: dict[str, Any] = {
        "files": Files(bundle=directory / "bundle"),
        "port": 0,
        "reload_poll_seconds": 0.02,
        "heartbeat_seconds": 0.05,
        "drain_notice_seconds": 0.05,
    }
    return Config(**(given | changes))
