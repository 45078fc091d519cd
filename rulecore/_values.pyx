"""Reads the distinct values of a column. Which visitor has which of them is for the image that they belong to.

`value_at` follows nothing that it has not compared with the section's length, so it may be asked of values that nobody
has verified; it costs a comparison or two.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from rulecore._section_checks cimport damaged, Fault, load32, load64, sound, verify_texts
from rulecore._slots cimport PRESENT, Slot, T_BOOL, T_DOUBLE, T_INT, T_STRING

from rulecore.limits import LIMITS

cdef uint64_t STRING_BYTES_MAX = LIMITS.string_bytes_max
cdef uint64_t VALUES_MAX = 0xFFFFFFFEU
cdef tuple TYPE_NAMES = ("bool", "int", "double", "string")


cdef Fault values_open(
    ValuesView* view, const uint8_t* image, const uint8_t* data, uint64_t size, uint32_t type, uint64_t count
) noexcept nogil:
    cdef uint64_t at = <uint64_t>(data - image), expected = 8 * count
    if type > T_STRING:
        return damaged("a column of an unknown type", at)
    if count > VALUES_MAX:
        return damaged("more values than a column may have", at)
    view.type = type
    view.count = <uint32_t>count
    view.data = data
    view.text = NULL
    view.text_size = 0
    if type == T_STRING:
        expected = 4 * (count + 1)
        if size >= expected:
            view.text = data + expected
            view.text_size = size - expected
            return sound()
    elif type == T_BOOL:
        expected = count
    if size != expected:
        return damaged("the values of a column have another length than their number implies", at)
    return sound()


cdef Fault values_verify(const ValuesView* view, const uint8_t* image) noexcept nogil:
    cdef uint64_t i
    if view.type == T_STRING:
        return verify_texts(
            image, view.data, <uint64_t>(view.text - view.data) + view.text_size, view.count, STRING_BYTES_MAX, False
        )
    if view.type == T_BOOL:
        for i in range(view.count):
            if view.data[i] > 1:
                return damaged("a truth is neither 0 nor 1", <uint64_t>(view.data - image) + i)
    return sound()


cdef bint value_at(const ValuesView* view, uint64_t i, Slot* out) noexcept nogil:
    cdef uint64_t start, end
    if i >= view.count:
        return False
    if view.type == T_BOOL:
        out.value.integer = view.data[i] != 0
    elif view.type == T_INT:
        out.value.integer = <int64_t>load64(view.data + 8 * i)
    elif view.type == T_DOUBLE:
        memcpy(&out.value.real, view.data + 8 * i, 8)
    else:
        start = load32(view.data + 4 * i)
        end = load32(view.data + 4 * (i + 1))
        if end < start or end > view.text_size:
            return False
        out.value.text.data = <const char*>view.text + start
        out.value.text.size = end - start
    out.state = PRESENT
    return True


cdef object value_object(uint32_t type, const Slot* slot):
    if type == T_BOOL:
        return slot.value.integer != 0
    if type == T_INT:
        return slot.value.integer
    if type == T_DOUBLE:
        return slot.value.real
    return slot.value.text.data[:slot.value.text.size].decode()


cdef object type_name(uint32_t type):
    return TYPE_NAMES[type]
