"""Pseudonyms and unit keys of many visitors at once, from the buffers of Arrow arrays, with no Python object a row.

What they mean, and one visitor's, is in `rulecore.keys`. The GIL is not held while hashing: threads share the work.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy

from rulecore._buffer cimport BufferView
from rulecore._hash cimport siphash_64, siphash_128


cdef enum:
    KEY_BYTES = 16
    PSEUDONYM_BYTES = 16


cdef inline int64_t offset_at(const uint8_t* offsets, int64_t row, int width) noexcept nogil:
    cdef int32_t narrow
    cdef int64_t wide
    if width == 4:
        memcpy(&narrow, offsets + 4 * row, 4)
        return narrow
    memcpy(&wide, offsets + 8 * row, 8)
    return wide


cdef int64_t hash_rows(
    const uint8_t* site_secret, const uint8_t* prefix, size_t prefix_size, const uint8_t* offsets, int width,
    const uint8_t* text, int64_t text_size, int64_t count, uint8_t* out,
) noexcept nogil:
    # Returns count, the first row whose offsets are not sound, or -1 when memory is short.
    cdef size_t room = prefix_size + 512, size, before = 0
    cdef uint8_t* message = <uint8_t*>malloc(room)
    cdef uint8_t* larger
    cdef int64_t start, row, end = offset_at(offsets, 0, width)
    if message == NULL:
        return -1  # no memory
    memcpy(message, prefix, prefix_size)
    for row in range(count):
        start = end
        end = offset_at(offsets, row + 1, width)
        if start < 0 or end < start or end > text_size:
            free(message)
            return row
        size = <size_t>(end - start)
        if row and size == before and memcmp(message + prefix_size, text + start, size) == 0:
            # Rows of one visitor often come one after the other.
            memcpy(out + PSEUDONYM_BYTES * row, out + PSEUDONYM_BYTES * (row - 1), PSEUDONYM_BYTES)
            continue
        if prefix_size + size > room:
            room = prefix_size + size
            larger = <uint8_t*>realloc(message, room)
            if larger == NULL:
                free(message)  # no memory
                return -1
            message = larger
        memcpy(message + prefix_size, text + start, size)
        before = size
        siphash_128(site_secret, message, prefix_size + size, out + PSEUDONYM_BYTES * row)
    free(message)
    return count


def pseudonyms(
    bytes site_secret not None, bytes prefix not None, offsets, text, int64_t first, int64_t count, int offset_bytes
):
    cdef BufferView offset_view = BufferView(offsets), text_view = BufferView(text)
    cdef const uint8_t* secret = site_secret
    cdef const uint8_t* prefix_data = prefix
    cdef size_t prefix_size = <size_t>len(prefix)
    cdef int64_t done, offset_count, text_size = <int64_t>text_view.size
    cdef const uint8_t* offset_data
    cdef uint8_t* out
    if len(site_secret) != KEY_BYTES:
        raise ValueError("a SipHash key has 16 bytes")
    if offset_bytes != 4 and offset_bytes != 8:
        raise ValueError(f"offsets have 4 or 8 bytes, not {offset_bytes}")
    offset_count = <int64_t>offset_view.size // offset_bytes
    if first < 0 or count < 0 or first > offset_count or count >= offset_count - first:
        raise ValueError(f"{offset_count} offsets do not hold rows {first} to {first + count}")
    made = PyBytes_FromStringAndSize(NULL, PSEUDONYM_BYTES * count)
    out = <uint8_t*>PyBytes_AS_STRING(made)
    offset_data = offset_view.data + offset_bytes * first
    with nogil:
        done = hash_rows(
            secret, prefix_data, prefix_size, offset_data, offset_bytes, text_view.data, text_size, count, out
        )
    if done < 0:
        raise MemoryError
    if done < count:
        raise ValueError(f"the offsets of row {first + done} lie outside the text")
    return made


def unit_keys(bytes epoch_key not None, pseudonyms):
    cdef BufferView view = BufferView(pseudonyms)
    cdef const uint8_t* epoch = epoch_key
    cdef uint64_t key
    cdef size_t row, count = view.size // PSEUDONYM_BYTES
    cdef uint8_t* out
    if len(epoch_key) != KEY_BYTES:
        raise ValueError("a SipHash key has 16 bytes")
    if view.size != PSEUDONYM_BYTES * count:
        raise ValueError(f"{view.size} bytes are not whole pseudonyms")
    made = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>(8 * count))
    out = <uint8_t*>PyBytes_AS_STRING(made)
    with nogil:
        for row in range(count):
            key = siphash_64(epoch, view.data + PSEUDONYM_BYTES * row, PSEUDONYM_BYTES)
            memcpy(out + 8 * row, &key, 8)
    return made
