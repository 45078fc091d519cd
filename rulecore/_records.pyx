"""Reads the records of sets, whose form `_records.pxd` draws and `_record_writer` writes.

Where they lie in a snapshot, and what a set's id comes from, is for `_snapshot`.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from rulecore._buffer cimport BufferView
from rulecore._machine cimport load16, load32, load64

from rulecore.errors import ImageError
from rulecore.limits import LIMITS

if LIMITS.segments_per_visitor_max > RANKS_ROOM or LIMITS.segments_max > 0xFFFF:
    raise ImportError("records of sets have too little room for what LIMITS allows")


# The bits of a block, the next ones lowest in `window`.
cdef struct Bits:
    uint64_t window
    uint32_t held                # of them: 56 or more after a refill
    const uint8_t* next
    const uint8_t* last          # place to read from: no sound block reads beyond it


cdef inline Bits bits_from(const Records* records, uint64_t start) noexcept nogil:
    cdef Bits bits
    bits.window = 0
    bits.held = 0
    bits.next = records.blocks + start
    bits.last = records.blocks + records.blocks_size + BLOCKS_END_BYTES - 8
    return bits


cdef inline void refill(Bits* bits) noexcept nogil:
    bits.window |= load64(bits.next) << bits.held
    bits.next += (63 - bits.held) >> 3
    bits.held |= 56
    if bits.next > bits.last:
        bits.next = bits.last


cdef inline uint32_t take(
    Bits* bits, const uint8_t* tables, uint32_t table_bits, uint32_t table, uint32_t* context,
) noexcept nogil:
    # The next number, by a table that there is, and the context after it. `number_bits` are held: an entry that takes
    # more than there are leaves far more than 63 behind, and so no refill before `take_set` looks.
    cdef uint64_t window = bits.window
    cdef uint64_t at = (<uint64_t>table << table_bits) + (window & ((<uint64_t>1 << table_bits) - 1))
    cdef uint32_t entry = load32(tables + ENTRY_BYTES * at), size = entry & 31, extra = entry >> 5 & 15
    context[0] = entry >> 9 & 127
    bits.window = window >> size
    bits.held -= size
    return (entry >> 16) + (<uint32_t>(window >> ((size - extra) & 31)) & ((<uint32_t>1 << extra) - 1))


cdef const char* records_open(Records* records, const uint8_t* data, uint64_t size) noexcept nogil:
    cdef uint64_t groups, expected
    if size < RECORDS_HEADER_BYTES:
        return "records of sets are cut off"
    records.start = data
    records.sets = load32(data)
    records.segments = load32(data + 4)
    records.blocks_size = load32(data + 8)
    records.contexts = data[12]
    records.table_bits = data[13]
    records.block_bits = data[14]
    records.group_bits = data[15]
    if records.segments > 0xFFFF:
        return "records of more segments than there can be"
    if not 1 <= records.contexts <= CONTEXTS_ROOM or records.table_bits > TABLE_BITS_MAX:
        return "records of sets have tables that are none"
    if records.block_bits > BLOCK_BITS_MAX or records.group_bits > GROUP_BITS_MAX:
        return "records of sets have blocks that are too large"
    # 26 at most, so two are held after a refill.
    records.number_bits = records.table_bits + extra_bits(records.segments + 1)
    groups = group_count(records)
    expected = RECORDS_HEADER_BYTES + RANK_BYTES * <uint64_t>records.segments
    records.ranks = data + RECORDS_HEADER_BYTES
    records.tables = data + expected
    expected += (ENTRY_BYTES * (<uint64_t>records.contexts + 2)) << records.table_bits
    if expected > size:
        return "records of sets are cut off"
    records.directory = data + expected
    expected += groups * group_bytes(records)
    if expected > size:
        return "records of sets are cut off"
    records.blocks = data + expected
    if expected + records.blocks_size + BLOCKS_END_BYTES != size:
        return "records of sets are longer or shorter than their parts"
    if block_count(records) > records.blocks_size + 1:
        return "records of sets have more blocks than their bytes can tell apart"
    return NULL


cdef inline uint32_t extra_bits(uint32_t number) noexcept nogil:
    cdef uint32_t bits = 0
    while number >> bits > 7:
        bits += 1
    return bits


cdef inline uint64_t block_count(const Records* records) noexcept nogil:
    return (records.sets + (<uint64_t>1 << records.block_bits) - 1) >> records.block_bits


cdef inline uint64_t group_count(const Records* records) noexcept nogil:
    cdef uint64_t sets = <uint64_t>1 << records.block_bits << records.group_bits
    return (records.sets + sets - 1) // sets


cdef inline uint64_t group_bytes(const Records* records) noexcept nogil:
    return 2 + (<uint64_t>2 << records.group_bits)


cdef inline uint64_t block_start(const Records* records, uint64_t block) noexcept nogil:
    cdef const uint8_t* group = records.directory + (block >> records.group_bits) * group_bytes(records)
    cdef uint64_t place = block & ((<uint64_t>1 << records.group_bits) - 1)
    if place == 0:
        return load32(group)
    return <uint64_t>load32(group) + load16(group + 2 + 2 * place)


cdef int32_t take_set(const Records* records, Bits* from_bits, uint32_t* numbers, int32_t before) noexcept nogil:
    # Ranks plus 1 of the next set in place of those of the set before, of which there are `before`; -1: the first set
    # of a block. How many, or -1 if they are not sound. It works on copies, which nothing it writes can change.
    cdef Bits bits = from_bits[0]
    cdef const uint8_t* tables = records.tables
    cdef uint32_t table_bits = records.table_bits, contexts = records.contexts
    cdef uint32_t number_bits = records.number_bits, number, shared, context = 0, unused
    cdef int32_t count = 0
    refill(&bits)
    if before >= 0:
        shared = take(&bits, tables, table_bits, contexts, &unused)
        if shared:
            count = <int32_t>shared
            if count > before + 1 or count > RANKS_ROOM:
                return -1
            number = 1 + take(&bits, tables, table_bits, contexts + 1, &unused)
            if before:
                number += numbers[min(count, before) - 1]
            if number > records.segments:
                return -1
            numbers[count - 1] = number
            context = records.ranks[RANK_BYTES * (number - 1) + 2]
    while True:
        if context >= contexts:
            return -1
        if bits.held < number_bits:
            refill(&bits)
        number = take(&bits, tables, table_bits, context, &context)
        if number == 0:
            break
        if count == RANKS_ROOM:
            return -1
        numbers[count] = number
        count += 1
    if bits.held > 63:
        return -1
    from_bits[0] = bits
    return count


cdef int32_t records_find(const Records* records, uint64_t set_id, uint32_t* segment_ids) noexcept nogil:
    cdef uint64_t start
    cdef uint32_t left, id
    cdef int32_t count = -1, i
    cdef Bits bits
    if set_id >= records.sets:
        return -1
    start = block_start(records, set_id >> records.block_bits)
    if start > records.blocks_size:
        return -1
    bits = bits_from(records, start)
    left = <uint32_t>set_id & ((<uint32_t>1 << records.block_bits) - 1)
    while True:
        count = take_set(records, &bits, segment_ids, count)
        if count < 0:
            return -1
        if left == 0:
            break
        left -= 1
    for i in range(count):
        if segment_ids[i] > records.segments:
            return -1
        id = load16(records.ranks + RANK_BYTES * <uint64_t>(segment_ids[i] - 1))
        if id >= records.segments:
            return -1
        segment_ids[i] = id
    return count


cdef const char* records_verify(const Records* records, uint64_t* at) noexcept nogil:
    cdef uint64_t start = 0, block, block_sets = <uint64_t>1 << records.block_bits
    cdef uint32_t numbers[RANKS_ROOM]
    cdef const char* wrong = verify_tables(records, at)
    if wrong != NULL:
        return wrong
    for block in range(block_count(records)):
        at[0] = <uint64_t>(records.directory - records.start) + (block >> records.group_bits) * group_bytes(records)
        if block_start(records, block) != start:
            return "a block of sets does not begin where the one before ends"
        at[0] = <uint64_t>(records.blocks - records.start) + start
        wrong = verify_block(records, min(block_sets, records.sets - block * block_sets), numbers, &start)
        if wrong != NULL:
            return wrong
    at[0] = <uint64_t>(records.blocks - records.start) + start
    if start != records.blocks_size:
        return "there is more after the last block of sets"
    if load64(records.blocks + start) or load64(records.blocks + start + 8):
        return "the bytes after the last block of sets are not zero"
    return NULL


cdef const char* verify_tables(const Records* records, uint64_t* at) noexcept nogil:
    cdef uint8_t seen[8192]
    cdef uint32_t rank, id, entry
    cdef uint64_t i, tables = (<uint64_t>records.contexts + 2) << records.table_bits
    cdef uint64_t groups = group_count(records), place
    for i in range(8192):
        seen[i] = 0
    for rank in range(records.segments):
        at[0] = RECORDS_HEADER_BYTES + RANK_BYTES * <uint64_t>rank
        id = load16(records.ranks + RANK_BYTES * <uint64_t>rank)
        if id >= records.segments or seen[id >> 3] >> (id & 7) & 1:
            return "the ranks of segments do not hold every segment once"
        seen[id >> 3] |= <uint8_t>(1 << (id & 7))
        if load16(records.ranks + RANK_BYTES * <uint64_t>rank + 2) >= records.contexts:
            return "the context after a segment is none"
    for i in range(tables):
        at[0] = <uint64_t>(records.tables - records.start) + ENTRY_BYTES * i
        entry = load32(records.tables + ENTRY_BYTES * i)
        if (entry >> 9 & 127) >= records.contexts or (entry & 31) > records.number_bits:
            return "an entry of a table of codes is none"
        if (entry & 31) - (entry >> 5 & 15) > records.table_bits:
            return "an entry of a table of codes is none"
    for i in range(block_count(records), groups << records.group_bits):
        place = i & ((<uint64_t>1 << records.group_bits) - 1)
        at[0] = <uint64_t>(records.directory - records.start) + (groups - 1) * group_bytes(records) + 2 + 2 * place
        if load16(records.start + at[0]):
            return "the directory names blocks beyond the last"
    return NULL


cdef const char* verify_block(
    const Records* records, uint64_t sets, uint32_t* numbers, uint64_t* start,
) noexcept nogil:
    # Moves `start` to the block's end.
    cdef Bits bits = bits_from(records, start[0])
    cdef uint64_t used
    cdef int32_t count = -1, j
    for _ in range(sets):
        count = take_set(records, &bits, numbers, count)
        if count < 0:
            return "a set that is not sound"
        for j in range(count):
            if numbers[j] > records.segments:
                return "a set has a segment that there is not"
            if j and numbers[j] <= numbers[j - 1]:
                return "the ranks of a set are not ascending"
    used = 8 * <uint64_t>(bits.next - records.blocks) - bits.held
    if used > 8 * records.blocks_size:
        return "a block of sets reaches beyond the last"
    if bits.window & ((<uint64_t>1 << (-used & 7)) - 1):
        return "the bits after a block of sets are not zero"
    start[0] = (used + 7) >> 3
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
