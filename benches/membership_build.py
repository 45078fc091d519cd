"""`python -m benches.membership_build MEMBERS OUT`: builds a snapshot from Parquet, as `central snapshot build` does.

In a process of its own, which says how long it took and how much memory at most. The bytes must be those of the image
that was made from the same visitors in memory.
"""

from __future__ import annotations

import filecmp
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Final

import msgspec

from benches.membership_images import EPOCH, KEYS, Snapshot
from benches.memory import peak_bytes
from benches.report import Ratio, Section
from benches.visitors import write_members
from central.segments.build import build_snapshot

SECONDS: Final = "seconds to build"
PEAK: Final = "most memory that it has, GB"


class Built(msgspec.Struct, frozen=True):
    """What a build took."""

    seconds: float
    peak_bytes: int | None


def measure_build(snapshot: Snapshot) -> Section:
    """Of a snapshot with the usual fingerprints, from a row a visitor with a list of segments."""
    folder, count = snapshot.path.parent, snapshot.population.count
    members, image = folder / f"{count}.parquet", folder / f"{count}-built.snapshot"
    write_members(snapshot.population.visitors, members)
    built = build_elsewhere(members, image)
    if not filecmp.cmp(image, snapshot.path, shallow=False):
        raise AssertionError("a snapshot built from files differs from one made in memory")
    ratios = [Ratio(SECONDS, built.seconds)]
    if built.peak_bytes is not None:
        ratios.append(Ratio(PEAK, built.peak_bytes / 1e9))
    return Section(f"Building a snapshot of {count:,} visitors from Parquet", [], ratios)


def build_elsewhere(members: Path, image: Path) -> Built:
    """In a process of its own."""
    command = [sys.executable, "-m", "benches.membership_build", str(members), str(image)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Built)


def main(members: Path, image: Path) -> None:
    """Print a `Built` as JSON."""
    start = perf_counter()
    build_snapshot([members], [], KEYS, EPOCH, image)
    seconds = perf_counter() - start
    built = Built(seconds, peak_bytes() if Path("/proc/self/status").exists() else None)
    print(msgspec.json.encode(built).decode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
