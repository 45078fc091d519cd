"""LMDB: a file of unit keys with their segment ids, two bytes each, loaded in order so that its pages are full."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Final

import lmdb

from benches.peers.store import Members, Way

ASKED_MAX: Final = 200_000
MAP_BYTES: Final = 16 << 30
"""Of address space, which is not memory."""


class Adapter:
    """Read in one transaction that stays open, which is the fastest way to read it."""

    def __init__(self, members: Members, folder: Path) -> None:
        self._members = members
        self._path = folder / "visitors.lmdb"
        content = members.visitors.members.tobytes()
        starts = (2 * members.visitors.starts).tolist()
        rows = sorted(
            (members.unit_key(number), content[starts[number] : starts[number + 1]])
            for number in range(members.visitors.count)
        )
        self._environment = lmdb.open(str(self._path), map_size=MAP_BYTES, subdir=False, lock=False, sync=False)
        with self._environment.begin(write=True) as transaction, transaction.cursor() as cursor:
            cursor.putmulti(rows, append=True)
        self._transaction = self._environment.begin()

    def ways(self) -> list[Way]:
        return [
            Way(
                "one transaction",
                "get(item)",
                {"get": self._transaction.get},
                self._members.unit_key,
                lambda found: array("H", found).tolist(),
                ASKED_MAX,
                self._path.stat().st_size,
            )
        ]

    def close(self) -> None:
        self._transaction.abort()
        self._environment.close()
