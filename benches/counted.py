"""`python -m benches.counted CASES`: makes the calls that `benches.instructions` has callgrind count.

Under valgrind everything takes fifty times as long, so this imports and makes as little as it can. Each case is
warmed up and then run once; between the two, and behind each, comes a call of `mark`, at which callgrind writes down
what it has counted since the one before.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from rulecore import BundleImage, Engine, murmur3_32

WARM_UP_ROUNDS: Final = 2


class Counted(msgspec.Struct, frozen=True):
    """A method of the engine of an image, and what it is called with, once each."""

    name: str
    image: bytes
    method: str
    arguments: list[tuple[Any, ...]]


def mark() -> None:
    """A call of a compiled function that deciding never calls, for callgrind to know the place by."""
    murmur3_32(b"", 0)


def main(path: Path) -> None:
    """Run all cases of the file."""
    gc.disable()
    for case in msgspec.msgpack.decode(path.read_bytes(), type=list[Counted]):
        call = getattr(Engine(BundleImage(case.image)), case.method)
        for arguments in case.arguments * WARM_UP_ROUNDS:
            call(*arguments)
        mark()
        for arguments in case.arguments:
            call(*arguments)
        mark()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
