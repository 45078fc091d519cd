"""Reads the distinct values of a column. Which visitor has which of them is for the image that they belong to.

Nothing is believed because somebody verified it earlier: a value is checked when it is read, which costs less than to
look at all of them when an image is opened.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from rulecore._machine cimport load32
from rulecore._section_checks cimport damaged, Fault, sound
from rulecore._slots cimport (
    PRESENT, Slot, Slots, slots_item, T_BOOL, T_DOUBLE, T_INT, T_LIST_STRING, T_STRING, Value,
)
from rulecore._text cimport text_valid_utf8

from rulecore.limits import LIMITS


cdef enum:
    TYPES = 5

cdef uint64_t STRING_BYTES_MAX = LIMITS.string_bytes_max
cdef uint64_t LIST_ITEMS_MAX = LIMITS.list_items_max
cdef uint64_t VALUES_MAX = 0xFFFFFFFEU
cdef uint8_t[TYPES] TYPE_OF = [T_BOOL, T_INT, T_DOUBLE, T_STRING, T_LIST_STRING]       # by the number in images
cdef dict TYPE_NAMES = {
    T_BOOL: "bool", T_INT: "int", T_DOUBLE: "double", T_STRING: "string", T_LIST_STRING: "list(string)",
}


cdef Fault values_open(
    ValuesView* view, const uint8_t* image, const uint8_t* data, uint64_t size, uint32_t type, uint64_t count
) noexcept nogil:
    cdef uint64_t at = <uint64_t>(data - image), expected = 8 * count
    if type >= TYPES:
        return damaged("a column of an unknown type", at)
    if count > VALUES_MAX:
        return damaged("more values than a column may have", at)
    view.type = TYPE_OF[type]
    view.count = <uint32_t>count
    view.data = data
    view.text = NULL
    view.text_size = 0
    if view.type == T_BOOL:
        expected = count
    elif view.type == T_STRING or view.type == T_LIST_STRING:
        expected = 4 * (count + 1)
        if size >= expected and load32(data + 4 * count) == size - expected:
            view.text = data + expected
            view.text_size = size - expected
            return sound()
    if size != expected:
        return damaged("the values of a column have another length than their number implies", at)
    return sound()


cdef Fault values_verify(const ValuesView* view, const uint8_t* image) noexcept nogil:
    cdef uint64_t at = <uint64_t>(view.data - image), i
    cdef Fault fault = sound()
    cdef Slot slot
    cdef Slots slots
    if view.text != NULL and load32(view.data) != 0:
        return damaged("the first text of a column does not start at 0", at)
    memset(&slots, 0, sizeof(slots))
    slots.slot = &slot
    for i in range(view.count):
        slots.items_used = 0
        if not value_at(view, i, &slots, 0):
            if view.text == NULL:
                fault = damaged("a truth is neither 0 nor 1", at + i)
            else:
                fault = damaged("a text is out of bounds, too long or not valid UTF-8", at + 4 * i)
            break
    free(slots.items)
    return fault


cdef bint value_at(const ValuesView* view, uint64_t i, Slots* slots, uint32_t slot) noexcept nogil:
    cdef Value value
    if i >= view.count:
        return False
    value.integer = 0
    if view.type == T_BOOL:
        if view.data[i] > 1:
            return False
        value.integer = view.data[i]
    elif view.type == T_INT:
        memcpy(&value.integer, view.data + 8 * i, 8)
    elif view.type == T_DOUBLE:
        memcpy(&value.real, view.data + 8 * i, 8)
    elif not text_of(view, i, &value):
        return False
    elif view.type == T_LIST_STRING:
        if not split(&value, slots):
            return False
    elif not text_valid_utf8(value.text.data, value.text.size):
        return False
    slots.slot[slot].value = value
    slots.slot[slot].state = PRESENT
    return True


cdef bint text_of(const ValuesView* view, uint64_t i, Value* out) noexcept nogil:
    cdef uint64_t start = load32(view.data + 4 * i), end = load32(view.data + 4 * (i + 1))
    if start > end or end > view.text_size or end - start > STRING_BYTES_MAX:
        return False
    out.text.data = <const char*>view.text + start
    out.text.size = end - start
    return True


# From the text of a list to the list.
cdef bint split(Value* value, Slots* slots) noexcept nogil:
    cdef const char* at = value.text.data
    cdef const char* end = at + value.text.size
    cdef uint32_t first = slots.items_used, size
    cdef Value* item
    while at != end:
        if end - at < 4 or slots.items_used - first == LIST_ITEMS_MAX:
            break
        size = load32(<const uint8_t*>at)
        at += 4
        if size > <uint64_t>(end - at) or not text_valid_utf8(at, size):
            break
        item = slots_item(slots)
        if item == NULL:                   # no memory
            break
        item.text.data = at
        item.text.size = size
        at += size
    else:
        value.items.first = first
        value.items.count = slots.items_used - first
        return True
    slots.items_used = first
    return False


cdef object type_name(uint8_t type):
    return TYPE_NAMES[type]
