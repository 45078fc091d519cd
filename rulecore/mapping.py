"""Maps an image file read-only. What lies in it is for the image's reader to verify.

A mapped file must never be written in place nor made shorter: who replaces an image renames a new file over it. A
reader that comes to a page beyond the end of a file that was made shorter is killed by SIGBUS. `_populate` brings the
pages in beforehand.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path


def map_file(path: str | os.PathLike[str]) -> mmap.mmap | bytes:
    """The file's content, mapped; no bytes for an empty file, which can't be. Raises OSError."""
    with Path(path).open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
