"""A dict from visitor id to its segments: a tuple of names, or a frozenset of ids. Visitors with the same share one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Final

from benches.peers.store import Members, Way, ids_of, names_of

ASKED_MAX: Final = 200_000


class Adapter:
    """Counts what the dict, its keys and the distinct values take; names and small ints are everybody's."""

    def __init__(self, members: Members, folder: Path) -> None:  # noqa: ARG002 - it stays in memory
        self._members = members
        self._ids_bytes = sum(map(sys.getsizeof, members.ids))

    def ways(self) -> list[Way]:
        return [self._way("of tuples", names_of, ids_of), self._way("of frozensets", frozenset, sorted)]

    def close(self) -> None:
        """Nothing was started."""

    def _way(self, name: str, make: Callable[[list[int]], Hashable], read: Callable[..., list[int]]) -> Way:
        members = self._members
        distinct = [make(members.visitors.segments(first)) for first in members.sets.first.tolist()]
        held = dict(zip(members.ids, map(distinct.__getitem__, members.sets.numbers.tolist()), strict=True))
        size_bytes = sys.getsizeof(held) + self._ids_bytes + sum(map(sys.getsizeof, distinct))
        return Way(name, "get(item)", {"get": held.get}, members.ids.__getitem__, read, ASKED_MAX, size_bytes)
