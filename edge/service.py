"""What the endpoints of one worker share: the releases, the counters, the board, and whether it is stopping."""

from __future__ import annotations

import os
import secrets
import time

import msgspec

from edge import log
from edge.board import Board, Report
from edge.config import Config
from edge.counters import Counters
from edge.release import Releases


class Health(msgspec.Struct, frozen=True):
    """`status` is ready, degraded (it serves, but somebody should look) or not_ready (send no requests)."""

    status: str
    reason: str = ""


class Service:
    """One worker's state. Used from its event loop only; `releases.current` is replaced by a thread of its own."""

    def __init__(self, config: Config, releases: Releases, board: Board, slot: int = 0) -> None:
        self.config = config
        self.releases = releases
        self.board = board
        self.slot = slot
        self.counters = Counters()
        self.draining = False
        self.started_at = time.time()
        self._id_prefix = secrets.token_hex(10)
        self._id_count = 0
        self._log = log.get("worker")
        self._failure_logged_at = float("-inf")
        self._failures_unlogged = 0

    def decision_id(self) -> str:
        """An id that no other answer has, 32 hexadecimal digits: the worker's random prefix and a count."""
        self._id_count += 1
        return f"{self._id_prefix}{self._id_count:012x}"

    def report(self) -> Report:
        """This worker's word on itself."""
        error = self.releases.error
        release = self.releases.current
        membership = release.engine.membership
        return Report(
            state="draining" if self.draining else "serving",
            pid=os.getpid(),
            started_at=self.started_at,
            release=release.engine.release,
            bundle_checksum=f"{release.engine.bundle.checksum:016x}",
            snapshot_checksum=None if membership is None else f"{membership.checksum:016x}",
            snapshot_version=None if membership is None else membership.version,
            loaded_at=release.loaded_at,
            error=error,
            counters=self.counters,
        )

    def reports(self) -> list[Report | None]:
        """Every worker's last word by slot, this one's as of now."""
        return [self.report() if slot == self.slot else self.board.report(slot) for slot in range(self.board.workers)]

    def health(self) -> Health:
        """Whether requests should come here, and why not or what is wrong."""
        if self.draining:
            return Health("not_ready", "this worker is stopping")
        error = self.releases.error
        if error is not None:
            return Health("degraded", f"the newest files were refused: {error.message}")
        serving = sum(report is not None and report.state == "serving" for report in self.reports())
        if serving < self.board.workers:
            return Health("degraded", f"{serving} of {self.board.workers} workers serve")
        return Health("ready")

    def failure(self, error: Exception) -> None:
        """Log something unexpected, so seldom that a flood of it stays readable."""
        now = time.monotonic()
        if now - self._failure_logged_at < self.config.failure_log_seconds_min:
            self._failures_unlogged += 1
            return
        self._log.error("request failed", exc_info=error, unlogged_before=self._failures_unlogged)
        self._failure_logged_at = now
        self._failures_unlogged = 0
