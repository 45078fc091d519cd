# Verifies a snapshot image of any origin.
from libc.stdint cimport uint64_t

from rulecore._snapshot_layout cimport SnapshotView


cdef enum FaultKind:
    SOUND, DAMAGED, NEWER, FEATURE


cdef struct Fault:
    FaultKind kind
    const char* what
    uint64_t at


# Fills in the view from its data and size, and gives the first fault. After SOUND every lookup stays in bounds.
cdef Fault verify(SnapshotView* view) noexcept nogil
