"""Files that appear whole or not at all: written under another name beside their place, then renamed into it."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def drafts(out: Path) -> Iterator[Path]:
    """A folder on the file system of `out`, where it is written; removed in the end. Raises OSError."""
    if not out.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder to write to", str(out.parent))
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as folder:
        yield Path(folder)


def put_in_place(places: Mapping[Path, Path]) -> None:
    """Rename each draft to its place, in this order, once all of them are on the disk; places are in one folder."""
    for draft in places:
        _sync(draft)
    for draft, place in places.items():
        draft.replace(place)
    _sync(next(iter(places.values())).parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
