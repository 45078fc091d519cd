"""Puts the distinct sets of a snapshot in order, and writes their records as `_records.pxd` draws them.

The sets come as `_grouping` numbers them. Which classes of frequency there are is for `codes`; which codes the records'
numbers get, for `_record_codes`. Equal sets, and equal weights, give the same bytes every time.
"""

from libc.stdint cimport UINT32_MAX, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from rulecore._buffer cimport BufferView
from rulecore._machine cimport count_trailing_zeros, load16, load32
from rulecore._record_codes cimport choose_codes, class_of, GAPS, RecordCodes, SHARES, tables_of
from rulecore._record_order cimport Item, sort_items, sort_sets
from rulecore._records cimport BLOCKS_END_BYTES, RANKS_ROOM

from rulecore.errors import LimitError

cdef enum:
    BLOCK_BITS = 2               # blocks of 8 sets take a tenth less room, and nearly twice the time
    INSERTED = 64                # ranks of so small a set are sorted by insertion
    GROUP_BITS_WANTED = 4        # as many as can be told by two bytes, but no more


cdef class RankedSets:
    # Sets as their ranks plus 1, ascending.
    cdef uint64_t count
    cdef uint32_t segments
    cdef uint32_t* starts
    cdef uint16_t* numbers
    cdef uint32_t* holders       # how many sets hold a segment, by id
    cdef list by_rank            # ids

    def __cinit__(self, set_starts, members, uint32_t segments):
        cdef BufferView start_view = BufferView(set_starts), member_view = BufferView(members)
        cdef uint64_t total = member_view.size // 2, rank
        cdef uint16_t* number_of
        cdef bint sound
        if start_view.size < 4 or start_view.size % 4 or segments > 0xFFFF:
            raise ValueError("set_starts holds 4 bytes a set and 4 more, of at most 65,535 segments")
        self.count = start_view.size // 4 - 1
        self.segments = segments
        self.starts = <uint32_t*>calloc(self.count + 1, 4)
        self.numbers = <uint16_t*>calloc(total + 1, 2)
        self.holders = <uint32_t*>calloc(<size_t>segments + 1, 4)
        number_of = <uint16_t*>calloc(<size_t>segments + 1, 2)
        try:
            if self.starts == NULL or self.numbers == NULL or self.holders == NULL or number_of == NULL:
                raise MemoryError
            memcpy(self.starts, start_view.data, 4 * (self.count + 1))
            with nogil:
                sound = self.count_holders(member_view.data, total)
            if not sound or member_view.size != 2 * total:
                raise ValueError("the members of the sets do not fit their starts, or are not ascending segment ids")
            self.by_rank = sorted(range(segments), key=self.rarity)
            for rank in range(segments):
                number_of[<uint32_t>self.by_rank[rank]] = <uint16_t>(rank + 1)
            with nogil:
                self.number_members(member_view.data, number_of)
        finally:
            free(number_of)

    def __dealloc__(self):
        free(self.starts)
        free(self.numbers)
        free(self.holders)

    def rarity(self, uint32_t segment):
        return -<long long>self.holders[segment]

    cdef bint count_holders(self, const uint8_t* members, uint64_t total) noexcept nogil:
        # Whether the sets are sound, as well.
        cdef uint64_t i, j
        cdef uint16_t segment
        if self.starts[0] != 0 or self.starts[self.count] != total:
            return False
        for i in range(self.count):
            if self.starts[i + 1] < self.starts[i] or self.starts[i + 1] - self.starts[i] > RANKS_ROOM:
                return False
            for j in range(self.starts[i], self.starts[i + 1]):
                segment = load16(members + 2 * j)
                if segment >= self.segments or (j > self.starts[i] and segment <= load16(members + 2 * j - 2)):
                    return False
                self.holders[segment] += 1
        return True

    cdef void number_members(self, const uint8_t* members, const uint16_t* number_of) noexcept nogil:
        # Few are sorted by insertion, many by marking which there are.
        cdef uint64_t marks[1024]
        cdef uint64_t i, start, end, j, k
        cdef uint16_t number
        memset(marks, 0, sizeof(marks))
        for i in range(self.count):
            start = self.starts[i]
            end = self.starts[i + 1]
            if end - start > INSERTED:
                for j in range(start, end):
                    number = number_of[load16(members + 2 * j)]
                    marks[number >> 6] |= <uint64_t>1 << (number & 63)
                k = start
                for j in range((<uint64_t>self.segments >> 6) + 1):
                    while marks[j]:
                        self.numbers[k] = <uint16_t>(64 * j + <uint64_t>count_trailing_zeros(marks[j]))
                        marks[j] &= marks[j] - 1
                        k += 1
                continue
            for j in range(start, end):
                number = number_of[load16(members + 2 * j)]
                k = j
                while k > start and self.numbers[k - 1] > number:
                    self.numbers[k] = self.numbers[k - 1]
                    k -= 1
                self.numbers[k] = number


