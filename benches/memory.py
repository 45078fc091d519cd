"""`python -m benches.memory IMAGE RULES`: the bytes of private memory that loading the image and deciding add.

A process of its own, so that nothing freed before hides what is taken. Pages of the mapped file are not counted, as
nobody writes to them: what is written to is private and dirty.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import msgspec

from benches.generator import NOW, PLACEMENT
from benches.workloads import Workload, retailer
from rulecore import BundleImage, Engine, write_bundle

CONTEXTS = 256


def main(image: Path, rules: int) -> None:
    """Print the bytes."""
    contexts = retailer(rules, CONTEXTS)
    # What the first decision of any engine takes is not this image's.
    small = retailer(20, CONTEXTS)
    _decide(Engine(BundleImage(write_bundle(small.bundle))), small)
    gc.collect()
    before = _private_dirty_bytes()
    engine = Engine(BundleImage.open(image))
    _decide(engine, contexts)
    gc.collect()
    print(_private_dirty_bytes() - before)


def _decide(engine: Engine, workload: Workload) -> None:
    for context in (*workload.natural, *workload.unmatched):
        engine.decide(PLACEMENT, context, NOW)
        engine.decide_json(PLACEMENT, msgspec.json.encode(context), NOW)
        engine.decide_all(context, NOW)


def _private_dirty_bytes() -> int:
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) << 10
    raise RuntimeError("/proc/self/smaps_rollup does not say Private_Dirty")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
