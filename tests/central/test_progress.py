"""Progress is shown where somebody looks, once a task takes long, and tells how far it is."""

from __future__ import annotations

import io
import itertools
import threading

import pytest

from central.segments.progress import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_is_silent_where_nobody_looks_and_for_short_tasks() -> None:
    for stream in (io.StringIO(), Terminal()):
        progress = Progress(stream)
        progress.stage("reading", 10)
        progress.advance(10)
        progress.finish()
        assert stream.getvalue().replace("\r\x1b[K", "") == ""


def test_progress_shows_how_far_a_long_task_is(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("central.segments.progress.time.monotonic", lambda: now)
    stream = Terminal()
    progress = Progress(stream)
    now += 2
    progress.stage("reading", 200)
    now += 1
    progress.advance(50)
    progress.stage("sorting")
    progress.finish()
    shown = stream.getvalue()
    assert " 25%  50 of 200" in shown
    assert "sorting … 0 s" in shown
    assert shown.endswith("\r\x1b[K")


def test_progress_goes_on_in_a_stage_that_can_not_tell_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    later = itertools.count(100)
    drawn = threading.Event()

    class Watched(Terminal):
        def write(self, text: str) -> int:
            if "writing … 2 s" in text:
                drawn.set()
            return super().write(text)

    monkeypatch.setattr("central.segments.progress.time.monotonic", lambda: float(next(later)))
    progress = Progress(Watched())
    progress.stage("writing")
    assert drawn.wait(60)
    progress.finish()
