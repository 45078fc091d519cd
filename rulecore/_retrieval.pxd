# A retrieval: a static function from unit keys to symbols, in little more than the entropy of the symbols.
#
#   head       keys (8) · bytes of data (8) · buckets (4) · bits of fingerprint (1) · groups (1) · zero (2)
#   groups     length of codewords in bits (4) · symbols with that length (4), ascending lengths
#   directory  for each 32 buckets: where the first begins in the data (4) · where each begins after that (32 × 2)
#   data       the buckets, one right after the other, and 8 bytes of zero padding
#
#   bucket     width (8 bits) and seed of each group: 4 bits of the first one's, 2 of the others'
#              then the groups, `width` unknowns of `bits` bits each; zeros up to the next whole byte
#
#   key ──high bits──> bucket                    unknown 0   0 1 1 0 1 …
#       ──hash, seed of group 1──> 7 of them     unknown 1   1 1 0 1 0 …  ┐
#                                                unknown 2   0 1 0 1 1 …  ├ xor ──> fingerprint, and the codeword's
#                                                …                        ┘         beginning
#       ──hash, seed of group 2──> 7 of them     …                          ──────> what further bits it has
#
# All numbers are little-endian. `_retrieval` reads it and tells why it is so, `_retrieval_writer` writes it.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from rulecore._machine cimport uint128


cdef enum:
    HEAD_BYTES = 24
    GROUP_BYTES = 8
    GROUPS_MAX = 6               # so that what a bucket says of them is one load of 8 bytes
    LENGTH_BITS_MAX = 32
    FINGERPRINT_BITS_MAX = 24    # so that an unknown, from any bit of a byte, is one load too
    SPAN_BUCKETS = 32            # of one record of the directory
    SPAN_BYTES = 68
    PADDING_BYTES = 8            # what may be read beyond the last unknown
    FIRST_HEAD_BITS = 12
    NEXT_HEAD_BITS = 10
    FIRST_SEEDS = 16
    NEXT_SEEDS = 4
    WIDTH_MAX = 255
    ROW_ONES = 7                 # odd: rows of even weight would all be orthogonal to the row of ones
    ONE_BITS = 9                 # of a hash, that choose an unknown


cdef struct Group:
    uint32_t bits                # of an unknown
    uint32_t length              # of the codewords that end here
    uint64_t count               # how many those are
    uint64_t first_code
    uint64_t first_symbol


cdef struct Retrieval:
    uint64_t keys
    uint64_t symbols
    uint64_t data_size           # without the padding
    uint64_t bucket_lines        # of cache, that a bucket of usual size touches
    uint64_t fingerprint_mask
    uint32_t buckets
    uint32_t fingerprint_bits
    uint32_t groups
    uint32_t head_bits           # of a bucket
    const uint8_t* base
    const uint8_t* directory
    const uint8_t* data
    Group group[GROUPS_MAX]


# NULL, or what is wrong. Takes the same time whatever the number of keys, so buckets are not looked at. The data may
# lie anywhere and must stay there.
cdef const char* retrieval_open(Retrieval* view, const uint8_t* data, uint64_t size) noexcept nogil

# The key's symbol, or -1; always below `symbols`. Of a key that was not written: -1 but for 2^-fingerprint_bits of all.
cdef int64_t retrieval_find(const Retrieval* view, uint64_t key) noexcept nogil

# Asks for the memory that finding the key begins with.
cdef void retrieval_prefetch(const Retrieval* view, uint64_t key) noexcept nogil

# NULL, or what is wrong with the directory or a bucket, and at which byte of the retrieval. What an unknown is can't be
# told from what it should be.
cdef const char* retrieval_verify(const Retrieval* view, uint64_t* at) noexcept nogil


cdef inline uint64_t row_of(uint64_t key, uint32_t group, uint32_t seed) noexcept nogil:
    """A key's row in a group: ROW_ONES numbers of ONE_BITS bits."""
    cdef uint128 product = <uint128>(key ^ 0x9E3779B97F4A7C15U) * (
        0xA0761D6478BD642FU + <uint64_t>(FIRST_SEEDS * group + seed) * 0x8EBC6AF09C88C6E2U
    )
    return <uint64_t>product ^ <uint64_t>(product >> 64)


cdef inline uint32_t one_of(uint64_t row, int i, uint32_t width) noexcept nogil:
    """The unknown that the row's `i`th number chooses. One that is chosen twice is not."""
    return <uint32_t>(((row >> (ONE_BITS * i)) & ((1 << ONE_BITS) - 1)) * width >> ONE_BITS)
