"""The board: memory that a supervisor and its workers share, for heartbeats, reports and the wish to reload.

Made before the workers are forked; the kernel frees it with the last of them, however they end. A worker writes
its own slot only; the supervisor writes the wish to reload and clears slots.

    | reloads u64 | slot 0: beats u64, newest u64, two reports | slot 1 ... |      report: length u32, crc u32, JSON

A worker writes its report over the older of the two, then names it the newest: a reader finds a whole one but when
the writer passes it twice; then the checksum tells, and the reader looks again.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from typing import Final

import msgspec

from edge.counters import Counters

_SLOT: Final = struct.Struct("<QQ")
_WORD: Final = struct.Struct("<Q")
_SUM: Final = struct.Struct("<II")
_READS_MAX: Final = 10


class LoadError(msgspec.Struct, frozen=True):
    """Why files were not taken. `at` is in seconds since 1970."""

    code: str
    message: str
    at: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's word on itself. `state` is loading, serving, draining or failed; times are seconds since 1970."""

    state: str
    pid: int
    started_at: float
    release: str = ""
    bundle_checksum: str = ""
    snapshot_checksum: str | None = None
    snapshot_version: int | None = None
    loaded_at: float = 0.0
    error: LoadError | None = None
    counters: Counters = msgspec.field(default_factory=Counters)


class Board:
    """Slots for `workers` workers, each with room for a report of `report_bytes_max`."""

    def __init__(self, workers: int, report_bytes_max: int) -> None:
        self.workers = workers
        self._report_bytes = _SUM.size + report_bytes_max
        self._slot_bytes = _SLOT.size + 2 * self._report_bytes
        self._memory = mmap.mmap(-1, _WORD.size + workers * self._slot_bytes)

    @property
    def reloads(self) -> int:
        """How often a reload was asked for."""
        (count,) = _WORD.unpack_from(self._memory, 0)
        return int(count)

    def ask_reload(self) -> None:
        """Have every worker look at the files at once."""
        _WORD.pack_into(self._memory, 0, self.reloads + 1)

    def beats(self, slot: int) -> int:
        """How often the worker's event loop came round to say so."""
        (count,) = _WORD.unpack_from(self._memory, self._start(slot))
        return int(count)

    def beat(self, slot: int) -> None:
        """Say that the worker's event loop runs."""
        _WORD.pack_into(self._memory, self._start(slot), self.beats(slot) + 1)

    def publish(self, slot: int, report: Report) -> None:
        """Put a report in the worker's slot. One too large goes without what it counts by name."""
        data = msgspec.json.encode(report)
        room = self._report_bytes - _SUM.size
        if len(data) > room:
            data = msgspec.json.encode(msgspec.structs.replace(report, counters=Counters()))[:room]
        start = self._start(slot)
        older = 1 - self._newest(start)
        at = start + _SLOT.size + older * self._report_bytes
        self._memory[at + _SUM.size : at + _SUM.size + len(data)] = data
        _SUM.pack_into(self._memory, at, len(data), zlib.crc32(data))
        _WORD.pack_into(self._memory, start + _WORD.size, older)

    def report(self, slot: int) -> Report | None:
        """What the worker last published, None if nothing."""
        start = self._start(slot)
        for _ in range(_READS_MAX):
            at = start + _SLOT.size + self._newest(start) * self._report_bytes
            length, checksum = _SUM.unpack_from(self._memory, at)
            data = self._memory[at + _SUM.size : at + _SUM.size + length]
            if length and zlib.crc32(data) == checksum:
                return _decode(data)
        return None

    def clear(self, slot: int) -> None:
        """Empty the slot of a worker that is gone."""
        start = self._start(slot)
        _SLOT.pack_into(self._memory, start, 0, 0)
        for number in (0, 1):
            _SUM.pack_into(self._memory, start + _SLOT.size + number * self._report_bytes, 0, 0)

    def _newest(self, start: int) -> int:
        (number,) = _WORD.unpack_from(self._memory, start + _WORD.size)
        return int(number) & 1

    def _start(self, slot: int) -> int:
        return _WORD.size + slot * self._slot_bytes


def _decode(data: bytes) -> Report | None:
    try:
        return msgspec.json.decode(data, type=Report)
    except msgspec.DecodeError:  # cut off: it was too large even without its counts
        return None
