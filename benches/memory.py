"""`python -m benches.memory IMAGE CONTEXTS`: the bytes of private memory that loading the image and deciding add.

A process of its own that makes nothing else, gives back what is free before it counts, and takes what it needs right
from malloc (`benches.loading` says so in its environment), so that nothing hides in what others freed. Pages of the
mapped file are not counted: whatever else a process has is anonymous memory.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path

import msgspec

from benches.generator import NOW, PLACEMENT, Facts, Scenario
from rulecore import BundleImage, Engine, write_bundle


def main(image: Path, contexts: Path) -> None:
    """Print the bytes."""
    items = msgspec.json.decode(contexts.read_bytes(), type=list[Facts])
    # What the first decision of any engine takes is not this image's.
    _decide(Engine(BundleImage(write_bundle(Scenario(20).bundle))), items)
    before = anonymous_bytes()
    engine = Engine(BundleImage.open(image))
    _decide(engine, items)
    print(anonymous_bytes() - before)


def _decide(engine: Engine, items: list[Facts]) -> None:
    for context in items:
        engine.decide(PLACEMENT, context, NOW)
        engine.decide_json(PLACEMENT, msgspec.json.encode(context), NOW)
        engine.decide_all(context, NOW)


def anonymous_bytes() -> int:
    """What this process has beside mapped files, once it has given back what is free. On Linux only."""
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):  # glibc's
        libc.malloc_trim(0)
    return _told("/proc/self/smaps_rollup", "Anonymous")


def peak_bytes() -> int:
    """The most that this process has had in memory, mapped files included. On Linux only."""
    return _told("/proc/self/status", "VmHWM")


def _told(file: str, name: str) -> int:
    for line in Path(file).read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    raise RuntimeError(f"{file} does not say {name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
