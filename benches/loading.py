"""What a release costs a node: writing the image, mapping and verifying it, and memory beyond the mapped file."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Final

import msgspec

from benches.report import Ratio, Section
from benches.timing import figures
from benches.workloads import Workload, retailer
from rulecore import BundleImage, Engine, write_bundle

RULES: Final = 20_000
CONTEXTS: Final = 256

WRITE: Final = "write the image"
OPEN: Final = "open: map and verify"
LINK: Final = "make an engine of it"
PRIVATE: Final = "private memory beyond the mapped image, MB"
SIZE: Final = "size of the image, MB"


def measure_loading(writes: int, opens: int) -> Section:
    """Milliseconds over so many repetitions, and memory in a process of its own."""
    workload = retailer(RULES, CONTEXTS)
    written: list[float] = []
    opened: list[float] = []
    linked: list[float] = []
    for _ in range(writes):
        start = perf_counter()
        image = write_bundle(workload.bundle)
        written.append((perf_counter() - start) * 1e3)
    with tempfile.TemporaryDirectory(prefix="edgewise-bench-") as folder:
        path = Path(folder) / "bundle.image"
        path.write_bytes(image)
        for _ in range(opens):
            start = perf_counter()
            mapped = BundleImage.open(path)
            between = perf_counter()
            Engine(mapped)
            linked.append((perf_counter() - between) * 1e3)
            opened.append((between - start) * 1e3)
        ratios = [Ratio(SIZE, len(image) / 1e6)]
        if Path("/proc/self/smaps_rollup").exists():
            ratios.append(Ratio(PRIVATE, private_bytes(path, workload) / 1e6))
    found = [figures(name, "ms", taken) for name, taken in ((WRITE, written), (OPEN, opened), (LINK, linked))]
    return Section(f"Loading {RULES:,} rules", found, ratios)


def private_bytes(image: Path, workload: Workload) -> int:
    """What an image of this workload takes beyond its mapping, once all of the contexts were decided. On Linux only."""
    contexts = image.with_suffix(".json")
    contexts.write_bytes(msgspec.json.encode([*workload.natural, *workload.unmatched]))
    command = [sys.executable, "-m", "benches.memory", str(image), str(contexts)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={**os.environ, "PYTHONMALLOC": "malloc"})
    return int(done.stdout)
