"""Writes images that are a header and a table of sections, which `_section_checks` checks: snapshots and deltas.

What the counts and sections of an image are is for `rulecore.snapshot` and `rulecore.delta` to say.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import BinaryIO, Final

from typing_extensions import Buffer

from rulecore._hash import xxh64
from rulecore.errors import LimitError

_FRONT: Final = struct.Struct("<8sIIQQ")
_ENTRY: Final = struct.Struct("<QQQ")


def write_sections(
    out: BinaryIO, magic: bytes, version: int, counts: bytes, sections: Sequence[Buffer], *, bytes_max: int
) -> int:
    """Write an image to `out`, from where it stands; gives its size in bytes. Raises LimitError.

    `counts` is what its header says after magic, version, features, length and checksum.
    """
    table = b""
    end = _FRONT.size + len(counts) + _ENTRY.size * len(sections)
    for section in sections:
        size = memoryview(section).nbytes
        start = end + -end % 8
        table += _ENTRY.pack(start, size, xxh64(section))
        end = start + size
    if end > bytes_max:
        raise LimitError(f"the image would have {end:,} bytes; at most {bytes_max:,} are allowed")
    at = out.write(_FRONT.pack(magic, version, 0, end, xxh64(counts + table)) + counts + table)
    for section in sections:
        at += out.write(bytes(-at % 8))
        at += out.write(section)
    return at
