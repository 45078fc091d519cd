# Conditions: predicates with three values, and the formulas over them that hold or don't.
from libc.stdint cimport uint32_t

from rulecore._linked cimport Linked, Workspace


cdef enum Truth:
    UNSET, FALSE, TRUE, ERROR


# Evaluated at most once a decision, however many rules test it.
cdef Truth truth(Linked linked, Workspace* work, uint32_t predicate) noexcept
cdef bint holds(Linked linked, Workspace* work, uint32_t formula) noexcept
