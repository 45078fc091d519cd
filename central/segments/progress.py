"""A line on the terminal that says how far a long task is. Nothing is shown where nobody looks, nor for short tasks."""

from __future__ import annotations

import sys
import threading
import time
from typing import Final, TextIO

_PATIENCE_SECONDS: Final = 1.0
_REDRAW_SECONDS: Final = 0.1
_BAR_CHARS: Final = 30


class Progress:
    """Stages one after the other, each with a bar when it is known how much there is to do."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._shown = stream.isatty()
        self._begun = self._drawn = self._staged = time.monotonic()
        self._name = ""
        self._total = 0
        self._done = 0
        self._over = threading.Event()
        self._ticker: threading.Thread | None = None

    def stage(self, name: str, total: int = 0) -> None:
        """Begin a stage. `total` is what `advance` will have counted at its end.

        It is 0 for a stage that can't say how far it is: it shows how long it has taken, as long as it lets go of the
        GIL.
        """
        self._stop()
        self._name, self._total, self._done = name, total, 0
        self._staged = time.monotonic()
        self._draw(self._staged)
        if self._shown and not total:
            self._over.clear()
            self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
            self._ticker.start()

    def advance(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._drawn >= _REDRAW_SECONDS:
            self._draw(now)

    def finish(self) -> None:
        """Wipe the line."""
        self._stop()
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _tick(self) -> None:
        while not self._over.wait(_REDRAW_SECONDS):
            self._draw(time.monotonic())

    def _stop(self) -> None:
        if self._ticker is not None:
            self._over.set()
            self._ticker.join()
            self._ticker = None

    def _draw(self, now: float) -> None:
        if not self._shown or now - self._begun < _PATIENCE_SECONDS:
            return
        self._drawn = now
        line = f"{self._name} … {now - self._staged:.0f} s"
        if self._total:
            share = min(1.0, self._done / self._total)
            bar = "█" * round(share * _BAR_CHARS)
            line = f"{self._name:<18} {bar:░<{_BAR_CHARS}} {share:4.0%}  {self._done:,} of {self._total:,}"
        self._stream.write(f"\r\x1b[K{line}")
        self._stream.flush()
