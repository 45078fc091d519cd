"""Puts the distinct sets of a snapshot in order, and writes their records as `_records.pxd` draws them.

The sets come as `_grouping` numbers them. Which classes of frequency there are is for `codes`. Equal sets, and equal
weights, give the same bytes every time.
"""

from array import array

from libc.stdint cimport UINT32_MAX, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from rulecore._buffer cimport BufferView
from rulecore._machine cimport count_trailing_zeros, load16, load32
from rulecore._record_order cimport Item, sort_items, sort_sets
from rulecore._records cimport (
    BASE_PLACE, BLOCK_BITS, BLOCK_SETS, BLOCKS_END_BYTES, LONG_GAP, NARROW_BASE_MAX, NARROW_MAX, RANKS_ROOM,
    SIZES_BYTES, WIDE,
)

from rulecore.errors import LimitError

cdef enum:
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
    writer.write()
    group_bits, directory = writer.directory()
    header = array("I", [sets.count, segments, writer.size, group_bits])
    return b"".join([header, array("H", sets.by_rank), directory, writer.blocks, bytes(BLOCKS_END_BYTES)])


# A set of a block, as gaps.
cdef struct Gaps:
    const uint16_t* numbers
    uint32_t count
    uint32_t shared              # ranks that its block's base gives
    uint32_t shared_size         # bytes of these
    uint32_t own_size            # bytes of the others


cdef uint32_t gap_at(const Gaps* gaps, uint32_t i) noexcept nogil:
    return gaps.numbers[i] - (gaps.numbers[i - 1] if i else 0) - 1


cdef uint32_t gap_bytes(uint32_t gap) noexcept nogil:
    return 1 if gap < LONG_GAP else 3


cdef void share(Gaps* gaps, const Gaps* base, uint32_t room) noexcept nogil:
    # Takes what both begin with from the base, so far as that is in its first `room` bytes.
    cdef uint32_t i, size
    gaps.shared = 0
    gaps.shared_size = 0
    gaps.own_size = 0
    for i in range(min(gaps.count, base.count)):
        size = gap_bytes(gap_at(gaps, i))
        if gaps.numbers[i] != base.numbers[i] or gaps.shared_size + size > room:
            break
        gaps.shared += 1
        gaps.shared_size += size
    for i in range(gaps.shared, gaps.count):
        gaps.own_size += gap_bytes(gap_at(gaps, i))


cdef class RecordWriter:
    cdef RankedSets sets
    cdef BufferView order
    cdef uint32_t* starts        # of blocks
    cdef uint64_t block_count
    cdef bytearray blocks
    cdef uint8_t* out            # NULL while bytes are only counted
    cdef uint64_t size

    def __cinit__(self, RankedSets sets, order):
        cdef uint64_t i
        self.sets = sets
        self.order = BufferView(order)
        self.block_count = (sets.count + BLOCK_SETS - 1) >> BLOCK_BITS
        self.starts = <uint32_t*>calloc(self.block_count + 1, 4)
        if self.starts == NULL:
            raise MemoryError
        if self.order.size != 4 * sets.count:
            raise ValueError("the order is not that of the sets")
        for i in range(sets.count):
            if load32(self.order.data + 4 * i) >= sets.count:
                raise ValueError("the order names a set that there is not")

    def __dealloc__(self):
        free(self.starts)

    cdef write(self):
        cdef bint distinct
        with nogil:
            distinct = self.are_distinct()
        if not distinct:
            raise ValueError("two sets that follow each other are the same")
        with nogil:
            self.put_all()
        if self.size > UINT32_MAX:
            raise LimitError("the records of the distinct sets are larger than 4 GiB")
        self.blocks = bytearray(self.size)
        self.out = self.blocks
        with nogil:
            self.put_all()

    cdef Gaps gaps_of(self, uint64_t set_id) noexcept nogil:
        # None of a set that there is not.
        cdef Gaps gaps
        cdef uint32_t old
        memset(&gaps, 0, sizeof(gaps))
        if set_id < self.sets.count:
            old = load32(self.order.data + 4 * set_id)
            gaps.numbers = self.sets.numbers + self.sets.starts[old]
            gaps.count = self.sets.starts[old + 1] - self.sets.starts[old]
        return gaps

    cdef bint are_distinct(self) noexcept nogil:
        cdef uint64_t i
        cdef Gaps last, gaps
        for i in range(1, self.sets.count):
            last = self.gaps_of(i - 1)
            gaps = self.gaps_of(i)
            if gaps.count == last.count and memcmp(gaps.numbers, last.numbers, 2 * <size_t>gaps.count) == 0:
                return False
        return True

    cdef void put_all(self) noexcept nogil:
        cdef uint64_t block
        self.size = 0
        for block in range(self.block_count):
            self.starts[block] = <uint32_t>self.size
            self.put_block(block)

    cdef void put_block(self, uint64_t block) noexcept nogil:
        cdef Gaps sets[BLOCK_SETS]
        cdef uint32_t i
        cdef bint narrow = True
        for i in range(BLOCK_SETS):
            sets[i] = self.gaps_of((block << BLOCK_BITS) + i)
        for i in range(BLOCK_SETS):
            share(&sets[i], &sets[BASE_PLACE], NARROW_BASE_MAX if i == BASE_PLACE else NARROW_MAX)
            narrow = narrow and sets[i].own_size <= (0 if i == BASE_PLACE else NARROW_MAX)
        if narrow:
            for i in range(BLOCK_SETS):
                self.put(sets[i].shared_size | sets[i].own_size << 4, 1)
        else:
            self.put(<uint64_t>WIDE << 8 * BASE_PLACE, SIZES_BYTES)
            for i in range(BLOCK_SETS):
                share(&sets[i], &sets[BASE_PLACE], UINT32_MAX)
                self.put(sets[i].shared_size | sets[i].own_size << 16, 4)
        self.put_gaps(&sets[BASE_PLACE], 0)
        for i in range(BLOCK_SETS):
            self.put_gaps(&sets[i], sets[i].shared)

    cdef void put_gaps(self, const Gaps* gaps, uint32_t first) noexcept nogil:
        cdef uint32_t i, gap
        for i in range(first, gaps.count):
            gap = gap_at(gaps, i)
            self.put(gap if gap < LONG_GAP else LONG_GAP | gap << 8, gap_bytes(gap))

    cdef inline void put(self, uint64_t value, uint32_t size) noexcept nogil:
        if self.out != NULL:
            memcpy(self.out + self.size, &value, size)
        self.size += size

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
