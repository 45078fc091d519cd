"""Reads the records of sets, whose form `_records.pxd` draws and `_record_writer` writes.

Where they lie in a snapshot, and what a set's id comes from, is for `_snapshot`.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from rulecore._buffer cimport BufferView
from rulecore._machine cimport load16, load32, load64, prefetch

from rulecore.errors import ImageError
from rulecore.limits import LIMITS

if LIMITS.segments_per_visitor_max > RANKS_ROOM or LIMITS.segments_max > 0xFFFF:
    raise ImportError("records of sets have too little room for what LIMITS allows")

cdef enum:
    LINE_BYTES = 64
    BASE_READ = 32               # bytes of the base that are copied at once, and
    OWN_READ = 16                # of a set's own


# Where the gaps of a set are, all of it within the blocks.
cdef struct Place:
    const uint8_t* base
    const uint8_t* own
    uint64_t shared_size
    uint64_t own_size


# Ranks as they are taken from gaps.
cdef struct Taken:
    uint64_t next                # rank that a gap of 0 would lead to
    uint64_t count


cdef const char* records_open(Records* records, const uint8_t* data, uint64_t size) noexcept nogil:
    cdef uint64_t expected
    if size < RECORDS_HEADER_BYTES:
        return "records of sets are cut off"
    records.start = data
    records.sets = load32(data)
    records.segments = load32(data + 4)
    records.blocks_size = load32(data + 8)
    records.group_bits = load32(data + 12)
    if records.segments > 0xFFFF:
        return "records of more segments than there can be"
    if records.group_bits > GROUP_BITS_MAX:
        return "records of sets have groups of blocks that are too large"
    records.ids = data + RECORDS_HEADER_BYTES
    expected = RECORDS_HEADER_BYTES + ID_BYTES * <uint64_t>records.segments
    if expected > size:
        return "records of sets are cut off"
    records.directory = data + expected
    expected += group_count(records) * group_bytes(records)
    if expected > size:
        return "records of sets are cut off"
    records.blocks = data + expected
    if expected + records.blocks_size + BLOCKS_END_BYTES != size:
        return "records of sets are longer or shorter than their parts"
    return NULL


cdef inline uint64_t block_count(const Records* records) noexcept nogil:
    return (<uint64_t>records.sets + BLOCK_SETS - 1) >> BLOCK_BITS


cdef inline uint64_t group_count(const Records* records) noexcept nogil:
    return (block_count(records) + (<uint64_t>1 << records.group_bits) - 1) >> records.group_bits


cdef inline uint64_t group_bytes(const Records* records) noexcept nogil:
    return 2 + (<uint64_t>2 << records.group_bits)


cdef inline uint64_t block_start(const Records* records, uint64_t block) noexcept nogil:
    cdef const uint8_t* group = records.directory + (block >> records.group_bits) * group_bytes(records)
    cdef uint64_t place = block & ((<uint64_t>1 << records.group_bits) - 1)
    # The first block's distance is none: what stands there is half of the group's start.
    return <uint64_t>load32(group) + (load16(group + 2 + 2 * place) & (0 - <uint64_t>(place != 0)))


cdef inline bint place_of(const Records* records, uint64_t start, uint32_t set_place, Place* place) noexcept nogil:
    # Of a set of the block that begins at `start`; false if it is not within the blocks. Of the 8 bytes that are read
    # before that is known, the zeros at the end have enough.
    cdef uint64_t sizes, base_size, own, is_base = 0 - <uint64_t>(set_place == BASE_PLACE)
    if start > records.blocks_size:
        return False
    sizes = load64(records.blocks + start)
    base_size = sizes >> 8 * BASE_PLACE & 255
    if base_size == WIDE:
        return wide_place_of(records, start, set_place, place)
    place.base = records.blocks + start + SIZES_BYTES
    # The base shares all of itself; which set it is would be guessed wrong too often to ask.
    place.shared_size = sizes >> 8 * set_place & (15 | (is_base & 255))
    place.own_size = sizes >> 8 * set_place >> 4 & (15 & ~is_base)
    # The product's highest byte is the sum of them all, 105 at most.
    own = sizes >> 4 & <uint64_t>0x0F0F0F000F0F0F0F & ((<uint64_t>1 << 8 * set_place) - 1)
    own = base_size + (own * <uint64_t>0x0101010101010101 >> 56)
    place.own = place.base + own
    return place.shared_size <= base_size and start + SIZES_BYTES + own + place.own_size <= records.blocks_size


cdef bint wide_place_of(const Records* records, uint64_t start, uint32_t set_place, Place* place) noexcept nogil:
    cdef const uint8_t* sizes = records.blocks + start + SIZES_BYTES
    cdef uint64_t own, i
    if start + WIDE_SIZES_BYTES > records.blocks_size:
        return False
    own = load16(sizes + 4 * BASE_PLACE)
    place.base = records.blocks + start + WIDE_SIZES_BYTES
    place.shared_size = load16(sizes + 4 * set_place)
    place.own_size = load16(sizes + 4 * set_place + 2)
    if place.shared_size > own:
        return False
    for i in range(set_place):
        own += load16(sizes + 4 * i + 2)
    place.own = place.base + own
    return start + WIDE_SIZES_BYTES + own + place.own_size <= records.blocks_size


cdef inline bint take(
    const Records* records, const uint8_t* gaps, uint64_t size, Taken* taken, uint32_t* segment_ids,
) noexcept nogil:
    # Adds the ids that so many bytes of gaps lead to; false if they are not sound. It reads at most 2 bytes more.
    cdef const uint8_t* end = gaps + size
    cdef const uint8_t* ids = records.ids
    cdef uint64_t segments = records.segments, rank = taken.next, count = taken.count
    cdef uint32_t id
    while gaps < end:
        if gaps[0] == LONG_GAP:
            rank += load16(gaps + 1)
            gaps += 3
        else:
            rank += gaps[0]
            gaps += 1
        if rank >= segments or count == RANKS_ROOM:
            return False
        id = load16(ids + ID_BYTES * rank)
        if id >= segments:
            return False
        segment_ids[count] = id
        count += 1
        rank += 1
    taken.next = rank
    taken.count = count
    return gaps == end


cdef inline int32_t take_set(const Records* records, const Place* place, uint32_t* segment_ids) noexcept nogil:
    # Nearly every set has few gaps: they are put together first, so that there is but one loop, whose end is guessed
    # wrong but once.
    cdef uint8_t gaps[BASE_READ + OWN_READ + 2]
    cdef Taken taken
    taken.next = 0
    taken.count = 0
    if place.shared_size <= BASE_READ and place.own_size <= OWN_READ:
        memcpy(gaps, place.base, BASE_READ)
        memcpy(gaps + place.shared_size, place.own, OWN_READ)
        if not take(records, gaps, place.shared_size + place.own_size, &taken, segment_ids):
            return -1
        return <int32_t>taken.count
    if not take(records, place.base, place.shared_size, &taken, segment_ids):
        return -1
    if not take(records, place.own, place.own_size, &taken, segment_ids):
        return -1
    return <int32_t>taken.count


cdef int32_t records_find(const Records* records, uint64_t set_id, uint32_t* segment_ids) noexcept nogil:
    cdef Place place
    cdef uint64_t start
    if set_id >= records.sets:
        return -1
    start = block_start(records, set_id >> BLOCK_BITS)
    prefetch(records.blocks + start + LINE_BYTES)      # harmless wherever it leads; most blocks lie on two lines
    if not place_of(records, start, <uint32_t>set_id & (BLOCK_SETS - 1), &place):
        return -1
    return take_set(records, &place, segment_ids)


cdef const char* records_verify(const Records* records, uint64_t* at) noexcept nogil:
    cdef uint64_t start = 0, block, i
    cdef uint32_t segment_ids[RANKS_ROOM]
    cdef const char* wrong = verify_ids(records, at)
    if wrong == NULL:
        wrong = verify_directory_end(records, at)
    if wrong != NULL:
        return wrong
    for block in range(block_count(records)):
        at[0] = <uint64_t>(records.directory - records.start) + (block >> records.group_bits) * group_bytes(records)
        if block_start(records, block) != start:
            return "a block of sets does not begin where the one before ends"
        at[0] = <uint64_t>(records.blocks - records.start) + start
        wrong = verify_block(records, records.sets - (block << BLOCK_BITS), segment_ids, &start)
        if wrong != NULL:
            return wrong
    at[0] = <uint64_t>(records.blocks - records.start) + start
    if start != records.blocks_size:
        return "there is more after the last block of sets"
    for i in range(BLOCKS_END_BYTES):
        if records.blocks[start + i]:
            return "the bytes after the last block of sets are not zero"
    return NULL


cdef const char* verify_ids(const Records* records, uint64_t* at) noexcept nogil:
    cdef uint8_t seen[8192]
    cdef uint32_t rank, id
    memset(seen, 0, sizeof(seen))
    for rank in range(records.segments):
        at[0] = RECORDS_HEADER_BYTES + ID_BYTES * <uint64_t>rank
        id = load16(records.start + at[0])
        if id >= records.segments or seen[id >> 3] >> (id & 7) & 1:
            return "the ranks of segments do not hold every segment once"
        seen[id >> 3] |= <uint8_t>(1 << (id & 7))
    return NULL


cdef const char* verify_directory_end(const Records* records, uint64_t* at) noexcept nogil:
    cdef uint64_t groups = group_count(records), i, place
    for i in range(block_count(records), groups << records.group_bits):
        place = i & ((<uint64_t>1 << records.group_bits) - 1)
        at[0] = <uint64_t>(records.directory - records.start) + (groups - 1) * group_bytes(records) + 2 + 2 * place
        if load16(records.start + at[0]):
            return "the directory names blocks beyond the last"
    return NULL


cdef const char* verify_block(
    const Records* records, uint64_t sets_left, uint32_t* segment_ids, uint64_t* start,
) noexcept nogil:
    # Moves `start` to the block's end. A base that is no set of a last block is sound and empty, too.
    cdef Place place
    cdef uint64_t sizes = load64(records.blocks + start[0])
    cdef uint32_t i
    if sizes >> 8 * BASE_PLACE & 255 == WIDE and sizes != <uint64_t>WIDE << 8 * BASE_PLACE:
        return "a block of sets has sizes twice"
    for i in range(BLOCK_SETS):
        if not place_of(records, start[0], i, &place):
            return "a block of sets reaches beyond the last"
        if i >= sets_left and place.shared_size + place.own_size:
            return "a block of sets has more than there are"
        if i == BASE_PLACE and place.own_size:
            return "a base of sets has something of its own"
        if take_set(records, &place, segment_ids) < 0:
            return "a set that is not sound"
    start[0] = <uint64_t>(place.own - records.blocks) + place.own_size
    return NULL


cdef class RecordsReader:
    cdef Records records
    cdef BufferView view

    def __cinit__(self, data):
        cdef const char* wrong
        self.view = BufferView(data)
        wrong = records_open(&self.records, self.view.data, self.view.size)
        if wrong != NULL:
            raise ImageError(wrong.decode(), 0)

    def __len__(self):
        return self.records.sets

    def find(self, uint64_t set_id):
        cdef uint32_t segment_ids[RANKS_ROOM]
        cdef int32_t count = records_find(&self.records, set_id, segment_ids), i
        if count < 0:
            return None
        return [segment_ids[i] for i in range(count)]

    def find_all(self, set_ids):
        cdef BufferView view = BufferView(set_ids)
        cdef uint32_t segment_ids[RANKS_ROOM]
        cdef uint64_t i, found = 0
        cdef int32_t count = 0
        with nogil:
            for i in range(view.size // 4):
                count = records_find(&self.records, load32(view.data + 4 * i), segment_ids)
                if count < 0:
                    break
                found += <uint64_t>count
        if count < 0:
            raise ImageError("a set that there is not, or that is not sound")
        return found

    def verify(self):
        cdef const char* wrong
        cdef uint64_t at = 0
        with nogil:
            wrong = records_verify(&self.records, &at)
        if wrong != NULL:
            raise ImageError(wrong.decode(), at)
