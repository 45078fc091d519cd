"""Memory is measured in a process of its own, and is about this image alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benches.workloads import retailer
from rulecore import write_bundle


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux says which pages are private")
def test_memory_of_a_small_image_is_small(tmp_path: Path) -> None:
    path = tmp_path / "bundle.image"
    path.write_bytes(write_bundle(retailer(20, 1).bundle))
    done = subprocess.run(
        [sys.executable, "-m", "benches.memory", str(path), "20"], stdout=subprocess.PIPE, check=True, text=True
    )
    assert abs(int(done.stdout)) < 4_000_000
