"""Checks what images that are tables of sections have in common, without the GIL.

What a section means, and in which order its items must be, is for the image that it belongs to.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp

from rulecore._hash cimport xxh64
from rulecore._machine cimport load32, load64
from rulecore._text cimport text_valid_utf8

from rulecore.errors import ImageError, ImageFeatureError, ImageVersionError

cdef uint64_t NAME_BYTES_MAX = 64
cdef uint64_t TEXTS_MAX = 0xFFFFFFFEU


cdef Fault check_section(
    const uint8_t* image, uint64_t image_size, uint64_t entry, bint summed, uint64_t* end
) noexcept nogil:
    cdef uint64_t start = load64(image + entry), size = load64(image + entry + 8), i
    if start != (end[0] + 7) // 8 * 8 or start > image_size:
        return damaged("a section does not begin where the one before it ends", entry)
    if size > image_size - start:
        return damaged("a section reaches beyond the end", entry + 8)
    for i in range(end[0], start):
        if image[i] != 0:
            return damaged("the padding between two sections is not zero", i)
    if summed and xxh64(image + start, size, 0) != load64(image + entry + 16):
        return damaged("damaged: the checksum of the section that begins here does not match", start)
    end[0] = start + size
    return sound()


cdef Fault verify_texts(
    const uint8_t* image, const uint8_t* data, uint64_t size, uint64_t count, uint64_t bytes_max, bint ascending
) noexcept nogil:
    cdef uint64_t i, start, end, text_size, previous = 0, at = <uint64_t>(data - image)
    cdef const uint8_t* text
    if count > TEXTS_MAX or size < 4 * (count + 1):
        return damaged("a section of texts is too short", at)
    text = data + 4 * (count + 1)
    text_size = size - 4 * (count + 1)
    end = load32(data)
    if end != 0:
        return damaged("the first text does not start at 0", at)
    for i in range(count):
        start = end
        end = load32(data + 4 * (i + 1))
        if end < start or end > text_size:
            return damaged("a text reaches beyond its section", at + 4 * (i + 1))
        if end - start > bytes_max:
            return damaged("a text is longer than it may be", at + 4 * (i + 1))
        if not text_valid_utf8(<const char*>text + start, end - start):
            return damaged("a text is not valid UTF-8", <uint64_t>(text - image) + start)
        if ascending and i and compare(text + previous, start - previous, text + start, end - start) >= 0:
            return damaged("texts are not in ascending order", <uint64_t>(text - image) + start)
        previous = start
    if end != text_size:
        return damaged("bytes beyond the last text", <uint64_t>(text - image) + end)
    return sound()


cdef inline int compare(const uint8_t* a, uint64_t a_size, const uint8_t* b, uint64_t b_size) noexcept nogil:
    cdef int order = memcmp(a, b, min(a_size, b_size))
    if order:
        return order
    return <int>(a_size > b_size) - <int>(a_size < b_size)


cdef Fault verify_names(
    const uint8_t* image, const uint8_t* data, uint64_t size, uint64_t count, bint ascending
) noexcept nogil:
    cdef Fault fault = verify_texts(image, data, size, count, NAME_BYTES_MAX, ascending)
    cdef uint64_t i
    if fault.kind == SOUND:
        for i in range(count):
            if load32(data + 4 * i) == load32(data + 4 * (i + 1)):
                return damaged("a name is empty", <uint64_t>(data - image) + 4 * i)
    return fault


cdef object text_at(const uint8_t* data, uint64_t count, uint64_t i):
    cdef uint64_t start = load32(data + 4 * i), end = load32(data + 4 * (i + 1))
    cdef const char* text = <const char*>data + 4 * (count + 1)
    return text[start:end].decode()


cdef int raise_fault(Fault fault) except -1:
    error = {NEWER: ImageVersionError, FEATURE: ImageFeatureError}.get(fault.kind, ImageError)
    raise error(fault.what.decode(), fault.at)
