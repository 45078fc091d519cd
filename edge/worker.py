"""One worker process: loads the release, then runs a single-process uvicorn server until it is told to stop.

The supervisor forked it. It tells its state on the board, its event loop beats there, and it drains when it gets
SIGTERM or when the supervisor is gone (the pipe that the supervisor holds open ends).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Generator
from typing import Final

import uvicorn

from edge import log
from edge.app import create_app
from edge.board import Board, LoadError, Report
from edge.config import Config
from edge.listen import Listener, last_connections
from edge.protocol import limited_protocol
from edge.release import ReleaseError, Releases
from edge.service import Service

EXIT_STOPPED: Final = 0
EXIT_NOT_STARTED: Final = 1


def run_worker(config: Config, listener: Listener, board: Board, slot: int, supervisor_pipe: int) -> int:
    """Serve until told to stop; the process's exit code."""
    logger = log.get("worker").bind(slot=slot, pid=os.getpid())
    started_at = time.time()
    board.publish(slot, Report(state="loading", pid=os.getpid(), started_at=started_at))
    try:
        releases = Releases(config, lambda: board.reloads)
        sock = listener.worker_socket()
    except (ReleaseError, OSError) as error:
        code, message = (error.code, error.message) if isinstance(error, ReleaseError) else ("listen", str(error))
        failed = LoadError(code, message, time.time())
        board.publish(slot, Report(state="failed", pid=os.getpid(), started_at=started_at, error=failed))
        logger.error("worker could not start", code=code, message=message)
        return EXIT_NOT_STARTED
    service = Service(config, releases, board, slot)
    server = Server(config, service, supervisor_pipe)
    server.run(sockets=[sock])
    logger.info("worker stopped")
    return EXIT_STOPPED


class Server(uvicorn.Server):
    """uvicorn's server with the supervisor's signals, a heartbeat, and a drain that drops no answer."""

    def __init__(self, config: Config, service: Service, supervisor_pipe: int) -> None:
        super().__init__(
            uvicorn.Config(
                create_app(service),
                loop="uvloop",
                http=limited_protocol(config, service.counters),
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=config.backlog_connections_max,
                timeout_keep_alive=config.keep_alive_seconds,
                timeout_graceful_shutdown=config.drain_seconds_max,
            )
        )
        self._edge = config
        self._service = service
        self._supervisor_pipe = supervisor_pipe

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """The signals of a worker: SIGTERM drains; those that a terminal sends to all are the supervisor's."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._drain)
        loop.add_reader(self._supervisor_pipe, self._drain)
        yield
        loop.remove_reader(self._supervisor_pipe)

    def _drain(self) -> None:
        asyncio.get_running_loop().remove_reader(self._supervisor_pipe)
        self._service.draining = True
        self.should_exit = True

    def _protocol(self) -> asyncio.Protocol:
        """One connection's, as uvicorn makes them for those that it accepts itself."""
        return self.config.http_protocol_class(  # type: ignore[call-arg]  # uvicorn knows it as any protocol
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept, then to beat."""
        await super().startup(sockets)
        self._beat()

    def _beat(self) -> None:
        self._service.board.publish(self._service.slot, self._service.report())
        self._service.board.beat(self._service.slot)
        asyncio.get_running_loop().call_later(self._edge.heartbeat_seconds, self._beat)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more; say `Connection: close` for a moment; close what is idle, let what is under way end.

        Busy callers so leave on their own between two requests, and none loses one; nor does who has just connected.
        """
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        listening = [sock.dup() for sock in sockets or ()]
        for server in self.servers:
            server.close()
        for sock in listening:
            waiting = last_connections(sock)
            sock.close()
            for connection in waiting:
                await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        await asyncio.sleep(self._edge.drain_notice_seconds)
        await super().shutdown(sockets)
