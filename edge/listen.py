"""The sockets that workers accept on.

TCP: every worker binds the address for itself with SO_REUSEPORT, once it can serve; the kernel spreads connections
over them, and a dead worker's share goes to the others. The supervisor holds the address (bound, not listening), so
that a port chosen by the kernel stays the same. Unix: one listening socket that all workers inherit.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Final

from edge.config import Config

UDS_MODE: Final = 0o660
_SO_ATTACH_FILTER: Final = 26
_DROP_ALL: Final = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
"""A filter (classic BPF) of one instruction: return 0, which lets no packet pass."""


class ListenError(Exception):
    """An address that can't be listened on, with the reason."""


class Listener:
    """What a supervisor opens and its workers listen on."""

    def __init__(self, held: socket.socket, address: str, *, uds: Path | None, backlog: int) -> None:
        self._held = held
        self._uds = uds
        self._backlog = backlog
        self._withdrawn = False
        self.address = address

    def worker_socket(self) -> socket.socket:
        """In a worker: a socket that it may listen on."""
        if self._uds is not None:
            return self._held
        own = _reusable(self._held.family)
        own.bind(self._held.getsockname())
        own.setblocking(False)
        return own

    def withdraw(self) -> None:
        """In the supervisor, before the workers drain: let nobody connect any more whom no worker would answer.

        A unix socket listens for as long as any process holds it, so its path goes; workers end TCP's by themselves.
        """
        if self._uds is not None and not self._withdrawn:
            self._withdrawn = True
            with contextlib.suppress(FileNotFoundError):
                self._uds.unlink()

    def close(self) -> None:
        """In the supervisor, when all workers have stopped: give up the address."""
        self.withdraw()
        self._held.close()


def last_connections(listening: socket.socket) -> list[socket.socket]:
    """Those whom the kernel has let in and nobody has accepted yet; from here on it lets nobody in.

    Closing a listening socket would reset them. A TCP socket is first given a filter that drops what arrives, so that
    nobody comes in between; who tries then is refused a moment later, or let in by another worker.
    """
    if listening.family != socket.AF_UNIX:
        program = struct.pack("HL", 1, ctypes.addressof(_DROP_ALL))
        with contextlib.suppress(OSError):
            listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    waiting = []
    with contextlib.suppress(OSError):
        while True:
            waiting.append(listening.accept()[0])
    return waiting


def open_listener(config: Config) -> Listener:
    """Take the configured address. Raises ListenError."""
    if config.uds is not None:
        return _open_unix(config.uds, config.backlog_connections_max)
    return _open_tcp(config.host, config.port, config.backlog_connections_max)


def _open_tcp(host: str, port: int, backlog: int) -> Listener:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        if port:
            # Two servers could share a port by SO_REUSEPORT and never know: bind it once without.
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        held = _reusable(family)
        held.bind(address)
    except UnicodeError as error:
        raise ListenError(f"{host}:{port}: that is no name of a host") from error
    except OSError as error:
        raise ListenError(f"{host}:{port}: {error.strerror}") from error
    name, bound = held.getsockname()[:2]
    shown = f"[{name}]" if family == socket.AF_INET6 else name
    return Listener(held, f"http://{shown}:{bound}", uds=None, backlog=backlog)


def _reusable(family: int) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return opened


def _open_unix(path: Path, backlog: int) -> Listener:
    held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        before = os.umask(0o777 & ~UDS_MODE)
        try:
            held.bind(str(path))
        finally:
            os.umask(before)
        held.listen(backlog)
        held.setblocking(False)
    except OSError as error:
        held.close()
        raise ListenError(f"{path}: {error.strerror or error}") from error
    return Listener(held, f"unix:{path}", uds=path, backlog=backlog)


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens on any more; anything else there is an error."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "there is a file, and it is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, "another server listens there")
