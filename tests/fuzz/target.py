"""`python -m tests.fuzz.target NAME FLAGS`: one fuzz target in this process, with libFuzzer's own flags.

It needs the extensions, counters and sanitizers that `tests.fuzz.run` arranges before Python starts.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

import atheris

from tests.fuzz import bundle_image, delta_image, json_context, snapshot_image
from tests.fuzz.mutation import mutator

TARGETS: Final = {
    "bundle_image": bundle_image,
    "delta_image": delta_image,
    "json_context": json_context,
    "snapshot_image": snapshot_image,
}


def mutate(data: bytes, size_max: int) -> bytes:
    """The mutation of libFuzzer itself, which atheris does not find when libFuzzer was there before it."""
    room = ctypes.create_string_buffer(data, max(len(data), size_max))
    size: int = ctypes.CDLL(None).LLVMFuzzerMutate(room, ctypes.c_size_t(len(data)), ctypes.c_size_t(size_max))
    return room.raw[:size]


def main(name: str, flags: list[str]) -> None:
    """Never returns: libFuzzer ends the process."""
    target = TARGETS[name]
    # To merge, libFuzzer starts what it takes for its own command again, through a shell.
    command = f"{os.path.relpath(sys.executable)} -P -m tests.fuzz.target {name}"
    if target is json_context or "custom_mutator" not in os.environ["LD_PRELOAD"]:
        atheris.Setup([command, *flags], target.run)
    else:
        atheris.Setup([command, *flags], target.run, custom_mutator=mutator(target.seal, mutate))
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
