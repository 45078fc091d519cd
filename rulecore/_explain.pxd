# Explanations: why each rule of a placement did or did not hold.
from libc.stdint cimport uint32_t

from rulecore._linked cimport Linked, Workspace


# `decision` is what the same workspace decided for the placement.
cdef object explain_placement(Linked linked, Workspace* work, uint32_t placement, object decision)
