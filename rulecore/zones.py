"""Writes the time zone tables of a bundle image from the `tzdata` package; `rulecore._zone` says how they are laid out.

Compact: zones of the same rules share one table, changes that leave the offset as it was are left out, and so are
those that the zone's footer, a yearly rule as in POSIX's TZ variable, gives just as well. Only the publisher has
tzdata installed, so it is looked up when it is used.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection
from datetime import date, timedelta
from importlib import import_module
from importlib.resources import files
from typing import Final

import msgspec

MAGIC: Final = b"EWZ1"
BUILT_IN: Final = frozenset({"UTC"})  # the reader knows it without a table
DAY_SECONDS: Final = 86_400
EPOCH: Final = date(1970, 1, 1)

_NAME: Final = r"(?:[A-Za-z]+|<[^>]+>)"
_TIME: Final = r"[+-]?\d+(?::\d+){0,2}"
_RULE: Final = rf"(?:M\d+\.\d+\.\d+|J?\d+)(?:/{_TIME})?"
_FOOTER: Final = re.compile(rf"{_NAME}({_TIME})(?:{_NAME}({_TIME})?,({_RULE}),({_RULE}))?")


class YearlyRule(msgspec.Struct, frozen=True):
    """When the clocks change each year. `kind` is the reader's RuleKind: 0 never, 1 Jn, 2 n, 3 Mm.w.d."""

    kind: int = 0
    month: int = 0
    week: int = 0
    weekday: int = 0
    day: int = 0
    seconds: int = 0

    def packed(self) -> bytes:
        return struct.pack("<4B2Hi", self.kind, self.month, self.week, self.weekday, self.day, 0, self.seconds)

    def local_time(self, year: int) -> int:
        """Seconds of local time since 1970 began there."""
        if self.kind == 3:
            day = date(year, self.month, 1)
            day += timedelta((self.weekday - day.isoweekday()) % 7 + 7 * (self.week - 1))
            while day.month != self.month:
                day -= timedelta(7)
        elif self.kind == 2:
            day = date(year, 1, 1) + timedelta(self.day)
        else:  # counted as in a common year: 1 March is the 60th day of any
            day = (date(2001, 1, 1) + timedelta(self.day - 1)).replace(year=year)
        return (day - EPOCH).days * DAY_SECONDS + self.seconds


class Footer(msgspec.Struct, frozen=True):
    """What holds after a zone's last listed change. Offsets are seconds east of UTC."""

    standard: int
    daylight: int
    to_daylight: YearlyRule = YearlyRule()
    to_standard: YearlyRule = YearlyRule()

    def changes(self, begin: int, end: int) -> list[tuple[int, int]]:
        """The instants at which an offset begins, with it: those in begin..end, and at least one before."""
        if not self.to_daylight.kind:
            return []
        changes = []
        for year in range(_year(begin) - 2, _year(end) + 2):
            changes.append((self.to_standard.local_time(year) - self.daylight, self.standard))
            changes.append((self.to_daylight.local_time(year) - self.standard, self.daylight))
        return sorted(changes, key=lambda change: change[0])

    def is_constant(self, offset: int, begin: int, end: int) -> bool:
        """Whether it gives this offset at every instant of begin <= instant < end."""
        at_begin = self.standard
        for at, after in self.changes(begin, end):
            if at <= begin:
                at_begin = after
            elif at < end and after != offset:
                return False
        return at_begin == offset


class Table(msgspec.Struct, frozen=True):
    """A zone's rules: `initial` holds before the first of `changes` (instant, offset), the footer after the last."""

    initial: int
    changes: tuple[tuple[int, int], ...]
    footer: Footer

    def packed(self, first: int) -> bytes:
        footer = self.footer
        offsets = struct.pack("<2I3i", first, len(self.changes), self.initial, footer.standard, footer.daylight)
        return offsets + footer.to_daylight.packed() + footer.to_standard.packed()


def zone_block(names: Collection[str] | None) -> tuple[bytes, str]:
    """The block of tables for these IANA names (None: all of tzdata's), and the version of the time zone database.

    Names that tzdata does not have are left out: they are unknown to the reader too. When nothing is left to write,
    both are empty.
    """
    known = (files("tzdata") / "zones").read_text("ascii").split()
    wanted = [name for name in known if name not in BUILT_IN and (names is None or name in names)]
    if not wanted:
        return b"", ""
    zoneinfo = files("tzdata") / "zoneinfo"
    tables = {name: read_tzif(zoneinfo.joinpath(*name.split("/")).read_bytes()) for name in wanted}
    return pack_tables(tables), import_module("tzdata").IANA_VERSION


