# The records of sets: which segments a set has, by the set's id, in blocks of 8 sets.
#
#   header     sets (4) · segments (4) · bytes of blocks (4) · group bits (4)
#   ids        2 bytes a segment, by rank: its id
#   directory  of groups of 2^(group bits) blocks: the first one's start (4), how far after it each other's is (2)
#   blocks     of 8 sets each, nothing between them; then 32 bytes of zero
#
# Little-endian, nothing between the parts. A segment's rank is its place by how many sets hold it, most first. A set is
# its ranks, ascending, each as its gap: how many ranks lie between it and the one before. A gap takes a byte, or from
# 255 on three: 255, and the gap (2). Sets that follow each other begin alike, so a block has one set whole, its base,
# which is that of place 4; any other set is what it shares with the base's beginning and, after that, its own:
#
#   ┌──────────┬──────────────────┬────────┬────────┬────────┬────────┬────────┬────────┬────────┐
#   │ sizes, 8 │ gaps of the base │ own, 0 │ own, 1 │ own, 2 │ own, 3 │ own, 5 │ own, 6 │ own, 7 │
#   └──────────┴──────────────────┴────────┴────────┴────────┴────────┴────────┴────────┴────────┘
#     │        ╰── the first "shared" bytes ──╯ + ╰ "own" bytes ╯ = the gaps of a set
#     │
#     └ by place, a byte each:  shared (low 4 bits) · own (high 4 bits);  of the base, how many bytes it has: 0 to 254
#
# so one word tells where every set of a block is, and nothing needs another set to be read. A block whose sizes don't
# fit has 255 for the base's, zeros for the others, and after these for each place shared (2) · own (2), where the base
# shares all of itself and has nothing of its own. In a last block of fewer sets, what is missing is empty.
#
# A set takes about 6 bytes, of which codes of entropy would save a quarter; but each of their numbers waits for the one
# before, which takes longer than to fetch a block from memory.
#
# `records_find` follows no number that it has not checked and reads nothing outside the image whatever that holds; it
# never takes more than 4,096 ranks for a set. What an image should hold besides, `records_verify` says.
# `_record_writer` writes it.
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t


cdef enum:
    RECORDS_HEADER_BYTES = 16
    ID_BYTES = 2
    BLOCK_BITS = 3
    BLOCK_SETS = 8               # 2^BLOCK_BITS, as many as a word has bytes
    BASE_PLACE = 4               # in the middle, where it has most in common with the others
    SIZES_BYTES = 8
    NARROW_MAX = 15              # bytes shared, or own
    NARROW_BASE_MAX = 254
    WIDE = 255                   # instead of the base's size
    WIDE_SIZES_BYTES = 40        # those of a block whose sizes don't fit
    LONG_GAP = 255
    BLOCKS_END_BYTES = 32        # of zero: so many are read at once
    RANKS_ROOM = 4096            # LIMITS.segments_per_visitor_max
    GROUP_BITS_MAX = 6


cdef struct Records:
    const uint8_t* start
    const uint8_t* ids
    const uint8_t* directory
    const uint8_t* blocks
    uint64_t blocks_size         # without the zeros at the end
    uint32_t sets
    uint32_t segments
    uint32_t group_bits


# NULL, or what is wrong. Takes the same time whatever the size; the memory must stay as it is while `records` is used.
cdef const char* records_open(Records* records, const uint8_t* data, uint64_t size) noexcept nogil
# Writes the ids of a set's segments, by rank, where there is room for RANKS_ROOM; how many, or -1 if it isn't sound.
cdef int32_t records_find(const Records* records, uint64_t set_id, uint32_t* segment_ids) noexcept nogil
# Reads everything. NULL, or what is wrong, and then at which byte.
cdef const char* records_verify(const Records* records, uint64_t* at) noexcept nogil
