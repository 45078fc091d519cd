# A delta image, verified. Its form is in `_delta_layout.pxd`.
from rulecore._buffer cimport BufferView
from rulecore._delta_layout cimport DeltaView


cdef class DeltaImage:
    cdef DeltaView view
    cdef BufferView held
    cdef object source                     # the same, as a memoryview of bytes
    cdef readonly tuple segments           # names that it appends, by segment id from `segments_before` on
    cdef readonly tuple columns            # (name, type), by column
    cdef read_names(self)
