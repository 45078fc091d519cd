"""Maps an image file read-only. What lies in it is for the image's reader to verify.

A mapped file must never be written in place nor made shorter: who replaces an image renames a new file over it. A
reader that comes to a page beyond the end of a file that was made shorter is killed by SIGBUS. `_populate` brings the
pages in beforehand.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat


def map_file(path: str | os.PathLike[str]) -> mmap.mmap | bytes:
    """The file's content, mapped; no bytes for an empty file, which can't be. Raises OSError, for a pipe as well."""
    # Not blocking: to open a pipe that nobody writes to would wait for ever.
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        found = os.fstat(file)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
        return mmap.mmap(file, 0, access=mmap.ACCESS_READ) if found.st_size else b""
    finally:
        os.close(file)
