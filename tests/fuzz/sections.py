"""Makes the checksums fit of images that are a header and a table of sections, all of them XXH64."""

from __future__ import annotations

import struct

from rulecore._hash import xxh64

ENTRY_BYTES = 24


def seal_sections(image: bytearray, header_bytes: int) -> bytes:
    """The image with its length and every checksum made to fit, for as many sections as the table has room for.

    The table ends where the first section begins, whatever sections there are.
    """
    if len(image) >= header_bytes + ENTRY_BYTES:
        struct.pack_into("<Q", image, 16, len(image))
        end = min(struct.unpack_from("<Q", image, header_bytes)[0], len(image))
        for entry in range(header_bytes, end - ENTRY_BYTES + 1, ENTRY_BYTES):
            start, size = struct.unpack_from("<QQ", image, entry)
            struct.pack_into("<Q", image, entry + 16, xxh64(bytes(image[start : start + size])))
        struct.pack_into("<Q", image, 24, xxh64(bytes(image[32:end])))
    return bytes(image)