def order_sets(set_starts, members, weights, uint32_t segments, class_counts):
    cdef RankedSets sets = RankedSets(set_starts, members, segments)
    cdef BufferView weight_view = BufferView(weights)
    cdef uint64_t count = sets.count, i, first = 0, size
    cdef Item* items
    cdef Item* room
    cdef bytearray order = bytearray(4 * count)
    cdef uint8_t* out = order
    if weight_view.size != 4 * count or sum(class_counts) != count or min(class_counts, default=0) < 0:
        raise ValueError("the weights, or the classes, are not those of the sets")
    items = <Item*>calloc(count + 1, sizeof(Item))
    room = <Item*>calloc(count + 1, sizeof(Item))
    try:
        if items == NULL or room == NULL:
            raise MemoryError
        with nogil:
            for i in range(count):
                items[i].key = UINT32_MAX - load32(weight_view.data + 4 * i)
                items[i].set = <uint32_t>i
            sort_items(items, room, count)
        for size in class_counts:
            with nogil:
                sort_sets(items + first, room, size, sets.starts, sets.numbers, 0)
            first += size
        with nogil:
            for i in range(count):
                memcpy(out + 4 * i, &items[i].set, 4)
    finally:
        free(items)
        free(room)
    return bytes(order)


def write_records(set_starts, members, order, uint32_t segments):
    cdef RankedSets sets = RankedSets(set_starts, members, segments)
    cdef RecordWriter writer = RecordWriter(sets, order)
    cdef RecordCodes* codes = writer.codes
    writer.write()
    ranks = bytearray()
    for rank, segment in enumerate(sets.by_rank):
        ranks += (<uint32_t>segment | <uint32_t>context_after(codes, <uint32_t>rank + 1) << 16).to_bytes(4, "little")
    group_bits, directory = writer.directory()
    sizes = (sets.count, segments, writer.size)
    header = b"".join([size.to_bytes(4, "little") for size in sizes])
    header += bytes([codes.contexts, codes.table_bits, BLOCK_BITS, group_bits])
    return b"".join([header, ranks, tables_of(codes), directory, writer.blocks, bytes(BLOCKS_END_BYTES)])


cdef uint32_t context_after(const RecordCodes* codes, uint32_t number) noexcept nogil:
    cdef uint32_t extra
    return codes.table_of[class_of(number, &extra)]


