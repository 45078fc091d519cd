# A context in slots: one typed value for each attribute, read from a dict or straight from JSON bytes.
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


cdef class ContextReader:
    cdef tuple names                       # of attributes, by slot
    cdef bytes types                       # ValueType, by slot

    cdef int read_dict(self, dict context, Slots* out) except -1
    # The text of values may lie in `body`: it must outlive the use of `out`.
    cdef int read_json(self, const uint8_t* body, size_t size, Slots* out) except -1
