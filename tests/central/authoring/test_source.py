"""The structs of the source are such that msgspec can let go of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from msgspec import inspect
from central.authoring.schema import KINDS

for into, _ in KINDS.values():
    inspect.type_info(into)
"""


def test_collecting_the_structs_does_not_crash_the_interpreter() -> None:
    # What is freed is overwritten, so that using it is seen.
    environment = {**os.environ, "PYTHONMALLOC": "debug", "PYTHONPATH": str(Path(__file__).parents[3])}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
