# The hash functions that both planes must agree on. Keys and the digest `out` have 16 bytes.
from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef uint32_t murmur3_32(const uint8_t* data, size_t size, uint32_t seed) noexcept nogil
cdef uint64_t xxh64(const uint8_t* data, size_t size, uint64_t seed) noexcept nogil
cdef uint64_t siphash_64(const uint8_t* key, const uint8_t* data, size_t size) noexcept nogil
cdef void siphash_128(const uint8_t* key, const uint8_t* data, size_t size, uint8_t* out) noexcept nogil
