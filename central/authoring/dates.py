"""Dates and instants as authors write them: `2026-11-20`, `2026-11-20T18:00`, `2026-11-20T18:00:00Z`.

Without an offset they are local to the bundle's time zone, by the tables of the `tzdata` package, whatever this
machine has. A date is its first instant.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_OFFSET: Final = re.compile(r"([+-])(\d\d):(\d\d)")


class DateError(Exception):
    """A text of the right form that is no instant, or more than one."""

    def __init__(self, message: str, expected: str) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected


def instant(text: str, zone: str) -> int:
    """Microseconds since 1970-01-01T00:00:00Z. `zone` is a known IANA name or an offset. Raises DateError."""
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        raise DateError(f"{text!r} is not in the calendar", "a day that the month has, a time of the day") from None
    if written.tzinfo is None:
        local = tz(zone)
        written = written.replace(tzinfo=local)
        if len(text) > len("2026-11-20"):
            try:
                _check_once(written, text, zone)
            except OverflowError:
                raise DateError(f"{text!r} is not in the calendar", "a time of the years 0001 to 9999 in UTC") from None
    return (written - _EPOCH) // _MICROSECOND


@functools.cache
def tz(zone: str) -> tzinfo:
    """The zone's rules."""
    offset = _OFFSET.fullmatch(zone)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    with resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as table:
        return ZoneInfo.from_file(table, zone)


def _check_once(local: datetime, text: str, zone: str) -> None:
    """A local time that the clocks skip or repeat is not one instant."""
    if local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise DateError(f"{text!r} does not exist in {zone}: the clocks skip it", "another time, or an offset")
    if local.replace(fold=1).utcoffset() != local.utcoffset():
        raise DateError(f"{text!r} is twice in {zone}: the clocks are set back", f"an offset, such as {_offset(local)}")


def _offset(local: datetime) -> str:
    return local.isoformat()[-6:]
