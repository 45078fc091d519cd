# What callers hold: an engine, and the decisions it gives.
from libc.stdint cimport int64_t

from rulecore._bundle cimport Image
from rulecore._layout cimport VariantRecord
from rulecore._linked cimport Linked
from rulecore._verdict cimport Verdict


cdef class Decision:
    cdef Linked linked
    cdef Verdict verdict

    cdef const Image* image(self) except NULL
    cdef const VariantRecord* record(self) except NULL


cdef class Engine:
    cdef Linked linked

    cdef Decision _decide(self, str placement, object context, object now)
    cdef int _decide_each(self, object context, int64_t now, Verdict* verdicts, Py_ssize_t count) except -1
