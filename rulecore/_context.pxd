# Contexts, read into slots from a dict or straight from JSON bytes.
cimport cython
from libc.stdint cimport uint8_t

from rulecore._json cimport Scanner
from rulecore._names cimport Names, NameTrie
from rulecore._slots cimport *


cdef struct Reading:         # of one context
    const Names* names       # of attributes
    const uint8_t* type_of   # ValueType, by slot
    Slots* out
    Scanner json             # its fault is a dict's, too


@cython.final
cdef class ContextReader:
    cdef readonly tuple names              # of attributes, by slot
    cdef bytes types
    cdef const uint8_t* type_of            # the same
    cdef NameTrie trie

    # Both clear `out` first; `out` must have a slot for each name. Text lies in the dict's own strings, in `body` or in
    # the scratch: it is to be used before the caller can change them. No Python code of the context's classes runs.
    # A zero byte must follow the body, as it does in a bytes object.
    cdef int read_dict(self, object context, Slots* out) except -1
    cdef int read_json(self, const uint8_t* body, size_t size, Slots* out) except -1

    cdef void begin(self, Reading* r, Slots* out) noexcept
    cdef int raise_fault(self, Reading* r) except -1
