# A snapshot image, verified. Its form is in `_snapshot_layout.pxd`.
from libc.stdint cimport int64_t, uint32_t, uint64_t

from rulecore._context cimport Slot
from rulecore._snapshot_layout cimport SnapshotView


cdef class SnapshotImage:
    cdef SnapshotView view
    cdef Py_buffer buffer
    cdef bint held                         # whether `buffer` is
    cdef readonly tuple segments           # names, by segment id
    cdef readonly tuple columns            # (name, type), by column
    cdef read_names(self)
    # The visitor's row, or -1.
    cdef int64_t row_of(self, uint64_t key) noexcept nogil
    # Writes the ids of a row's segments, ascending; returns how many.
    cdef uint32_t segments_of(self, uint64_t row, uint32_t* segment_ids) noexcept nogil
    cdef bint value_of(self, uint32_t column, uint64_t row, Slot* out) noexcept nogil
