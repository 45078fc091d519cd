"""The board: memory that a supervisor and its workers share, for heartbeats, reports and the wish to reload.

Made before the workers are forked; the kernel frees it with the last of them, however they end. A worker writes
its own slot only; the supervisor writes the wish to reload and clears slots.

    | reloads u64 | slot 0: beats u64, length u32, crc u32, report as JSON | slot 1 ... |

A report may be read while it is written: its checksum tells, and the reader goes without it.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from typing import Final

import msgspec

from edge.counters import Counters

_RELOADS: Final = struct.Struct("<Q")
_SLOT: Final = struct.Struct("<QII")
_BEATS: Final = struct.Struct("<Q")
_SUM: Final = struct.Struct("<II")


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
    loaded_at: float = 0.0
    error: LoadError | None = None
    counters: Counters = msgspec.field(default_factory=Counters)


class Board:
    """Slots for `workers` workers, each with room for a report of `report_bytes_max`."""

    def __init__(self, workers: int, report_bytes_max: int) -> None:
        self.workers = workers
        self._slot_bytes = _SLOT.size + report_bytes_max
        self._memory = mmap.mmap(-1, _RELOADS.size + workers * self._slot_bytes)

    @property
    def reloads(self) -> int:
        """How often a reload was asked for."""
        (count,) = _RELOADS.unpack_from(self._memory, 0)
        return int(count)

    def ask_reload(self) -> None:
        """Have every worker look at the files at once."""
        _RELOADS.pack_into(self._memory, 0, self.reloads + 1)

    def beats(self, slot: int) -> int:
        """How often the worker's event loop came round to say so."""
        (count,) = _BEATS.unpack_from(self._memory, self._start(slot))
        return int(count)

    def beat(self, slot: int) -> None:
        """Say that the worker's event loop runs."""
        _BEATS.pack_into(self._memory, self._start(slot), self.beats(slot) + 1)

    def publish(self, slot: int, report: Report) -> None:
        """Put a report in the worker's slot. One too large goes without what it counts by name."""
        data = msgspec.json.encode(report)
        room = self._slot_bytes - _SLOT.size
        if len(data) > room:
            data = msgspec.json.encode(msgspec.structs.replace(report, counters=Counters()))[:room]
        start = self._start(slot)
        at = start + _SLOT.size
        _SUM.pack_into(self._memory, start + _BEATS.size, 0, 0)
        self._memory[at : at + len(data)] = data
        _SUM.pack_into(self._memory, start + _BEATS.size, len(data), zlib.crc32(data))

    def report(self, slot: int) -> Report | None:
        """What the worker last published, None if nothing, or if it is writing just now."""
        start = self._start(slot)
        _beats, length, checksum = _SLOT.unpack_from(self._memory, start)
        data = self._memory[start + _SLOT.size : start + _SLOT.size + length]
        if not length or zlib.crc32(data) != checksum:
            return None
        try:
            return msgspec.json.decode(data, type=Report)
        except msgspec.DecodeError:
            return None

    def clear(self, slot: int) -> None:
        """Empty the slot of a worker that is gone."""
        _SLOT.pack_into(self._memory, self._start(slot), 0, 0, 0)

    def _start(self, slot: int) -> int:
        return _RELOADS.size + slot * self._slot_bytes
