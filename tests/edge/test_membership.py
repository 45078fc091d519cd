"""What a snapshot and its deltas say of a visitor decides over HTTP, as far as the visitor agrees to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from rulecore import Membership
from tests.deltas import delta_on
from tests.edge.bundles import marked_by_segment, put
from tests.edge.serving import Server, write_config
from tests.edge.snapshots import KEYS, files, put_snapshot

MEMBERS = {"v-1": ["m0"], "v-2": ["m0"], "v-3": ["m0"]}
CHANGES = {"v-2": ["m1"], "v-3": None, "v-4": ["m1"]}
SHOWN = {"v-1": "m0", "v-2": "m1", "v-3": "none", "v-4": "m1", "v-5": "none"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release whose bundle needs a segment that only its delta has."""
    directory = tmp_path_factory.mktemp("membership")
    put(directory / "bundle", marked_by_segment(["m0", "m1"]))
    base = put_snapshot(directory, MEMBERS)
    put(directory / "delta-1", delta_on([base], CHANGES, KEYS))
    return directory


@pytest.fixture(scope="module", name="server")
def running(directory: Path) -> Iterator[Server]:
    with Server(write_config(directory, files=files(directory, deltas=1))) as server:
        yield server


@pytest.fixture(name="client")
def connected(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def stated(client: httpx.Client, visitor: str, *consent: str) -> str:
    context = {"visitor_id": visitor, "consent": consent}
    variant: str = client.post("/v1/decide", json={"context": context}).json()["decisions"]["hero"]["variant"]
    return variant


def paged(client: httpx.Client, visitor: str, *consent: str) -> str:
    headers = {"Edgewise-Visitor-Id": visitor, "Edgewise-Consent": ", ".join(consent)}
    variants = client.get("/v1/decide", headers=headers).headers.get("edgewise-variants", "")
    return str(dict(each.split("=") for each in variants.split(", "))["hero"])


@pytest.mark.parametrize("ask", [stated, paged])
def test_snapshot_and_delta_decide_where_the_visitor_agrees(client: httpx.Client, ask: Callable[..., str]) -> None:
    assert {visitor: ask(client, visitor, "personalization") for visitor in SHOWN} == SHOWN
    assert {ask(client, visitor) for visitor in SHOWN} == {"none"}
    assert {ask(client, visitor, "analytics") for visitor in SHOWN} == {"none"}


def test_the_status_tells_the_chain(server: Server, directory: Path) -> None:
    given = files(directory, deltas=1)
    assert given.snapshot is not None
    membership = Membership.open(given.snapshot, KEYS, given.deltas)
    status = server.status()
    release, worker = status["release"], status["workers"][0]
    assert release["snapshot_checksum"] == worker["snapshot_checksum"] == f"{membership.checksum:016x}"
    assert release["snapshot_checksum"] != f"{membership.base_checksum:016x}"
    assert release["snapshot_version"] == worker["snapshot_version"] == 1
    assert release["visitors"] == len(MEMBERS)
