"""An `edge serve` of our own, as a process: found, started, waited for, asked and stopped.

The two planes share no code but `rulecore`, so what the control plane wants of an edge it asks as anybody would:
over HTTP, of the installed command.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Final
from urllib.parse import urlsplit

import msgspec

READY_SECONDS_MAX: Final = 30.0
ANSWER_SECONDS_MAX: Final = 10.0
STOP_SECONDS_MAX: Final = 10.0
LOG_LINES_SHOWN: Final = 12

_POLL_SECONDS: Final = 0.02
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EdgeError(Exception):
    """The edge could not be started, or stopped answering."""


class Stopped(BaseException):
    """A signal asked us to stop. Not an Exception: nothing but the way out may take it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


class Signals:
    """Turns SIGINT, SIGTERM and SIGHUP into `Stopped`, but never between starting a process and knowing it."""

    def __init__(self) -> None:
        self._held = False
        self._pending: int | None = None

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Until the block ends, the three signals raise Stopped in it."""
        before = {number: signal.signal(number, self._take) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """In the block signals wait; one that came raises Stopped at its end."""
        self.hold()
        yield
        self._held = False
        if self._pending is not None:
            self._held = True
            raise Stopped(self._pending)

    def hold(self) -> None:
        """From now on signals wait, for good unless it is in a `held` block."""
        self._held = True

    def _take(self, number: int, _frame: FrameType | None) -> None:
        self._pending = number
        if not self._held:
            self._held = True  # one is enough: the way out is not interrupted
            raise Stopped(number)


class EdgeProcess:
    """An edge that is starting or running. Its log, a line of JSON an event, says when it serves and where."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self.url = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    def connect(self) -> http.client.HTTPConnection:
        """A connection that is kept open from one request to the next."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=ANSWER_SECONDS_MAX)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def wait_until_ready(self) -> None:
        """Raises EdgeError with the end of the edge's log when it does not come up."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not self.url:
            ended = self._process.poll()  # before its log is read, so that its last words are in it
            self.url = self._ready_at()
            if not self.url and ended is not None:
                raise EdgeError(f"edge serve ended with {ended}:\n{self._log_end()}")
            if not self.url and time.monotonic() >= deadline:
                raise EdgeError(f"edge serve was not ready after {READY_SECONDS_MAX:.0f} s:\n{self._log_end()}")
            if not self.url:
                time.sleep(_POLL_SECONDS)

    def wait_until_it_ends(self) -> int:
        """Its exit code."""
        return self._process.wait()

    def stop(self) -> None:
        """Let it end what it is doing, for a while; then end it with all of its workers."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _ready_at(self) -> str:
        """The address in the log's event "ready"; empty before that."""
        for line in self._log.read_bytes().splitlines():
            try:
                event = msgspec.json.decode(line, type=_LogEvent)
            except msgspec.MsgspecError:
                continue  # not one of the edge's own lines, or not yet whole
            if event.event == "ready":
                return event.address
        return ""

    def _log_end(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])


class _LogEvent(msgspec.Struct, frozen=True):
    event: str
    address: str = ""


@contextlib.contextmanager
def serving(bundle: Path, snapshot: Path, keys: Path, log: Path, signals: Signals) -> Iterator[EdgeProcess]:
    """An edge that serves the files while the block lasts. What it logs goes to `log`. Raises EdgeError."""
    files = ["--bundle", str(bundle), "--snapshot", str(snapshot), "--keys", str(keys)]
    command = [*_edge(), "serve", *files, "--workers", "1", "--host", "127.0.0.1", "--port", "0"]
    with contextlib.ExitStack() as stack:
        with signals.held():
            edge = EdgeProcess(_started(command, log), log)
            stack.callback(edge.stop)
            stack.callback(signals.hold)
        edge.wait_until_ready()
        yield edge


def _started(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C on the terminal reaches us alone, and we stop it in order.
    with log.open("wb") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)


def _edge() -> list[str]:
    """The command `edge` of this very installation."""
    beside = Path(sys.executable).with_name("edge")
    return [str(beside)] if beside.is_file() else [sys.executable, "-m", "edge"]
