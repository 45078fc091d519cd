# Where a value stands among a column's constants: strings in dictionaries, numbers among cuts.
#
# A dictionary is a hash table in the image: a text of a context costs one probe.
#
# A bucket holds the upper half of its string's hash and the string's number; one without a string is EMPTY_BUCKET.
# `rulecore._rows` fills them, `_verify_index` sees to it that a search ends soon.
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from rulecore._bundle cimport Image
from rulecore._layout cimport NONE, DictionaryRecord, Operand, Span
from rulecore._text cimport Text

cdef extern from *:
    """
    #define EMPTY_BUCKET 0xFFFFFFFFFFFFFFFFULL
    """
    const uint64_t EMPTY_BUCKET


cdef enum:
    PROBES_MAX = 1_024       # buckets in a row that are used: among strings that nobody chose, they are below a hundred


cdef inline uint64_t text_hash(const char* text, size_t size) noexcept nogil:
    """Of every byte, eight at a time; the last eight may overlap the ones before.

    What differs in a word's upper bits comes down to the lower ones, which choose the bucket, by the last shifts.
    """
    cdef uint64_t hashed = <uint64_t> size * <uint64_t> 0x9E3779B97F4A7C15
    cdef uint64_t word
    cdef uint32_t low = 0, high = 0
    cdef size_t at = 0
    while at + 8 < size:
        memcpy(&word, text + at, 8)
        hashed = (hashed ^ word) * <uint64_t> 0xD6E8FEB86659FD93
        hashed ^= hashed >> 32
        at += 8
    if size >= 8:
        memcpy(&word, text + size - 8, 8)
    else:
        if size >= 4:
            memcpy(&low, text, 4)
            memcpy(&high, text + size - 4, 4)
        elif size:
            low = <unsigned char> text[0]
            high = (<uint32_t> <unsigned char> text[size >> 1] << 8) | <uint32_t> <unsigned char> text[size - 1]
        word = (<uint64_t> high << 32) | low
    hashed = (hashed ^ word) * <uint64_t> 0xD6E8FEB86659FD93
    hashed = (hashed ^ (hashed >> 32)) * <uint64_t> 0xD6E8FEB86659FD93
    return hashed ^ (hashed >> 32)


# The number of a text in a dictionary, or NONE.
cdef inline uint32_t dictionary_find(const Image* image, uint32_t number, Text text) noexcept nogil:
    cdef const DictionaryRecord* dictionary = &image.dictionaries[number]
    cdef const uint64_t* buckets = image.buckets + dictionary.first_bucket
    cdef uint64_t hashed, bucket, at
    cdef Span constant
    if text.size > dictionary.size_max:
        return NONE
    hashed = text_hash(text.data, text.size)
    at = hashed
    while True:
        bucket = buckets[at & (dictionary.bucket_count - 1)]
        if bucket == EMPTY_BUCKET:
            return NONE
        if bucket >> 32 == hashed >> 32:
            constant = image.constants[dictionary.first_constant + <uint32_t> bucket]
            if constant.size == text.size and memcmp(image.pool + constant.offset, text.data, text.size) == 0:
                return <uint32_t> bucket
        at += 1


# How many of the cuts, which ascend, are at most `value`.
cdef inline uint32_t integers_up_to(const Operand* cuts, uint32_t count, int64_t value) noexcept nogil:
    cdef uint32_t first = 0, half
    while count > 0:
        half = count >> 1
        if cuts[first + half].integer <= value:
            first += half + 1
            count -= half + 1
        else:
            count = half
    return first


cdef inline uint32_t reals_up_to(const Operand* cuts, uint32_t count, double value) noexcept nogil:
    cdef uint32_t first = 0, half
    while count > 0:
        half = count >> 1
        if cuts[first + half].real <= value:
            first += half + 1
            count -= half + 1
        else:
            count = half
    return first
