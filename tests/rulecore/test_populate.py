"""Every page of a mapping is brought in before it is needed, while other threads run."""

from __future__ import annotations

import errno
import mmap
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from rulecore._populate import populate
from rulecore.mapping import map_file
from tests.memory import resident
from tests.rulecore.turns import lets_others_run

SIZE: Final = (9 << 20) + 5
"""More than two pieces, and a bit of a page."""

# Has the kernel answer EINVAL to madvise(.., MADV_POPULATE_READ), as one that is older than it does.
OLD_KERNEL: Final = """
import ctypes, errno, os, struct, sys
call = {"x86_64": 28, "aarch64": 233}[os.uname().machine]
steps = [  # load the call's number; is it madvise?; load its third argument; is it 22?; refuse; allow
    (0x20, 0, 0, 0), (0x15, 0, 3, call), (0x20, 0, 0, 32), (0x15, 0, 1, 22),
    (0x06, 0, 0, 0x00050000 | errno.EINVAL), (0x06, 0, 0, 0x7FFF0000),
]
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack("=HxxxxxxQ", len(steps), ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
for order in ((38, 1, 0, 0, 0), (22, 2, program, 0, 0)):  # no new privileges; filter system calls
    assert libc.prctl(*order) == 0, os.strerror(ctypes.get_errno())
import mmap
from pathlib import Path
from rulecore._populate import populate
from rulecore.mapping import map_file
from tests.memory import resident
path = Path(sys.argv[1])
mapped = map_file(path)
try:
    mapped.madvise(22)
except OSError as error:
    assert error.errno == errno.EINVAL
else:
    raise SystemExit("the kernel is as new as before")
populate(mapped)
print(resident(path))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file in the page cache."""
    path = tmp_path / "image"
    path.write_bytes(os.urandom(SIZE))
    return path


def whole_pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


def test_every_page_of_a_mapping_is_at_hand(path: Path) -> None:
    mapped = map_file(path)
    assert resident(path) == 0
    populate(mapped)
    assert resident(path) == whole_pages(len(mapped)) == whole_pages(SIZE)


def test_a_kernel_that_cannot_be_asked_is_made_to_by_reading(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", OLD_KERNEL, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == whole_pages(SIZE)


def test_a_file_that_was_made_shorter_is_an_error_and_not_the_end_of_the_process(path: Path) -> None:
    mapped = map_file(path)
    os.truncate(path, SIZE // 2)
    with pytest.raises(OSError, match="the file was made shorter") as caught:
        populate(mapped)
    assert caught.value.errno == errno.EIO


def test_any_buffer_will_do() -> None:
    room = bytes(3 * mmap.PAGESIZE)
    for start in (0, 1, 77, mmap.PAGESIZE - 1):
        for size in (0, 1, mmap.PAGESIZE, 2 * mmap.PAGESIZE):
            populate(memoryview(room)[start : start + size])
    populate(b"")


def test_other_threads_run_meanwhile(path: Path) -> None:
    def prepare() -> Callable[[], object]:
        mapped = map_file(path)  # anew, so that no page is at hand
        return lambda: populate(mapped)

    assert lets_others_run(prepare)


def test_a_call_that_holds_on_to_the_gil_would_be_found_out() -> None:
    assert not lets_others_run(lambda: lambda: sum(range(1_000)))
