"""Tells whether a call lets other threads run, by how often one does meanwhile; without asking a clock."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

TURNS: Final = 100
CALLS_MAX: Final = 2_000


@contextmanager
def another_thread() -> Iterator[Callable[[], int]]:
    """Tells how many turns the other thread has had. It only gets one when this thread lets go of the GIL itself."""
    turns = 0
    done = False

    def take_turns() -> None:
        nonlocal turns
        while not done:
            turns += 1
            time.sleep(0)  # lets go of the GIL, or this thread would not get it back

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1_000.0)
    thread = threading.Thread(target=take_turns)
    thread.start()
    try:
        yield lambda: turns
    finally:
        done = True
        sys.setswitchinterval(interval)
        thread.join()


def lets_others_run(prepare: Callable[[], Callable[[], object]]) -> bool:
    """Whether other threads run during the call that `prepare` makes ready, repeated until they had enough turns."""
    meanwhile = 0
    with another_thread() as turns:
        for _ in range(CALLS_MAX):
            call = prepare()
            before = turns()
            call()
            meanwhile += turns() - before
            if meanwhile >= TURNS:
                return True
    return False
