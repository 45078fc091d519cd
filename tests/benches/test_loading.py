"""Memory is measured in a process of its own, and is about one image alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from benches.loading import private_bytes
from benches.workloads import retailer
from rulecore import write_bundle


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux says which pages are private")
def test_memory_of_a_small_image_is_small(tmp_path: Path) -> None:
    workload = retailer(20, 4)
    path = tmp_path / "bundle.image"
    path.write_bytes(write_bundle(workload.bundle))
    assert 0 <= private_bytes(path, workload) < 1_000_000
