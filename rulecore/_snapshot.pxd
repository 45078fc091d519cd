# A snapshot image, opened. Its form is in `_snapshot_layout.pxd`.
from libc.stdint cimport int32_t, uint32_t, uint64_t

from rulecore._buffer cimport BufferView
from rulecore._slots cimport Slots
from rulecore._snapshot_layout cimport SnapshotView


cdef class SnapshotImage:
    cdef SnapshotView view
    cdef BufferView held
    cdef readonly tuple segments           # names, by segment id
    cdef readonly tuple columns            # (name, type), by column
    cdef read_names(self)
    # Writes the ids of the segments of the visitor with this key, in no order, room for 4,096 of them; returns how
    # many, or -1 for a visitor that is not known.
    cdef int32_t segments_of(self, uint64_t key, uint32_t* segment_ids) noexcept nogil
    # Puts the value of a visitor that is known into a slot. False, and the slot is as it was, when there is none.
    cdef bint value_of(self, uint32_t column, uint64_t key, Slots* slots, uint32_t slot) noexcept nogil
