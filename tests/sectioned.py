"""Images that are a header and a table of sections, damaged and then with checksums that fit again.

So does whoever wants to harm a reader; and a reader is to be safe without its checksums.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from rulecore._hash import xxh64
from rulecore.limits import LIMITS

_ENTRY_BYTES: Final = 24


class Form(NamedTuple):
    """A header, which says at `columns_at` how many columns there are: each has two sections behind the others."""

    header_bytes: int
    columns_at: int
    sections: int


SNAPSHOT: Final = Form(64, 40, 5)
DELTA: Final = Form(96, 76, 6)


def section(image: bytes, form: Form, number: int) -> tuple[int, int]:
    """Where a section begins, and its size."""
    start, size = struct.unpack_from("<QQ", image, form.header_bytes + _ENTRY_BYTES * number)
    return start, size


def with_checksums_made_to_fit(image: bytearray, form: Form) -> bytes:
    """For as many sections as the table has room for."""
    if len(image) < form.header_bytes:
        return bytes(image)
    columns = min(struct.unpack_from("<I", image, form.columns_at)[0], LIMITS.columns_max)
    end = form.header_bytes + _ENTRY_BYTES * (form.sections + 2 * columns)
    for entry in range(form.header_bytes, min(end, len(image) - _ENTRY_BYTES + 1), _ENTRY_BYTES):
        start, size = struct.unpack_from("<QQ", image, entry)
        struct.pack_into("<Q", image, entry + 16, xxh64(bytes(image[start : start + size])))
    struct.pack_into("<Q", image, 24, xxh64(bytes(image[32:end])))
    return bytes(image)


def sealed(image: bytearray, form: Form) -> bytes:
    """With its length made to fit, too."""
    if len(image) >= form.header_bytes:
        struct.pack_into("<Q", image, 16, len(image))
    return with_checksums_made_to_fit(image, form)
