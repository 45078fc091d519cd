"""What a server is told when it starts, with every limit and interval of the edge, the unit last in each name.

The sizes of images and contexts are not here: publisher and edge share those, in `rulecore.limits`.
"""

from __future__ import annotations

import enum
from pathlib import Path

import msgspec


class LogFormat(enum.StrEnum):
    """How log lines are written."""

    JSON = "json"
    CONSOLE = "console"


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """Where a release lies. A snapshot comes with the directory of the keys that look visitors up in it.

    `deltas` lie on the snapshot, in the order in which they follow one another.
    """

    bundle: Path
    snapshot: Path | None = None
    deltas: tuple[Path, ...] = ()
    keys: Path | None = None


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """One server: a supervisor and its workers."""

    files: Files
    workers: int = 1
    host: str = "127.0.0.1"
    port: int = 8600
    uds: Path | None = None
    """Listen on this unix socket instead of host and port."""
    log_format: LogFormat = LogFormat.JSON

    # What one request may ask for.
    body_bytes_max: int = 128 << 10
    head_bytes_max: int = 64 << 10
    request_bytes_max: int = 1 << 20
    """All of a request as it is sent: a body in small chunks takes several times its size."""
    request_read_seconds_max: float = 10.0
    placements_per_request_max: int = 100

    # Connections.
    backlog_connections_max: int = 2048
    keep_alive_seconds: int = 75

    # Releases.
    reload_poll_seconds: float = 0.1
    reload_retry_seconds: float = 5.0

    # The supervisor's watch over its workers.
    heartbeat_seconds: float = 0.25
    worker_start_seconds_max: float = 120.0
    worker_hang_seconds_max: float = 5.0
    worker_steady_seconds: float = 10.0
    restart_backoff_seconds_min: float = 0.1
    restart_backoff_seconds_max: float = 10.0
    report_bytes_max: int = 64 << 10

    # Stopping: the time in which open connections are told to close, then the time in which requests may end.
    drain_notice_seconds: float = 0.3
    drain_seconds_max: int = 20

    # Logging.
    failure_log_seconds_min: float = 1.0
