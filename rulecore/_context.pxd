# A context in slots: one typed value for each attribute, read from a dict or straight from JSON bytes.
cimport cython
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t

from rulecore._json cimport Number, Scanner
from rulecore._names cimport NameTrie
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


# Gives back what was made since `scratch` and `scratch_used` were as they are given.
cdef inline void slots_give_back(Slots* slots, char* scratch, size_t scratch_used) noexcept nogil:
    slots.scratch_used = scratch_used if slots.scratch == scratch else 0


@cython.final
cdef class ContextReader:
    cdef readonly tuple names              # of attributes, by slot
    cdef bytes types                       # ValueType, by slot
    cdef const uint8_t* type_of
    cdef NameTrie trie

    # Both clear `out` first; `out` must have a slot for each name. Text lies in the dict's own strings, in `body` or in
    # the scratch: it is to be used before the caller can change them. No Python code of the context's classes runs.
    cdef int read_dict(self, object context, Slots* out) except -1
    cdef int read_json(self, const uint8_t* body, size_t size, Slots* out) except -1

    cdef int take_dict(self, PyObject* members, uint32_t origin, Slots* out) except -1
    cdef int take_value(self, uint32_t index, PyObject* value, Slots* out) except -1
    cdef int take_list(self, uint32_t index, PyObject* value, Slots* out) except -1
    cdef int take_str(self, uint32_t index, PyObject* value, Value* out) except -1
    cdef int scan_object(self, uint32_t origin, uint32_t depth, Scanner* s, Slots* out) except -1
    cdef int scan_value(self, uint32_t index, Scanner* s, Slots* out) except -1
    cdef int scan_list(self, uint32_t index, Scanner* s, Slots* out) except -1
    cdef int scan_int(self, uint32_t index, Scanner* s, Value* out) except -1
    cdef int scan_double(self, uint32_t index, Scanner* s, Value* out) except -1
    cdef int scan_figure(self, uint32_t index, Scanner* s, Number* number) except -1
    cdef int scan_str(self, uint32_t index, Scanner* s, Slots* out, Value* value) except -1
    cdef int place_text(self, uint32_t index, Text text, Value* out, Scanner* s) except -1
    cdef int refuse(self, uint32_t index, str what, Scanner* s) except -1
    cdef int refuse_type(self, uint32_t index, Scanner* s) except -1
