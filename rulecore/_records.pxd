# The records of sets: which segments a set has, by the set's id, front-coded in blocks.
#
#   header     sets (4) · segments (4) · bytes of blocks (4)
#              contexts (1) · table bits (1) · block bits (1) · group bits (1)
#   ranks      4 bytes a segment, by rank: its id (2), the context after it (1), 0
#   tables     2^(table bits) entries of 4 bytes: one table a context, then that of SHARES, then that of GAPS
#   directory  of groups of 2^(group bits) blocks: the first one's start (4), how far after it each other's is (2)
#   blocks     of 2^(block bits) sets each, bits from the lowest on, each from a byte on; then 16 bytes of zero. One of
#              them may have no bits, where every code is empty; two such ones would hold the same sets
#
# Little-endian, nothing between the parts. A segment's rank is its place by how many sets hold it, most first; a set is
# its ranks plus 1, ascending, then 0. Sets that follow each other begin alike, so that a block says only
#
#   its first set    ranks, each in the context of the one before (context 0: of none)
#   any other        how many ranks, plus 1, it shares with the set before            by the table of SHARES
#                    how far its next rank is above the one that the set before has
#                    there (at its end: its last one, or 0 where it has none), less 1 by the table of GAPS
#                    the other ranks as above; where it shares "0 less 1", all of them
#
# A number is a canonical Huffman code for its class, then the class's extra bits: 0 to 7 are classes of their own, then
# there are four classes an octave. What the next `table bits` bits lead to is an entry of the table:
#
#   bits 0-4 code and extra bits together · 5-8 extra bits · 9-15 context after the number · 16-31 first of the class
#
# so that a number takes one read, and nothing needs the number itself to go on. Contexts are the writer's choice; that
# the one before is known is worth an octave's distinction or two, for what is frequent together has neighbouring ranks
# seldom. Tables lie in the image since opening must cost nothing, and every worker shares them.
#
# `records_find` follows no number that it has not checked and reads nothing outside the image whatever that holds; it
# never takes more than 4,096 ranks for a set. What an image should hold besides, `records_verify` says.
# `_record_writer` writes it.
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t


cdef enum:
    RECORDS_HEADER_BYTES = 16
    RANK_BYTES = 4
    ENTRY_BYTES = 4
    BLOCKS_END_BYTES = 16        # of zero: eight bytes are read at once, at most seven of them ahead
    RANKS_ROOM = 4096            # LIMITS.segments_per_visitor_max
    CONTEXTS_ROOM = 64
    TABLE_BITS_MAX = 12
    BLOCK_BITS_MAX = 3           # a lookup reads a block up to its set, which has 4,096 ranks at most
    GROUP_BITS_MAX = 6


cdef struct Records:
    const uint8_t* start
    const uint8_t* ranks
    const uint8_t* tables
    const uint8_t* directory
    const uint8_t* blocks
    uint64_t blocks_size         # without the zeros at the end
    uint32_t sets
    uint32_t segments
    uint32_t contexts
    uint32_t table_bits
    uint32_t number_bits         # the most that a number takes
    uint32_t block_bits
    uint32_t group_bits


# NULL, or what is wrong. Takes the same time whatever the size; the memory must stay as it is while `records` is used.
cdef const char* records_open(Records* records, const uint8_t* data, uint64_t size) noexcept nogil
# Writes the ids of a set's segments, by rank, where there is room for RANKS_ROOM; how many, or -1 if it isn't sound.
cdef int32_t records_find(const Records* records, uint64_t set_id, uint32_t* segment_ids) noexcept nogil
# Reads everything. NULL, or what is wrong, and then at which byte.
cdef const char* records_verify(const Records* records, uint64_t* at) noexcept nogil
