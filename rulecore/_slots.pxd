# A context in slots: one typed value for each attribute, and the memory that their lists and texts may need.
from libc.stdint cimport int64_t, uint8_t, uint32_t

from rulecore._text cimport Text


cdef enum ValueType:         # in the order of model.Type
    T_BOOL, T_INT, T_DOUBLE, T_STRING, T_TIMESTAMP, T_DURATION, T_LIST_STRING, T_LIST_INT, T_SEMVER


cdef enum SlotState:
    ABSENT, MASKED, PRESENT


cdef struct ListView:        # elements `first` to `first + count` of Slots.items
    uint32_t first
    uint32_t count


cdef union Value:
    int64_t integer          # bool, int, timestamp and duration (microseconds)
    double real
    Text text
    ListView items


cdef struct Slot:
    Value value
    uint8_t state
    uint8_t given            # the context named it, be it as null


cdef struct Slots:           # a workspace: its memory is kept from one decision to the next
    Slot* slot
    uint32_t count
    Value* items
    uint32_t items_used
    uint32_t items_room
    char* scratch            # text that had to be unescaped or made
    size_t scratch_used
    size_t scratch_room


cdef Slots* slots_new(uint32_t count) except NULL
cdef void slots_free(Slots* slots) noexcept
cdef void slots_clear(Slots* slots) noexcept nogil
# Room for `size` bytes that stays valid until the next clear, or NULL when memory is short.
cdef char* slots_scratch(Slots* slots, size_t size) noexcept nogil
cdef bint slots_grow_items(Slots* slots) noexcept nogil
cdef object slot_object(Slots* slots, uint32_t index, uint8_t kind)        # its value as Python's, None without one


# Gives back what was made since `scratch` and `scratch_used` were as they are given.
cdef inline void slots_give_back(Slots* slots, char* scratch, size_t scratch_used) noexcept nogil:
    slots.scratch_used = scratch_used if slots.scratch == scratch else 0


# Room for one more element of a list, or NULL when memory is short.
cdef inline Value* slots_item(Slots* slots) noexcept nogil:
    if slots.items_used == slots.items_room and not slots_grow_items(slots):
        return NULL
    slots.items_used += 1
    return &slots.items[slots.items_used - 1]
