# The distinct values of a column of visitors, as images hold them: bool (1 byte each), int and double (8), or texts:
# n + 1 starts (4 bytes each), then the texts. A list of strings is one text, in which the length of each string (4)
# precedes it.
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from rulecore._section_checks cimport Fault
from rulecore._slots cimport Slots


cdef struct ValuesView:
    const uint8_t* data
    const uint8_t* text          # of strings and lists; their starts are `data`
    uint64_t text_size
    uint32_t count
    uint8_t type                 # ValueType: T_BOOL, T_INT, T_DOUBLE, T_STRING or T_LIST_STRING


# Takes a section for `count` values of a type, by its number in images; O(1): compares its length, reads none of them.
cdef Fault values_open(
    ValuesView* view, const uint8_t* image, const uint8_t* data, uint64_t size, uint32_t type, uint64_t count
) noexcept nogil
# What values_open leaves: that truths are 0 or 1, and texts within their limits and valid UTF-8. In any order.
cdef Fault values_verify(const ValuesView* view, const uint8_t* image) noexcept nogil
# Puts the value `i` into a slot; text lies in the image. False, and the slot is as it was, for a value that is not
# there or not sound, and when memory is short.
cdef bint value_at(const ValuesView* view, uint64_t i, Slots* slots, uint32_t slot) noexcept nogil
# The name of a type: bool, int, double, string or list(string).
cdef object type_name(uint8_t type)
