# The distinct values of a column of visitors, as images hold them: bool (1 byte each), int and double (8), or texts.
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from rulecore._section_checks cimport Fault
from rulecore._slots cimport Slot


cdef struct ValuesView:
    uint32_t type                # ValueType: bool, int, double or string
    uint32_t count
    const uint8_t* data
    const uint8_t* text          # of strings; their starts are `data`
    uint64_t text_size


# Takes a section for `count` values of a type; O(1): compares its length, reads none of them.
cdef Fault values_open(
    ValuesView* view, const uint8_t* image, const uint8_t* data, uint64_t size, uint32_t type, uint64_t count
) noexcept nogil
# What values_open leaves: that truths are 0 or 1, and texts within their limit and valid UTF-8. In any order.
cdef Fault values_verify(const ValuesView* view, const uint8_t* image) noexcept nogil
# The value `i`, in the image's own memory. False if there is none: beyond the last, or a text that is out of bounds.
cdef bint value_at(const ValuesView* view, uint64_t i, Slot* out) noexcept nogil
# What value_at wrote, as Python's. Raises UnicodeDecodeError for a text of values that were not verified.
cdef object value_object(uint32_t type, const Slot* slot)
# The type's name: bool, int, double or string.
cdef object type_name(uint32_t type)
