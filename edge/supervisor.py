"""The supervisor: forks the workers, watches them, replaces the dead and the hung, and owns the signals.

SIGTERM or SIGINT: the workers drain, then all stop; the same signal again kills them. SIGHUP: every worker looks at
its files again, in place, so no connection is lost. It never loads the engine or an image: a fault there can't
reach it. Workers that die soon after their start are replaced more and more slowly.

        sigtimedwait ── SIGCHLD ──> reap, replace after a pause
             │────────── time ────> beats on the board: none for too long -> SIGKILL
             │────────── SIGHUP ──> board.ask_reload()
             └───── SIGTERM/INT ──> SIGTERM to the workers, wait, SIGKILL
"""

from __future__ import annotations

import os
import signal
import time
from typing import Final

from edge import log
from edge.board import Board, Report
from edge.config import Config
from edge.listen import Listener, ListenError, open_listener

EXIT_STOPPED: Final = 0
EXIT_NOT_STARTED: Final = 1
EXIT_KILLED: Final = 3

_STOPS: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_SIGNALS: Final = _STOPS | {signal.SIGHUP, signal.SIGCHLD}


class Slot:
    """One place for a worker, and the worker in it. Times are monotonic seconds."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid: int | None = None
        self.started = 0.0
        self.served = False
        self.beats = 0
        self.beaten = 0.0
        self.pause_seconds = 0.0
        self.start_at: float | None = 0.0


class Supervisor:
    """Workers of one listener. `run` once, in the main thread of a process without other threads."""

    def __init__(self, config: Config, listener: Listener) -> None:
        self._config = config
        self._listener = listener
        self._board = Board(config.workers, config.report_bytes_max)
        self._slots = [Slot(number) for number in range(config.workers)]
        self._pipe_read, self._pipe_write = os.pipe()
        self._ever_served = False
        self._ready_told = False
        self._looked = time.monotonic()
        self._log = log.get("supervisor")

    def run(self) -> int:
        """Serve until told to stop; the process's exit code."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            self._log.info("starting", address=self._listener.address, workers=len(self._slots), pid=os.getpid())
            return self._watch()
        finally:
            os.close(self._pipe_read)
            os.close(self._pipe_write)
            self._listener.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _watch(self) -> int:
        while True:
            for slot in self._slots:
                if slot.start_at is not None and time.monotonic() >= slot.start_at:
                    self._start(slot)
            got = signal.sigtimedwait(_SIGNALS, self._config.heartbeat_seconds)
            if got is not None and got.si_signo in _STOPS:
                return self._stop()
            if got is not None and got.si_signo == signal.SIGHUP:
                self._log.info("reload asked for")
                self._board.ask_reload()
            failure = self._reap()
            if failure is not None and not self._ever_served:
                log.say(f"edge: {failure}")
                self._stop()
                return EXIT_NOT_STARTED
            self._look_at_beats()

    def _start(self, slot: Slot) -> None:
        self._board.clear(slot.number)
        pid = os.fork()
        if pid == 0:
            self._become_worker(slot.number)
        now = time.monotonic()
        slot.pid, slot.started, slot.start_at = pid, now, None
        slot.served, slot.beats, slot.beaten = False, 0, now

    def _become_worker(self, number: int) -> None:
        """In the new process: never returns."""
        code = EXIT_NOT_STARTED
        try:
            os.close(self._pipe_write)  # so that the pipe ends with the supervisor
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            for ours in (signal.SIGINT, signal.SIGHUP):
                signal.signal(ours, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            # Imported here: the supervisor does without the engine and the server.
            from edge.worker import run_worker  # noqa: PLC0415

            code = run_worker(self._config, self._listener, self._board, number, self._pipe_read)
        except BaseException as error:  # noqa: BLE001 - it must not go on as a second supervisor
            log.get("worker").error("worker failed", slot=number, exc_info=error)
        finally:
            os._exit(code)

    def _reap(self) -> str | None:
        """Take note of workers that ended; why the last of them could not start, if so."""
        failure = None
        for slot in self._slots:
            if slot.pid is None:
                continue
            pid, status = os.waitpid(slot.pid, os.WNOHANG)
            if pid:
                failure = self._ended(slot, os.waitstatus_to_exitcode(status)) or failure
        return failure

    def _ended(self, slot: Slot, code: int) -> str | None:
        report = self._board.report(slot.number)
        now = time.monotonic()
        if slot.served and now - slot.started >= self._config.worker_steady_seconds:
            slot.pause_seconds = 0.0
        pause = slot.pause_seconds
        slot.pause_seconds = min(
            max(pause * 2, self._config.restart_backoff_seconds_min), self._config.restart_backoff_seconds_max
        )
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self._log.warning("worker ended", slot=slot.number, pid=slot.pid, how=how, pause_seconds=pause)
        slot.pid, slot.start_at = None, now + pause
        self._board.clear(slot.number)
        return None if slot.served else _why(report, how)

    def _look_at_beats(self) -> None:
        """Note which workers serve, and kill those whose event loop stands still."""
        now = time.monotonic()
        # A supervisor that stood still itself (a stopped job, a frozen container) can't tell who hangs: all begin anew.
        stood_still = now - self._looked > self._config.worker_hang_seconds_max / 2
        self._looked = now
        for slot in self._slots:
            if slot.pid is None:
                continue
            if stood_still:
                slot.beaten = now
            beats = self._board.beats(slot.number)
            if beats != slot.beats:
                slot.beats, slot.beaten = beats, now
                if not slot.served:
                    slot.served = self._ever_served = True
                    self._log.info("worker serves", slot=slot.number, pid=slot.pid)
                continue
            allowed = self._config.worker_hang_seconds_max if slot.served else self._config.worker_start_seconds_max
            if now - slot.beaten > allowed:
                self._log.error("worker hangs", slot=slot.number, pid=slot.pid, seconds=round(now - slot.beaten, 1))
                os.kill(slot.pid, signal.SIGKILL)
                slot.beaten = now
        if not self._ready_told and all(slot.served for slot in self._slots):
            self._ready_told = True
            self._log.info("ready", address=self._listener.address)

    def _stop(self) -> int:
        """Drain the workers, then kill what is left."""
        self._log.info("stopping")
        self._listener.withdraw()
        self._signal_all(signal.SIGTERM)
        limit = time.monotonic() + self._config.drain_notice_seconds + self._config.drain_seconds_max + 1.0
        code = EXIT_STOPPED
        while self._alive():
            got = signal.sigtimedwait(_SIGNALS, max(0.0, min(limit - time.monotonic(), 0.5)))
            if (got is not None and got.si_signo in _STOPS) or time.monotonic() >= limit:
                code = EXIT_KILLED
                self._signal_all(signal.SIGKILL)
        self._log.info("stopped", killed=code == EXIT_KILLED)
        return code

    def _signal_all(self, which: signal.Signals) -> None:
        for slot in self._slots:
            if slot.pid is not None:
                os.kill(slot.pid, which)

    def _alive(self) -> bool:
        for slot in self._slots:
            if slot.pid is not None and os.waitpid(slot.pid, os.WNOHANG)[0]:
                slot.pid = None
        return any(slot.pid is not None for slot in self._slots)


def _why(report: Report | None, how: str) -> str:
    if report is not None and report.error is not None:
        return report.error.message
    return f"a worker could not start: {how}"


def serve(config: Config) -> int:
    """Take the address and supervise the workers; the process's exit code."""
    try:
        listener = open_listener(config)
    except ListenError as error:
        log.say(f"edge: can't listen on {error}")
        return EXIT_NOT_STARTED
    return Supervisor(config, listener).run()
