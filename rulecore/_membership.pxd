# Which precomputed segments a visitor is in, and the other per-visitor columns: a snapshot image and its deltas.
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from rulecore._delta_table cimport DeltaTable
from rulecore._slots cimport Slots
from rulecore._snapshot cimport SnapshotImage


cdef struct Found:                         # a visitor that is known
    uint64_t key
    int32_t entry                          # in the deltas, or -1 for one of the image


cdef class Membership:
    cdef readonly tuple segments           # names, by segment id
    cdef readonly tuple columns            # (name, type), by column
    cdef readonly uint64_t checksum
    cdef readonly SnapshotImage image
    cdef object data                       # that the image lies in
    cdef readonly DeltaTable deltas        # or None
    cdef uint8_t site_secret[16]
    cdef uint8_t epoch_key[16]
    # Writes the ids of the visitor's segments (in no order, at most LIMITS.segments_per_visitor_max) and what
    # `column_value` takes; returns how many, or -1 for a visitor that is not known.
    cdef int32_t find(self, const char* visitor_id, size_t size, uint32_t* segment_ids, Found* found) noexcept nogil
    # The same in two steps: hash the id and ask for the memory that is needed, False for what is no id; then find.
    cdef bint expect(self, const char* visitor_id, size_t size, Found* found) noexcept nogil
    cdef int32_t find_expected(self, uint32_t* segment_ids, Found* found) noexcept nogil
    # Puts the visitor's value into a slot; text lies in the image or a delta. False, and the slot is as it was, when
    # there is none.
    cdef bint column_value(self, uint32_t column, const Found* found, Slots* slots, uint32_t slot) noexcept nogil
