"""Values into classes: what the index knows of a decision.

`rulecore.columns` says what the classes are; here a slot or a truth finds its own. What elements there are is
`_elements`'s. Each column is asked at most once a decision, and only when some test of an index needs it.
"""

from libc.stdint cimport uint32_t

from rulecore._bundle cimport Image
from rulecore._condition cimport ERROR, Truth, truth
from rulecore._context cimport PRESENT, Slot
from rulecore._dictionary cimport dictionary_find, integers_up_to, reals_up_to
from rulecore._elements cimport find_elements
from rulecore._layout cimport *

cdef enum:
    ABSENT_CLASS = 0
    PRESENT_CLASS = 1        # of any other string, of numbers below all constants
    STRING_CLASS = 2         # of the first constant


cdef void classify(Linked linked, Workspace* work, uint32_t at) noexcept:
    cdef const ColumnRecord* column = &linked.image.columns[at]
    cdef ColumnState* state = &work.columns[at]
    cdef Truth known
    if column.kind >= C_HOLDS_STRING:
        find_elements(linked, work, at)
        return
    state.stamp = work.stamp
    if column.kind == C_TRUTH:
        known = truth(linked, work, <uint32_t> column.subject)
        state.value = ABSENT_CLASS if known == ERROR else <uint32_t> known
    else:
        state.value = _class_of_slot(linked.image, column, &work.slots.slot[column.subject])


cdef inline uint32_t _class_of_slot(const Image* image, const ColumnRecord* column, const Slot* slot) noexcept nogil:
    cdef uint32_t number
    if slot.state != PRESENT:
        return ABSENT_CLASS
    if column.kind == C_STRING:
        number = dictionary_find(image, column.first, slot.value.text)
        return PRESENT_CLASS if number == NONE else STRING_CLASS + number
    if column.kind == C_INTEGER:
        return PRESENT_CLASS + integers_up_to(&image.cuts[column.first], column.count, slot.value.integer)
    if column.kind == C_REAL:
        if slot.value.real != slot.value.real:
            return STRING_CLASS + column.count         # a class of its own, behind all others
        return PRESENT_CLASS + reals_up_to(&image.cuts[column.first], column.count, slot.value.real)
    return 2 if slot.value.integer else 1
