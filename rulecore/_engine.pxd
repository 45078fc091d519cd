# What callers hold: an engine, and the decisions it gives.
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
