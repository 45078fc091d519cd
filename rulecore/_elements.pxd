# Elements: what a decision has of a list's constants, of the visitor's segments, of the patterns of a text.
from libc.stdint cimport uint32_t

from rulecore._bundle cimport Image
from rulecore._context cimport Value
from rulecore._layout cimport ColumnRecord
from rulecore._linked cimport ColumnState, Linked, Workspace


# For a column with elements: whether they are known (`value`), and which are there, each once.
cdef void find_elements(Linked linked, Workspace* work, uint32_t column) noexcept
# The number of a list's element, or NONE for what is none.
cdef uint32_t element_of(const Image* image, const ColumnRecord* column, Value value) noexcept nogil


cdef inline bint has_element(Linked linked, Workspace* work, uint32_t column, uint32_t element) noexcept:
    cdef const ColumnState* state = &work.columns[column]
    if state.stamp != work.stamp:
        find_elements(linked, work, column)
    return work.present[state.first_word + (element >> 6)] >> (element & 63) & 1
