# Which precomputed segments a visitor is in, and the other per-visitor columns, from one mapped snapshot image.
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from rulecore._context cimport Slot
from rulecore._snapshot cimport SnapshotImage


cdef class Membership:
    cdef readonly tuple segments           # names, by segment id
    cdef readonly tuple columns            # (name, type), by column
    cdef readonly uint64_t checksum
    cdef SnapshotImage image
    cdef uint8_t site_secret[16]
    cdef uint8_t epoch_key[16]
    # Writes the ids of the visitor's segments (ascending, at most LIMITS.segments_per_visitor_max) and the row for
    # `column_value`; returns how many, or -1 for a visitor that the snapshot does not know.
    cdef int32_t find(self, const char* visitor_id, size_t size, uint32_t* segment_ids, uint64_t* row) noexcept nogil
    # False when the visitor has no value in this column. Text lies in the mapping.
    cdef bint column_value(self, uint32_t column, uint64_t row, Slot* out) noexcept nogil
