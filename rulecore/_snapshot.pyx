"""Reads snapshot images: `_snapshot_layout.pxd` draws the format, `rulecore.snapshot` writes it.

An image is verified once, whole (`_snapshot_verify`). Lookups then follow what they read without checking it again,
so a mapped image must never be changed.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from rulecore._context cimport PRESENT, Slot, T_BOOL, T_DOUBLE, T_INT
from rulecore._snapshot_layout cimport (
    bucket_of, COLUMN_NAMES, ColumnView, HEADER_BYTES, load16, load32, load64, load_real, SECTION_ENTRY_BYTES,
    SEGMENT_NAMES, SnapshotView,
)
from rulecore._snapshot_verify cimport Fault, FEATURE, NEWER, SOUND, verify

from rulecore.errors import ImageError, ImageFeatureError, ImageVersionError
from rulecore.mapping import map_file

cdef tuple TYPE_NAMES = ("bool", "int", "double", "string")


cdef object text_at(const uint8_t* starts, uint64_t count, uint64_t i):
    cdef uint64_t start = load32(starts + 4 * i), end = load32(starts + 4 * (i + 1))
    cdef const char* text = <const char*>starts + 4 * (count + 1)
    return text[start:end].decode()


cdef class SnapshotImage:
    def __cinit__(self, data):
        cdef Fault fault
        PyObject_GetBuffer(data, &self.buffer, PyBUF_SIMPLE)
        self.held = True
        self.view.data = <const uint8_t*>self.buffer.buf
        self.view.size = <uint64_t>self.buffer.len
        with nogil:
            fault = verify(&self.view)
        if fault.kind != SOUND:
            error = {NEWER: ImageVersionError, FEATURE: ImageFeatureError}.get(fault.kind, ImageError)
            raise error(fault.what.decode(), fault.at)
        self.read_names()

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.buffer)

    @staticmethod
    def open(path):
        return SnapshotImage(map_file(path))

    cdef read_names(self):
        cdef const uint8_t* table = self.view.data + HEADER_BYTES
        cdef const uint8_t* names = self.view.data + load64(table + SECTION_ENTRY_BYTES * SEGMENT_NAMES)
        cdef uint64_t count = self.view.segments
        self.segments = tuple([text_at(names, count, i) for i in range(count)])
        count = self.view.columns
        names = self.view.data + load64(table + SECTION_ENTRY_BYTES * COLUMN_NAMES) + 8 * count
        self.columns = tuple(
            [(text_at(names, count, i), TYPE_NAMES[self.view.column[i].type]) for i in range(count)]
        )

    @property
    def size(self):
        return self.view.size

    @property
    def checksum(self):
        return self.view.checksum

    @property
    def epoch(self):
        return self.view.epoch

    @property
    def visitors(self):
        return self.view.visitors

    @property
    def sets(self):
        return self.view.sets

    def sizes(self):
        cdef uint64_t row, j, set_id
        cdef uint64_t* of_set = <uint64_t*>calloc(self.view.sets + 1, 8)
        cdef uint64_t* of_segment = <uint64_t*>calloc(<size_t>self.view.segments + 1, 8)
        try:
            if of_set == NULL or of_segment == NULL:
                raise MemoryError
            with nogil:
                for row in range(self.view.visitors):
                    of_set[load32(self.view.set_ids + 4 * row)] += 1
                for set_id in range(self.view.sets):
                    for j in range(
                        load32(self.view.set_starts + 4 * set_id), load32(self.view.set_starts + 4 * (set_id + 1))
                    ):
                        of_segment[load16(self.view.member_ids + 2 * j)] += of_set[set_id]
            return tuple([of_segment[i] for i in range(self.view.segments)])
        finally:
            free(of_set)
            free(of_segment)

    cdef int64_t row_of(self, uint64_t key) noexcept nogil:
        cdef const SnapshotView* view = &self.view
        cdef uint64_t bucket = bucket_of(view, key)
        cdef uint64_t low = load32(view.directory + 4 * bucket), end = load32(view.directory + 4 * (bucket + 1))
        cdef uint64_t high = end, middle
        while high - low > 4:              # hardly ever: buckets hold a few rows, unless somebody chose the keys
            middle = (low + high) // 2
            if load64(view.keys + 8 * middle) <= key:
                low = middle
            else:
                high = middle
        while low < high:
            if load64(view.keys + 8 * low) == key:
                return <int64_t>low
            low += 1
        return -1

    cdef uint32_t segments_of(self, uint64_t row, uint32_t* segment_ids) noexcept nogil:
        cdef uint64_t set_id = load32(self.view.set_ids + 4 * row)
        cdef uint64_t start = load32(self.view.set_starts + 4 * set_id)
        cdef uint64_t count = load32(self.view.set_starts + 4 * (set_id + 1)) - start, i
        for i in range(count):
            segment_ids[i] = load16(self.view.member_ids + 2 * (start + i))
        return <uint32_t>count

    cdef bint value_of(self, uint32_t column, uint64_t row, Slot* out) noexcept nogil:
        cdef const ColumnView* view = &self.view.column[column]
        cdef uint64_t i = load32(view.ids + 4 * row), start
        if i == 0:
            return False
        i -= 1
        if view.type == T_BOOL:
            out.value.integer = view.values[i]
        elif view.type == T_INT:
            out.value.integer = <int64_t>load64(view.values + 8 * i)
        elif view.type == T_DOUBLE:
            out.value.real = load_real(view.values + 8 * i)
        else:
            start = load32(view.values + 4 * i)
            out.value.text.data = <const char*>view.text + start
            out.value.text.size = load32(view.values + 4 * (i + 1)) - start
        out.state = PRESENT
        return True
