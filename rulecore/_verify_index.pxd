from rulecore._bundle cimport Image
from rulecore._checks cimport Fault


cdef Fault verify_index(const Image* image) noexcept nogil
