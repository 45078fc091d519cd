"""The servers under load, each a process of its own with one worker, started and stopped here."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

START_SECONDS_MAX: Final = 30.0
STOP_SECONDS_MAX: Final = 15.0

_CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Server:
    """A running server on 127.0.0.1."""

    def __init__(self, pid: int, port: int) -> None:
        self._pid = pid
        self.port = port

    def cpu_seconds(self) -> float:
        """Processor time that the server and its children have used so far."""
        return sum(_cpu_ticks(pid) for pid in _family(self._pid)) / _CLOCK_TICKS


@contextlib.contextmanager
def edge(bundle: Path, *more: str) -> Iterator[Server]:
    """`edge serve` with one worker."""
    port = _free_port()
    options = ["--bundle", str(bundle), "--workers", "1", "--port", str(port), *more]
    with _running([sys.executable, "-m", "edge", "serve", *options], port) as server:
        yield server


@contextlib.contextmanager
def echo() -> Iterator[Server]:
    """Uvicorn with the application of `benches.echo`."""
    port = _free_port()
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    with _running([sys.executable, "-m", "uvicorn", "benches.echo:app", "--port", str(port), *options], port) as server:
        yield server


@contextlib.contextmanager
def _running(command: list[str], port: int) -> Iterator[Server]:
    # A session of its own, so that whatever it started can be ended with it.
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait_until_it_accepts(process, port)
        yield Server(process.pid, port)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_it_accepts(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} did not accept a connection within {START_SECONDS_MAX:.0f} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _family(int(child)))]


def _cpu_ticks(pid: int) -> int:
    # The fields after the command's name, which is in brackets and may hold spaces: user and system time are the
    # 14th and 15th of all.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
