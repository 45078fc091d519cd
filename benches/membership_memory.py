"""`python -m benches.membership_memory IMAGE VISITORS`: the bytes of private memory that a snapshot adds to a process.

The process opens it, brings all of it into memory and looks up visitors. Pages of the mapped file are not counted: all
processes that map it share them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np

from benches.membership_images import KEYS, Asked, Snapshot
from benches.memory import anonymous_bytes
from rulecore import Membership

ASKED: Final = 100_000


def private_bytes(snapshot: Snapshot) -> int:
    """Of this snapshot, in a process of its own. On Linux only."""
    command = [sys.executable, "-m", "benches.membership_memory", str(snapshot.path), str(snapshot.population.count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={**os.environ, "PYTHONMALLOC": "malloc"})
    return int(done.stdout)


def main(image: Path, visitors: int) -> None:
    """Print the bytes."""
    ids = Asked(np.random.default_rng(3).integers(0, visitors, ASKED)).ids()
    before = anonymous_bytes()
    membership = Membership.open(image, KEYS)
    membership.populate()
    for visitor_id in ids:
        membership.lookup(visitor_id)
    print(anonymous_bytes() - before)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
