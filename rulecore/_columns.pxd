# Columns: the class of a decision's value, or the elements that it has; each is found at most once a decision.
from libc.stdint cimport uint32_t

from rulecore._linked cimport ColumnState, Linked, Workspace


cdef void classify(Linked linked, Workspace* work, uint32_t column) noexcept


# For a column with elements: whether they are known, and which they are.
cdef inline const ColumnState* column_state(Linked linked, Workspace* work, uint32_t column) noexcept:
    if work.columns[column].stamp != work.stamp:
        classify(linked, work, column)
    return &work.columns[column]


cdef inline uint32_t class_of(Linked linked, Workspace* work, uint32_t column) noexcept:
    return column_state(linked, work, column).value