cdef class RecordWriter:
    cdef RankedSets sets
    cdef BufferView order
    cdef RecordCodes* codes
    cdef uint32_t* starts        # of blocks
    cdef uint64_t block_count
    cdef bytearray room
    cdef uint8_t* out            # NULL while numbers are only counted
    cdef uint64_t size
    cdef uint64_t window         # bits that are not written yet, the first lowest
    cdef uint32_t held

    def __cinit__(self, RankedSets sets, order):
        cdef uint64_t i
        self.sets = sets
        self.order = BufferView(order)
        self.codes = <RecordCodes*>calloc(1, sizeof(RecordCodes))
        self.block_count = (sets.count + (1 << BLOCK_BITS) - 1) >> BLOCK_BITS
        self.starts = <uint32_t*>calloc(self.block_count + 1, 4)
        if self.codes == NULL or self.starts == NULL:
            raise MemoryError
        if self.order.size != 4 * sets.count:
            raise ValueError("the order is not that of the sets")
        for i in range(sets.count):
            if load32(self.order.data + 4 * i) >= sets.count:
                raise ValueError("the order names a set that there is not")

    def __dealloc__(self):
        free(self.codes)
        free(self.starts)

    cdef write(self):
        cdef bint distinct
        cdef uint64_t room
        with nogil:
            distinct = self.put_all()
        if not distinct:
            raise ValueError("two sets that follow each other are the same")
        with nogil:
            choose_codes(self.codes)
        room = self.codes.bits // 8 + self.block_count + 8
        if room > UINT32_MAX:
            raise LimitError("the records of the distinct sets are larger than 4 GiB")
        self.room = bytearray(room)
        self.out = self.room
        with nogil:
            self.put_all()

    @property
    def blocks(self):
        return memoryview(self.room)[:self.size]

    cdef bint put_all(self) noexcept nogil:
        cdef uint64_t i
        for i in range(self.sets.count):
            if i & ((1 << BLOCK_BITS) - 1) == 0:
                self.end_block()
                self.starts[i >> BLOCK_BITS] = <uint32_t>self.size
                self.put_rest(i, 0)
            elif not self.put_after(i):
                return False
        self.end_block()
        return True

    cdef bint put_after(self, uint64_t i) noexcept nogil:
        # A set after the first of its block; false if it is the one before.
        cdef uint32_t set_id = load32(self.order.data + 4 * i), last = load32(self.order.data + 4 * i - 4)
        cdef uint32_t size = self.sets.starts[set_id + 1] - self.sets.starts[set_id]
        cdef uint32_t last_size = self.sets.starts[last + 1] - self.sets.starts[last]
        cdef const uint16_t* numbers = self.sets.numbers + self.sets.starts[set_id]
        cdef const uint16_t* last_numbers = self.sets.numbers + self.sets.starts[last]
        cdef uint32_t shared = 0, base = 0
        while shared < size and shared < last_size and numbers[shared] == last_numbers[shared]:
            shared += 1
        if shared == size and shared == last_size:
            return False
        if shared < last_size:
            base = last_numbers[shared]
        elif last_size:
            base = last_numbers[last_size - 1]
        if shared == size or numbers[shared] < base:
            self.put(SHARES, 0)
            self.put_rest(i, 0)
        else:
            self.put(SHARES, shared + 1)
            self.put(GAPS, numbers[shared] - base - 1)
            self.put_rest(i, shared + 1)
        return True

    cdef void put_rest(self, uint64_t i, uint32_t after) noexcept nogil:
        cdef uint32_t set_id = load32(self.order.data + 4 * i)
        cdef uint64_t j, start = self.sets.starts[set_id] + after
        cdef uint32_t context = 0, extra
        if after:
            context = class_of(self.sets.numbers[start - 1], &extra)
        for j in range(start, self.sets.starts[set_id + 1]):
            self.put(context, self.sets.numbers[j])
            context = class_of(self.sets.numbers[j], &extra)
        self.put(context, 0)

    cdef inline void put(self, uint32_t fine, uint32_t number) noexcept nogil:
        cdef uint32_t extra, number_class = class_of(number, &extra), table, size
        cdef uint64_t word
        if self.out == NULL:
            self.codes.counts[fine][number_class] += 1
            return
        table = self.codes.table_of[fine]
        size = self.codes.sizes[table][number_class]
        word = self.codes.codes[table][number_class]
        word |= <uint64_t>(number & ((<uint32_t>1 << extra) - 1)) << size
        self.window |= word << self.held
        self.held += size + extra
        while self.held >= 8:
            self.out[self.size] = <uint8_t>self.window
            self.size += 1
            self.window >>= 8
            self.held -= 8

    cdef void end_block(self) noexcept nogil:
        if self.held:
            self.out[self.size] = <uint8_t>self.window
            self.size += 1
            self.window = 0
            self.held = 0

    cdef tuple directory(self):
        # How many blocks a group has, as a power of 2, and the directory.
        cdef uint64_t groups, group_bytes, block, first
        cdef uint32_t bits = GROUP_BITS_WANTED
        cdef uint16_t distance
        cdef uint8_t* out
        while bits and not self.reaches(bits):
            bits -= 1
        groups = (self.block_count + (<uint64_t>1 << bits) - 1) >> bits
        group_bytes = 2 + (<uint64_t>2 << bits)
        room = bytearray(groups * group_bytes)
        out = room
        with nogil:
            for block in range(self.block_count):
                first = block >> bits << bits
                if block == first:
                    memcpy(out, &self.starts[block], 4)
                    out += 4
                else:
                    distance = <uint16_t>(self.starts[block] - self.starts[first])
                    memcpy(out, &distance, 2)
                    out += 2
        return bits, room

    cdef bint reaches(self, uint32_t bits) noexcept nogil:
        # Whether two bytes tell how far after the first block of its group each other one is.
        cdef uint64_t block
        for block in range(self.block_count):
            if self.starts[block] - self.starts[block >> bits << bits] > 0xFFFF:
                return False
        return True
