"""Files that appear whole or not at all: written under another name beside their place, then renamed into it.

Drafts list pseudonyms, and may be as large as what they are for. Who was killed could not remove them, so whoever
writes to the same place next does. A lock on their folder, which ends with its process, says whether it is in use.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from central.segments.errors import InputError

_RANDOM: Final = "[a-z0-9_]{8}"
"""What `tempfile` makes names different with."""


@contextmanager
def drafts(out: Path) -> Iterator[Path]:
    """A folder on the file system of `out`, where it is written; removed in the end. Raises OSError."""
    if not out.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder to write to", str(out.parent))
    prefix = f".{out.name}-"
    beside = os.open(out.parent, os.O_RDONLY)
    try:
        _lock(beside, fcntl.LOCK_EX)  # else a folder could be taken for left behind before it is locked
        _remove_left_behind(out.parent, prefix)
        made = tempfile.TemporaryDirectory(prefix=prefix, dir=out.parent)
        held = os.open(made.name, os.O_RDONLY)
        _lock(held, fcntl.LOCK_EX)
    finally:
        os.close(beside)
    try:
        with made as folder:
            yield Path(folder)
    finally:
        os.close(held)


def refuse_to_overwrite(inputs: Iterable[Path], out: Path) -> None:
    """Raises InputError when what is written would take the place of what is read."""
    for path in inputs:
        if out.exists() and path.exists() and out.samefile(path):
            raise InputError("is read here, and would be lost: write to another file", out)


def put_in_place(places: Mapping[Path, Path]) -> None:
    """Rename each draft to its place, in this order, once all of them are on the disk; places are in one folder."""
    for draft in places:
        _sync(draft)
    for draft, place in places.items():
        draft.replace(place)
    _sync(next(iter(places.values())).parent)


def _remove_left_behind(parent: Path, prefix: str) -> None:
    """The folders of those who have died."""
    for path in parent.iterdir():
        if not re.fullmatch(re.escape(prefix) + _RANDOM, path.name) or path.is_symlink() or not path.is_dir():
            continue
        with suppress(OSError):  # somebody else's, or removed just now
            handle = os.open(path, os.O_RDONLY)
            try:
                if _lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    shutil.rmtree(path)
            finally:
                os.close(handle)


def _lock(handle: int, how: int) -> bool:
    """Whether the lock was to be had; never on a file system without any."""
    try:
        fcntl.flock(handle, how)
    except OSError:
        return False
    return True


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
