"""Workers share one snapshot's pages, have them at hand before the first request, and let go of what was replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from rulecore import SnapshotImage
from tests.edge.bundles import put
from tests.edge.serving import Server, until, write_config
from tests.edge.snapshots import TEXT_BYTES, bundle_of_note, files, put_large_snapshot
from tests.memory import private, replaced_mappings, resident

WORKERS: Final = 2


def private_of_workers(server: Server) -> int:
    """Of the one that has most."""
    pids = server.pids()
    assert len(pids) == WORKERS
    return max(map(private, pids))


def served(server: Server) -> set[int]:
    """Checksums of the snapshots that the workers serve."""
    return {int(worker["snapshot_checksum"], 16) for worker in server.status()["workers"]}


@pytest.mark.parametrize(
    ("visitors", "private_bytes_max"),
    [(3_200, 3 << 20), pytest.param(32_768, 30 << 20, marks=pytest.mark.soak)],
)
def test_workers_share_a_large_snapshot(tmp_path: Path, visitors: int, private_bytes_max: int) -> None:
    put(tmp_path / "bundle", bundle_of_note(f"{visitors - 1:08}"))
    with Server(write_config(tmp_path, workers=WORKERS)) as server:
        without = private_of_workers(server)
    size = put_large_snapshot(tmp_path, visitors)
    assert size > visitors * TEXT_BYTES
    with Server(write_config(tmp_path, workers=WORKERS, files=files(tmp_path))) as server:
        for pid in server.pids():
            assert resident(tmp_path / "snapshot", pid) >= size, "no request has to wait for a page"
        with server.client() as client:
            for visitor, variant in ((f"v{visitors - 1}", "seen"), ("v0", "other")):
                answer = client.post("/v1/decide", json={"context": {"visitor_id": visitor}}).json()
                assert answer["decisions"]["hero"]["variant"] == variant
        added = private_of_workers(server) - without
        assert added < private_bytes_max, f"{added:,} bytes a worker for a snapshot of {size:,}"


def test_a_snapshot_that_replaces_another_is_at_hand_and_the_other_is_let_go(tmp_path: Path) -> None:
    put(tmp_path / "bundle", bundle_of_note("00000001"))
    put_large_snapshot(tmp_path, 100)
    with Server(write_config(tmp_path, workers=WORKERS, files=files(tmp_path))) as server:
        pids = server.pids()
        for visitors in (200, 300):
            size = put_large_snapshot(tmp_path, visitors)
            until(lambda: served(server) == {SnapshotImage.open(tmp_path / "snapshot").checksum}, "it is taken")
            for pid in pids:
                assert resident(tmp_path / "snapshot", pid) >= size
        until(lambda: not any(replaced_mappings(pid, tmp_path) for pid in pids), "the old mappings are gone")
        assert server.pids() == pids
