# Verifies a snapshot image of any origin.
from rulecore._section_checks cimport Fault
from rulecore._snapshot_layout cimport SnapshotView


# Fills in the view from its data and size, and gives the first fault. After SOUND every lookup stays in bounds.
cdef Fault open_image(SnapshotView* view) noexcept nogil
# Reads an open image whole, and gives the first fault.
cdef Fault verify_image(const SnapshotView* view) noexcept nogil
