"""Work shared by threads, whose results come in order: what is read, hashed and sorted in C lets go of the GIL."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

_THREADS_MAX: Final = 8
THREADS: Final = min(_THREADS_MAX, len(os.sched_getaffinity(0)))

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Generator[Iterator[Result], None, None]:
    """`function` of each item, by so many threads, a few items ahead. The first item that fails is the one that raises.

    `items` is iterated in the thread that asks for results. No thread is at work any more when the context is left.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="build") as pool:
        ahead: deque[Future[Result]] = deque()

        def results() -> Iterator[Result]:
            for item in items:
                ahead.append(pool.submit(function, item))
                if len(ahead) > threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

        try:
            yield results()
        finally:
            for future in ahead:
                future.cancel()
