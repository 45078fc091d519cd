# What the processor does in an instruction or two: numbers at any address, little-endian as images are (`_hash` sees to
# it that the machine is), the upper half of a product, bits of a word, and memory asked for before it is read.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    ctypedef unsigned long long uint128 "unsigned __int128"
    int count_trailing_zeros "__builtin_ctzll"(unsigned long long word) nogil      # of a word that is not 0
    void prefetch "__builtin_prefetch"(const void* at) nogil


cdef inline uint16_t load16(const uint8_t* at) noexcept nogil:
    cdef uint16_t value
    memcpy(&value, at, 2)
    return value


cdef inline uint32_t load32(const uint8_t* at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return value


cdef inline uint64_t load64(const uint8_t* at) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, at, 8)
    return value


# Where a key lies among `count` places that share the whole range of keys evenly: in order of key.
cdef inline uint64_t scaled(uint64_t key, uint64_t count) noexcept nogil:
    return <uint64_t>((<uint128>key * count) >> 64)
