"""Unit keys of many visitors at once, from the buffers of an Arrow string array, with no Python object a row.

What the keys mean, and one visitor's, is in `rulecore.keys`.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from rulecore._buffer cimport BufferView
from rulecore._hash cimport siphash_64, siphash_128


cdef int64_t hash_rows(
    const uint8_t* site_secret, const uint8_t* epoch_key, const uint8_t* prefix, size_t prefix_size,
    const uint8_t* offsets, const uint8_t* text, int64_t text_size, int64_t count, uint8_t* keys, uint8_t* checks,
) noexcept nogil:
    # Returns count, the first row whose offsets are not sound, or -1 when memory is short.
    cdef size_t room = prefix_size + 512, needed
    cdef uint8_t* message = <uint8_t*>malloc(room)
    cdef uint8_t* larger
    cdef uint8_t pseudonym[16]
    cdef uint64_t key
    cdef int32_t start, end
    cdef int64_t row
    if message == NULL:
        return -1
    memcpy(message, prefix, prefix_size)
    memcpy(&end, offsets, 4)
    for row in range(count):
        start = end
        memcpy(&end, offsets + 4 * (row + 1), 4)
        if start < 0 or end < start or end > text_size:
            free(message)
            return row
        needed = prefix_size + <size_t>(end - start)
        if needed > room:
            larger = <uint8_t*>realloc(message, needed)
            if larger == NULL:
                free(message)
                return -1
            message = larger
            room = needed
        memcpy(message + prefix_size, text + start, <size_t>(end - start))
        siphash_128(site_secret, message, needed, pseudonym)
        key = siphash_64(epoch_key, pseudonym, 16)
        memcpy(keys + 8 * row, &key, 8)
        memcpy(checks + 8 * row, pseudonym, 8)
    free(message)
    return count


def unit_keys(
    bytes site_secret not None, bytes epoch_key not None, bytes prefix not None, offsets, text,
    int64_t first, int64_t count,
):
    cdef BufferView offset_view = BufferView(offsets), text_view = BufferView(text)
    cdef const uint8_t* prefix_data = prefix
    cdef const uint8_t* secret = site_secret
    cdef const uint8_t* epoch = epoch_key
    cdef int64_t done, offset_count = <int64_t>(offset_view.size // 4), text_size = <int64_t>text_view.size
    cdef size_t prefix_size = <size_t>len(prefix)
    cdef const uint8_t* offset_data
    cdef uint8_t* key_data
    cdef uint8_t* check_data
    if len(site_secret) != 16 or len(epoch_key) != 16:
        raise ValueError("a SipHash key has 16 bytes")
    if first < 0 or count < 0 or first > offset_count or count >= offset_count - first:
        raise ValueError(f"{offset_count} offsets do not hold rows {first} to {first + count}")
    keys = PyBytes_FromStringAndSize(NULL, 8 * count)
    checks = PyBytes_FromStringAndSize(NULL, 8 * count)
    key_data = <uint8_t*>PyBytes_AS_STRING(keys)
    check_data = <uint8_t*>PyBytes_AS_STRING(checks)
    offset_data = offset_view.data + 4 * first
    with nogil:
        done = hash_rows(
            secret, epoch, prefix_data, prefix_size, offset_data, text_view.data, text_size, count, key_data, check_data
        )
    if done < 0:
        raise MemoryError
    if done < count:
        raise ValueError(f"the offsets of row {first + done} lie outside the text")
    return keys, checks
