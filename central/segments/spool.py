"""Pieces of data in partitions, on disk: written as they come, read back a partition at a time.

All partitions share one file, so that their number costs no file handles. What the pieces hold is for others to say.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from typing_extensions import Buffer


class Spool:
    """One file. Threads may add and read at once."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._path = path
        self._file = path.open("x+b", buffering=0)
        self._runs: list[tuple[int, Sequence[int]]] = []
        self._size = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def remove(self) -> None:
        """Give the disk its room back; nothing can be added or read after it."""
        self._path.unlink()
        self._file.close()

    def add(self, data: Buffer, starts: Sequence[int]) -> None:
        """Add a piece to each partition: from its entry in `starts` to the next one. Raises OSError."""
        left = memoryview(data)
        with self._lock:
            at = self._size
            self._runs.append((at, starts))
            self._size += left.nbytes
        while left:
            written = os.pwrite(self._file.fileno(), left, at)
            at += written
            left = left[written:]

    def pieces(self, partition: int) -> Iterator[bytes]:
        """What was added to a partition, in no particular order. Raises OSError."""
        for at, starts in self._runs:
            size = starts[partition + 1] - starts[partition]
            if size:
                yield self._read(at + starts[partition], size)

    def _read(self, at: int, size: int) -> bytes:
        data = os.pread(self._file.fileno(), size, at)
        while len(data) < size:  # a read gives at most 2 GiB
            more = os.pread(self._file.fileno(), size - len(data), at + len(data))
            if not more:
                raise EOFError("the spool is shorter than what was written to it")
            data += more
        return data
