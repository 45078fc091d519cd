"""Numbers the distinct sets of segments that visitors have, with no Python object a row.

`RowGrouper` first gathers sorted rows into visitors. What becomes of both is for `rulecore.snapshot`. Sets lie one
after the other in a pool; a table of open addressing, at most half full, finds a set's number by its content.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport UINT32_MAX, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy

from rulecore._buffer cimport BufferView
from rulecore._hash cimport xxh64
from rulecore._machine cimport load16, load32, load64

from rulecore.errors import LimitError, UnitKeyCollisionError
from rulecore.limits import LIMITS

NO_SEGMENT = 0xFFFF


cdef enum:
    NONE = 0xFFFF
    SEGMENTS_ROOM = 4096

cdef uint32_t SEGMENTS_MAX = LIMITS.segments_per_visitor_max

if SEGMENTS_MAX > SEGMENTS_ROOM or LIMITS.segments_max > NONE:
    raise ImportError("RowGrouper has too little room for what LIMITS allows")


cdef enum Fault:
    SOUND, UNSORTED, COLLISION, SEGMENTS, MEMBERS, MEMORY


cdef check_fault(Fault fault, uint64_t key):
    if fault == UNSORTED:
        raise ValueError("rows are not in order of unit key, then segment")
    if fault == COLLISION:
        raise UnitKeyCollisionError(key)
    if fault == SEGMENTS:
        raise LimitError(f"the visitor with unit key {key:016x} is in more than {SEGMENTS_MAX} segments")
    if fault == MEMBERS:
        raise LimitError("the distinct sets of segments have more members than a snapshot can hold")
    if fault == MEMORY:
        raise MemoryError


cdef class SetNumbers:
    cdef uint16_t* pool                    # members of the sets
    cdef uint64_t pool_used
    cdef uint64_t pool_room
    cdef uint32_t* starts                  # of the sets in the pool, and where the next one will
    cdef uint64_t sets
    cdef uint64_t starts_room
    cdef uint32_t* table                   # 0: free, else a set's number plus 1
    cdef uint64_t table_mask

    def __cinit__(self):
        self.table = <uint32_t*>calloc(1024, 4)
        self.table_mask = 1023
        self.starts_room = 512
        self.starts = <uint32_t*>calloc(self.starts_room, 4)
        self.pool_room = 2 * SEGMENTS_ROOM
        self.pool = <uint16_t*>calloc(self.pool_room, 2)
        if self.table == NULL or self.starts == NULL or self.pool == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.table)
        free(self.starts)
        free(self.pool)

    def add(self, starts, segments):
        cdef BufferView start_view = BufferView(starts), segment_view = BufferView(segments)
        cdef uint64_t count
        cdef uint8_t* set_data
        cdef Fault fault
        if start_view.size < 4 or start_view.size % 4:
            raise ValueError("starts have 4 bytes for each set, and for the end")
        count = start_view.size // 4 - 1
        sets = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>(4 * count))
        set_data = <uint8_t*>PyBytes_AS_STRING(sets)
        with nogil:
            fault = self.take(start_view.data, segment_view.data, segment_view.size // 2, count, set_data)
        if fault == UNSORTED or fault == SEGMENTS:
            raise ValueError(f"starts are not ascending within the segments, or more than {SEGMENTS_MAX} apart")
        check_fault(fault, 0)
        return sets

    @property
    def set_count(self):
        return self.sets

    def set_starts(self):
        return (<const uint8_t*>self.starts)[:4 * (self.sets + 1)]

    def members(self):
        return (<const uint8_t*>self.pool)[:2 * self.pool_used]

    cdef Fault take(
        self, const uint8_t* starts, const uint8_t* segments, uint64_t members, uint64_t count, uint8_t* sets
    ) noexcept nogil:
        cdef uint64_t i, start, end = load32(starts)
        cdef uint32_t set_id
        cdef Fault fault
        for i in range(count):
            start = end
            end = load32(starts + 4 * (i + 1))
            if end < start or end > members:
                return UNSORTED
            if end - start > SEGMENTS_MAX:
                return SEGMENTS
            fault = self.number(segments + 2 * start, <uint32_t>(end - start), &set_id)
            if fault != SOUND:
                return fault
            memcpy(sets + 4 * i, &set_id, 4)
        return SOUND

    cdef Fault number(self, const uint8_t* segments, uint32_t count, uint32_t* number) noexcept nogil:
        # The number of the set of these segments, new or known.
        cdef size_t size = 2 * <size_t>count
        cdef uint64_t slot = xxh64(segments, size, 0) & self.table_mask
        cdef uint32_t known
        while self.table[slot]:
            known = self.table[slot] - 1
            if self.starts[known + 1] - self.starts[known] == count:
                if memcmp(self.pool + self.starts[known], segments, size) == 0:
                    number[0] = known
                    return SOUND
            slot = (slot + 1) & self.table_mask
        if self.pool_used + count >= UINT32_MAX or self.sets + 2 >= UINT32_MAX:
            return MEMBERS
        if not self.make_room():
            return MEMORY
        memcpy(self.pool + self.pool_used, segments, size)
        self.pool_used += count
        number[0] = <uint32_t>self.sets
        self.sets += 1
        self.starts[self.sets] = <uint32_t>self.pool_used
        self.table[slot] = <uint32_t>self.sets
        if 2 * self.sets > self.table_mask and not self.grow_table():
            return MEMORY
        return SOUND

    cdef bint make_room(self) noexcept nogil:
        cdef void* larger
        if self.pool_room - self.pool_used < SEGMENTS_ROOM:
            larger = realloc(self.pool, 2 * 2 * self.pool_room)
            if larger == NULL:
                return False
            self.pool = <uint16_t*>larger
            self.pool_room *= 2
        if self.starts_room < self.sets + 2:
            larger = realloc(self.starts, 4 * 2 * self.starts_room)
            if larger == NULL:
                return False
            self.starts = <uint32_t*>larger
            self.starts_room *= 2
        return True

    cdef bint grow_table(self) noexcept nogil:
        cdef uint64_t mask = 2 * self.table_mask + 1, number, slot
        cdef uint32_t start
        cdef uint32_t* table = <uint32_t*>calloc(mask + 1, 4)
        if table == NULL:
            return False
        for number in range(self.sets):
            start = self.starts[number]
            slot = xxh64(<const uint8_t*>(self.pool + start), 2 * <size_t>(self.starts[number + 1] - start), 0) & mask
            while table[slot]:
                slot = (slot + 1) & mask
            table[slot] = <uint32_t>number + 1
        free(self.table)
        self.table = table
        self.table_mask = mask
        return True


cdef class RowGrouper:
    cdef uint64_t key                      # of the visitor whose rows are coming
    cdef uint64_t check
    cdef bint begun
    cdef bint finished
    cdef uint32_t current_count
    cdef uint16_t current[SEGMENTS_ROOM]
    cdef SetNumbers numbers

    def __cinit__(self):
        self.numbers = SetNumbers()

    def add(self, keys, checks, segments):
        cdef BufferView key_view = BufferView(keys), check_view = BufferView(checks)
        cdef BufferView segment_view = BufferView(segments)
        cdef uint64_t count = key_view.size // 8, done = 0
        cdef bytearray visitor_keys = bytearray(8 * (count + 1)), visitor_sets = bytearray(4 * (count + 1))
        cdef uint8_t* key_data = visitor_keys
        cdef uint8_t* set_data = visitor_sets
        cdef Fault fault
        if self.finished:
            raise ValueError("no rows can be added after finish")
        if key_view.size != 8 * count or check_view.size != 8 * count or segment_view.size != 2 * count:
            raise ValueError("keys, checks and segments are not of one number of rows")
        with nogil:
            fault = self.take(key_view.data, check_view.data, segment_view.data, count, key_data, set_data, &done)
        check_fault(fault, self.key)
        return bytes(visitor_keys[:8 * done]), bytes(visitor_sets[:4 * done])

    def finish(self):
        cdef uint32_t set_id
        if self.finished or not self.begun:
            self.finished = True
            return b"", b""
        check_fault(self.number_of_current(&set_id), self.key)
        self.finished = True
        return (<uint8_t*>&self.key)[:8], (<uint8_t*>&set_id)[:4]

    @property
    def set_count(self):
        return self.numbers.set_count

    def set_starts(self):
        return self.numbers.set_starts()

    def members(self):
        return self.numbers.members()

    cdef Fault take(
        self, const uint8_t* keys, const uint8_t* checks, const uint8_t* segments, uint64_t count,
        uint8_t* key_data, uint8_t* set_data, uint64_t* done,
    ) noexcept nogil:
        cdef uint64_t i, key
        cdef uint32_t set_id
        cdef uint16_t segment
        cdef Fault fault
        for i in range(count):
            key = load64(keys + 8 * i)
            segment = load16(segments + 2 * i)
            if self.begun and key == self.key:
                if load64(checks + 8 * i) != self.check:
                    return COLLISION
            else:
                if self.begun:
                    if key < self.key:
                        return UNSORTED
                    fault = self.number_of_current(&set_id)
                    if fault != SOUND:
                        return fault
                    memcpy(key_data + 8 * done[0], &self.key, 8)
                    memcpy(set_data + 4 * done[0], &set_id, 4)
                    done[0] += 1
                self.begun = True
                self.key = key
                self.check = load64(checks + 8 * i)
                self.current_count = 0
            if segment == NONE:
                continue
            if self.current_count:
                if segment == self.current[self.current_count - 1]:
                    continue
                if segment < self.current[self.current_count - 1]:
                    return UNSORTED
            if self.current_count == SEGMENTS_MAX:
                return SEGMENTS
            self.current[self.current_count] = segment
            self.current_count += 1
        return SOUND

    cdef Fault number_of_current(self, uint32_t* number) noexcept nogil:
        return self.numbers.number(<const uint8_t*>self.current, self.current_count, number)
