"""Reads a delta image: `_delta_layout.pxd` draws the format, `rulecore.delta` writes it.

An image is verified once, whole (`_delta_verify`), so a mapped one must never be changed. This gives out what it holds;
looking visitors up in a chain of them is for `_delta_table`.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from rulecore._buffer cimport BufferView
from rulecore._delta_layout cimport (
    COLUMN_NAMES, FIRST_COLUMN, HEADER_BYTES, KEYS, MEMBERS, SEGMENT_NAMES, SET_STARTS, SETS,
)
from rulecore._delta_verify cimport verify
from rulecore._machine cimport load64
from rulecore._section_checks cimport Fault, raise_fault, SECTION_ENTRY_BYTES, SOUND, text_at
from rulecore._slots cimport Slots, slots_free, slots_new, slot_object
from rulecore._values cimport type_name, value_at

from rulecore.errors import ImageError
from rulecore.mapping import map_file


cdef class DeltaImage:
    def __cinit__(self, data):
        cdef Fault fault
        self.held = BufferView(data)
        self.view.data = self.held.data
        self.view.size = self.held.size
        with nogil:
            fault = verify(&self.view)
        if fault.kind != SOUND:
            raise_fault(fault)
        self.source = memoryview(data).toreadonly().cast("B")
        self.read_names()

    @staticmethod
    def open(path):
        return DeltaImage(map_file(path))

    cdef read_names(self):
        cdef const uint8_t* table = self.view.data + HEADER_BYTES
        cdef const uint8_t* names = self.view.data + load64(table + SECTION_ENTRY_BYTES * SEGMENT_NAMES)
        cdef uint64_t count = self.view.segments
        self.segments = tuple([text_at(names, count, i) for i in range(count)])
        if len(set(self.segments)) != len(self.segments):
            raise ImageError("a segment name comes twice", names - self.view.data)
        count = self.view.columns
        names = self.view.data + load64(table + SECTION_ENTRY_BYTES * COLUMN_NAMES) + 8 * count
        self.columns = tuple(
            [(text_at(names, count, i), type_name(self.view.column[i].values.type)) for i in range(count)]
        )

    @property
    def size(self):
        return self.view.size

    @property
    def checksum(self):
        return self.view.checksum

    @property
    def base(self):
        return self.view.base

    @property
    def follows(self):
        return self.view.follows

    @property
    def stands_for(self):
        return self.view.stands_for or self.view.checksum

    @property
    def epoch(self):
        return self.view.epoch

    @property
    def first_version(self):
        return self.view.first_version

    @property
    def version(self):
        return self.view.version

    @property
    def segments_before(self):
        return self.view.segments_before

    @property
    def entries(self):
        return self.view.entries

    @property
    def tombstones(self):
        return self.view.tombstones

    @property
    def keys(self):
        return section_of(self, KEYS)

    @property
    def sets(self):
        return section_of(self, SETS)

    @property
    def set_starts(self):
        return section_of(self, SET_STARTS)

    @property
    def members(self):
        return section_of(self, MEMBERS)

    def column_ids(self, uint32_t column):
        check_column(self, column)
        return section_of(self, FIRST_COLUMN + 2 * column)

    def column_values(self, uint32_t column):
        cdef uint32_t i
        cdef Slots* slots
        check_column(self, column)
        slots = slots_new(1)
        values = []
        try:
            for i in range(self.view.column[column].values.count):
                slots.items_used = 0
                value_at(&self.view.column[column].values, i, slots, 0)
                values.append(slot_object(slots, 0, self.view.column[column].values.type))
        finally:
            slots_free(slots)
        return values


cdef section_of(DeltaImage image, uint32_t section):
    cdef const uint8_t* entry = image.view.data + HEADER_BYTES + SECTION_ENTRY_BYTES * <uint64_t>section
    cdef uint64_t start = load64(entry)
    return image.source[start:start + load64(entry + 8)]


cdef check_column(DeltaImage image, uint32_t column):
    if column >= image.view.columns:
        raise IndexError(f"the delta has {image.view.columns} columns")
