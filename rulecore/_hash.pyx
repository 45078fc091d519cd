"""The hash functions that both planes must agree on, bit for bit.

- MurmurHash3 x86 32-bit (Austin Appleby) buckets units: every language that a warehouse speaks has it.
- XXH64 (Yann Collet, xxHash specification) is the images' checksum and their tables' hash.
- SipHash-2-4 (Aumasson and Bernstein) with 64 and 128 bits makes pseudonyms and unit keys: it is keyed.

Integers are read from and written to memory as the machine has them, and images are little-endian: so is every
machine that Edgewise runs on. Loads go through memcpy, for data may lie at any address.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from rulecore._buffer cimport BufferView
from rulecore._machine cimport load32, load64

import sys

if sys.byteorder != "little":
    raise ImportError("Edgewise runs on little-endian machines only")


cdef inline uint32_t rotate32(uint32_t value, int bits) noexcept nogil:
    return (value << bits) | (value >> (32 - bits))


cdef inline uint64_t rotate64(uint64_t value, int bits) noexcept nogil:
    return (value << bits) | (value >> (64 - bits))


# MurmurHash3 x86 32

cdef inline uint32_t murmur_scramble(uint32_t block) noexcept nogil:
    return rotate32(block * <uint32_t>0xCC9E2D51, 15) * <uint32_t>0x1B873593


cdef uint32_t murmur3_32(const uint8_t* data, size_t size, uint32_t seed) noexcept nogil:
    cdef uint32_t state = seed, tail = 0
    cdef size_t at = 0
    while size - at >= 4:
        state = rotate32(state ^ murmur_scramble(load32(data + at)), 13) * <uint32_t>5 + <uint32_t>0xE6546B64
        at += 4
    if at < size:
        memcpy(&tail, data + at, size - at)
        state ^= murmur_scramble(tail)
    state ^= <uint32_t>size
    state = (state ^ (state >> 16)) * <uint32_t>0x85EBCA6B
    state = (state ^ (state >> 13)) * <uint32_t>0xC2B2AE35
    return state ^ (state >> 16)


# XXH64

cdef uint64_t P1 = 0x9E3779B185EBCA87U
cdef uint64_t P2 = 0xC2B2AE3D27D4EB4FU
cdef uint64_t P3 = 0x165667B19E3779F9U
cdef uint64_t P4 = 0x85EBCA77C2B2AE63U
cdef uint64_t P5 = 0x27D4EB2F165667C5U


cdef inline uint64_t xx_round(uint64_t lane, uint64_t value) noexcept nogil:
    return rotate64(lane + value * P2, 31) * P1


cdef inline uint64_t xx_merge(uint64_t state, uint64_t lane) noexcept nogil:
    return (state ^ xx_round(0, lane)) * P1 + P4


cdef uint64_t xxh64(const uint8_t* data, size_t size, uint64_t seed) noexcept nogil:
    cdef uint64_t a, b, c, d, state
    cdef size_t at = 0
    if size >= 32:
        a = seed + P1 + P2
        b = seed + P2
        c = seed
        d = seed - P1
        while size - at >= 32:
            a = xx_round(a, load64(data + at))
            b = xx_round(b, load64(data + at + 8))
            c = xx_round(c, load64(data + at + 16))
            d = xx_round(d, load64(data + at + 24))
            at += 32
        state = rotate64(a, 1) + rotate64(b, 7) + rotate64(c, 12) + rotate64(d, 18)
        state = xx_merge(xx_merge(xx_merge(xx_merge(state, a), b), c), d)
    else:
        state = seed + P5
    state += <uint64_t>size
    while size - at >= 8:
        state = rotate64(state ^ xx_round(0, load64(data + at)), 27) * P1 + P4
        at += 8
    if size - at >= 4:
        state = rotate64(state ^ (<uint64_t>load32(data + at) * P1), 23) * P2 + P3
        at += 4
    while at < size:
        state = rotate64(state ^ (<uint64_t>data[at] * P5), 11) * P1
        at += 1
    state = (state ^ (state >> 33)) * P2
    state = (state ^ (state >> 29)) * P3
    return state ^ (state >> 32)


# SipHash-2-4

cdef struct Sip:
    uint64_t a
    uint64_t b
    uint64_t c
    uint64_t d


cdef inline void sip_rounds(Sip* sip, int rounds) noexcept nogil:
    cdef uint64_t a = sip.a, b = sip.b, c = sip.c, d = sip.d
    cdef int _
    for _ in range(rounds):
        a += b
        c += d
        b = rotate64(b, 13) ^ a
        d = rotate64(d, 16) ^ c
        a = rotate64(a, 32)
        c += b
        a += d
        b = rotate64(b, 17) ^ c
        d = rotate64(d, 21) ^ a
        c = rotate64(c, 32)
    sip.a = a
    sip.b = b
    sip.c = c
    sip.d = d


cdef inline void sip_absorb(Sip* sip, const uint8_t* key, const uint8_t* data, size_t size) noexcept nogil:
    cdef uint64_t low = load64(key), high = load64(key + 8), block
    cdef size_t at = 0
    sip.a ^= low
    sip.b ^= high
    sip.c ^= low
    sip.d ^= high
    while size - at >= 8:
        block = load64(data + at)
        sip.d ^= block
        sip_rounds(sip, 2)
        sip.a ^= block
        at += 8
    block = 0
    if at < size:
        memcpy(&block, data + at, size - at)
    block |= <uint64_t>(size & 0xFF) << 56
    sip.d ^= block
    sip_rounds(sip, 2)
    sip.a ^= block


cdef inline uint64_t sip_fold(const Sip* sip) noexcept nogil:
    return sip.a ^ sip.b ^ sip.c ^ sip.d


cdef inline void sip_begin(Sip* sip) noexcept nogil:
    sip.a = 0x736F6D6570736575U      # "somepseudorandomlygeneratedbytes", as the paper has it
    sip.b = 0x646F72616E646F6DU
    sip.c = 0x6C7967656E657261U
    sip.d = 0x7465646279746573U


cdef uint64_t siphash_64(const uint8_t* key, const uint8_t* data, size_t size) noexcept nogil:
    cdef Sip sip
    sip_begin(&sip)
    sip_absorb(&sip, key, data, size)
    sip.c ^= 0xFF
    sip_rounds(&sip, 4)
    return sip_fold(&sip)


cdef void siphash_128(const uint8_t* key, const uint8_t* data, size_t size, uint8_t* out) noexcept nogil:
    cdef Sip sip
    cdef uint64_t half
    sip_begin(&sip)
    sip.b ^= 0xEE
    sip_absorb(&sip, key, data, size)
    sip.c ^= 0xEE
    sip_rounds(&sip, 4)
    half = sip_fold(&sip)
    memcpy(out, &half, 8)
    sip.b ^= 0xDD
    sip_rounds(&sip, 4)
    half = sip_fold(&sip)
    memcpy(out + 8, &half, 8)


# The faces for Python. The C functions have the plain names in this module, so these get theirs at the end.

cdef const uint8_t* checked_key(bytes key) except NULL:
    if len(key) != 16:
        raise ValueError(f"a SipHash key has 16 bytes, not {len(key)}")
    return <const uint8_t*>key


def _murmur3_32(data, uint32_t seed=0):
    cdef BufferView source = BufferView(data)
    return murmur3_32(source.data, source.size, seed)


def _xxh64(data, uint64_t seed=0):
    cdef BufferView source = BufferView(data)
    cdef uint64_t digest
    with nogil:
        digest = xxh64(source.data, source.size, seed)
    return digest


def _siphash_64(bytes key not None, data):
    cdef BufferView source = BufferView(data)
    return siphash_64(checked_key(key), source.data, source.size)


def _siphash_128(bytes key not None, data):
    cdef BufferView source = BufferView(data)
    cdef uint8_t digest[16]
    siphash_128(checked_key(key), source.data, source.size, digest)
    return <bytes>digest[:16]


globals().update(murmur3_32=_murmur3_32, xxh64=_xxh64, siphash_64=_siphash_64, siphash_128=_siphash_128)
