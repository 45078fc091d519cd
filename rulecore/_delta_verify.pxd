# Verifies a delta image of any origin.
from rulecore._delta_layout cimport DeltaView
from rulecore._section_checks cimport Fault


# Fills in the view from its data and size, and gives the first fault. After SOUND every lookup stays in bounds.
cdef Fault verify(DeltaView* view) noexcept nogil