def pack_tables(tables: dict[str, Table]) -> bytes:
    """The block for tables by name."""
    numbers: dict[Table, int] = {}
    entries = []
    pool = b""
    for name, table in sorted(tables.items()):
        entries.append(struct.pack("<I2HI", len(pool), len(name), 0, numbers.setdefault(table, len(numbers))))
        pool += name.encode("ascii")
    packed = []
    changes: list[tuple[int, int]] = []
    for table in numbers:
        packed.append(table.packed(len(changes)))
        changes += table.changes
    return b"".join(
        [
            struct.pack("<4s5I", MAGIC, len(entries), len(packed), len(changes), len(pool), 0),
            struct.pack(f"<{len(changes)}q", *[at for at, _ in changes]),
            struct.pack(f"<{len(changes)}i", *[offset for _, offset in changes]),
            *packed,
            *entries,
            pool,
        ]
    )


def read_tzif(data: bytes) -> Table:
    """The rules of a TZif file (RFC 9636) of version 2 or later, as few changes as they take."""
    first = _header(data, 0)
    at = 44 + first.size(time_bytes=4)
    header = _header(data, at)
    at += 44
    times = struct.unpack_from(f">{header.times}q", data, at)
    kinds = data[at + 8 * header.times : at + 9 * header.times]
    types = at + 9 * header.times
    offsets = [struct.unpack_from(">i", data, types + 6 * kind)[0] for kind in range(header.types)]
    footer = read_footer(data[at + header.size(time_bytes=8) :].decode("ascii").strip("\n"))
    changes = [(time, offsets[kind]) for time, kind in zip(times, kinds, strict=True)]
    return Table(offsets[0], _needed(offsets[0], changes, footer), footer)


def _needed(initial: int, changes: list[tuple[int, int]], footer: Footer) -> tuple[tuple[int, int], ...]:
    """Without the last changes, for as long as the footer says the same from that much earlier on.

    And without those that change nothing, but for the one where the footer begins.
    """
    kept = list(changes)
    while len(kept) > 1 and footer.is_constant(kept[-2][1], kept[-2][0], kept[-1][0]):
        kept.pop()
    if len(kept) == 1 and not footer.to_daylight.kind and footer.standard == initial:
        kept.pop()
    before = [initial, *(offset for _, offset in kept)]
    return tuple(change for i, change in enumerate(kept) if change[1] != before[i] or i == len(kept) - 1)


class Header(msgspec.Struct, frozen=True):
    """The counts in a TZif header."""

    ut_flags: int
    standard_flags: int
    leaps: int
    times: int
    types: int
    characters: int

    def size(self, time_bytes: int) -> int:
        """Bytes of what follows the header."""
        flags = self.ut_flags + self.standard_flags
        return self.times * (time_bytes + 1) + self.types * 6 + self.characters + self.leaps * (time_bytes + 4) + flags


def _header(data: bytes, at: int) -> Header:
    magic, version, *counts = struct.unpack_from(">4sc15x6I", data, at)
    if magic != b"TZif" or version < b"2":
        raise ValueError("not a TZif file of version 2 or later")
    return Header(*counts)


def read_footer(text: str) -> Footer:
    """A TZ string of POSIX with TZif's wider times. Its offsets count west of UTC; daylight's default is an hour on."""
    found = _FOOTER.fullmatch(text)
    if found is None:
        raise ValueError(f"not a TZ string: {text!r}")
    standard_text, daylight_text, to_daylight, to_standard = found.groups()
    standard = -_seconds(standard_text)
    if to_daylight is None:
        return Footer(standard, standard)
    daylight = standard + 3600 if daylight_text is None else -_seconds(daylight_text)
    return Footer(standard, daylight, _yearly_rule(to_daylight), _yearly_rule(to_standard))


def _yearly_rule(text: str) -> YearlyRule:
    day, _, time = text.partition("/")
    seconds = _seconds(time or "2")
    if day.startswith("M"):
        month, week, weekday = (int(part) for part in day[1:].split("."))
        return YearlyRule(3, month, week, weekday, 0, seconds)
    if day.startswith("J"):
        return YearlyRule(1, day=int(day[1:]), seconds=seconds)
    return YearlyRule(2, day=int(day), seconds=seconds)


def _seconds(text: str) -> int:
    """Of hours, minutes and seconds with a sign for all of them."""
    parts = [int(part) for part in text.lstrip("+-").split(":")]
    seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    return -seconds if text.startswith("-") else seconds


def _year(instant: int) -> int:
    return (EPOCH + timedelta(instant // DAY_SECONDS)).year
