"""Reads snapshot images: `_snapshot_layout.pxd` draws the format, `rulecore.snapshot` writes it.

Opening one reads its header and its names, so it takes the same time for a thousand visitors and for a hundred
million. Nothing else is believed because somebody checked it earlier: each lookup checks the places and ranges of what
it follows, so an image may be damaged or made to hurt, and a lookup gives a wrong answer at worst. Whoever installs an
image calls `verify`, which reads all of it. A mapped image must never be changed.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from rulecore._buffer cimport BufferView
from rulecore._machine cimport load64
from rulecore._records cimport records_find
from rulecore._retrieval cimport retrieval_find
from rulecore._section_checks cimport Fault, raise_fault, SECTION_ENTRY_BYTES, SOUND, text_at
from rulecore._slots cimport Slots
from rulecore._snapshot_layout cimport (
    COLUMN_ENTRY_BYTES, COLUMN_NAMES, ColumnView, FIRST_COLUMN, HEADER_BYTES, SEGMENT_NAMES, SEGMENT_SIZES,
    SET_RECORDS, SETS,
)
from rulecore._snapshot_verify cimport open_image, verify_image
from rulecore._values cimport type_name, value_at

from rulecore.mapping import map_file


cdef class SnapshotImage:
    def __cinit__(self, data):
        cdef Fault fault
        self.held = BufferView(data)
        self.view.data = self.held.data
        self.view.size = self.held.size
        with nogil:
            fault = open_image(&self.view)
        if fault.kind != SOUND:
            raise_fault(fault)
        self.read_names()

    @staticmethod
    def open(path):
        return SnapshotImage(map_file(path))

    cdef read_names(self):
        cdef const uint8_t* table = self.view.data + HEADER_BYTES
        cdef const uint8_t* names = self.view.data + load64(table + SECTION_ENTRY_BYTES * SEGMENT_NAMES)
        cdef uint64_t count = self.view.segments
        self.segments = tuple([text_at(names, count, i) for i in range(count)])
        count = self.view.columns
        names = self.view.data + load64(table + SECTION_ENTRY_BYTES * COLUMN_NAMES) + COLUMN_ENTRY_BYTES * count
        self.columns = tuple(
            [(text_at(names, count, i), type_name(self.view.column[i].values.type)) for i in range(count)]
        )

    def verify(self):
        cdef Fault fault
        with nogil:
            fault = verify_image(&self.view)
        if fault.kind != SOUND:
            raise_fault(fault)

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
    def fingerprint_bits(self):
        return self.view.fingerprint_bits

    @property
    def visitors(self):
        return self.view.visitors

    @property
    def sets(self):
        return self.view.set_count

    @property
    def parts(self):
        cdef const uint8_t* table = self.view.data + HEADER_BYTES
        cdef uint32_t i
        names = {SEGMENT_NAMES: "segment names", SEGMENT_SIZES: "segment sizes", COLUMN_NAMES: "column names",
                 SET_RECORDS: "set records", SETS: "set ids"}
        for i in range(self.view.columns):
            names[FIRST_COLUMN + 2 * i] = f"ids of column {self.columns[i][0]}"
            names[FIRST_COLUMN + 2 * i + 1] = f"values of column {self.columns[i][0]}"
        return tuple([(names[i], load64(table + SECTION_ENTRY_BYTES * <uint64_t>i + 8)) for i in sorted(names)])

    def sizes(self):
        return tuple([load64(self.view.sizes + 8 * <uint64_t>i) for i in range(self.view.segments)])

    cdef int32_t segments_of(self, uint64_t key, uint32_t* segment_ids) noexcept nogil:
        cdef int64_t set_id = retrieval_find(&self.view.sets, key)
        if set_id < 0:
            return -1
        return records_find(&self.view.records, <uint64_t>set_id, segment_ids)

    cdef bint value_of(self, uint32_t column, uint64_t key, Slots* slots, uint32_t slot) noexcept nogil:
        cdef const ColumnView* view = &self.view.column[column]
        cdef int64_t number = retrieval_find(&view.numbers, key)
        if number < 0 or number == view.none:
            return False
        return value_at(&view.values, <uint64_t>number - (number > view.none), slots, slot)
