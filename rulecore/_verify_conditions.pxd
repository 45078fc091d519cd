# Verification of an image's conditions: predicates with their expressions, and formulas.
from rulecore._bundle cimport Image
from rulecore._checks cimport Fault


cdef Fault verify_predicates(const Image* image) noexcept nogil
cdef Fault verify_formulas(const Image* image) noexcept nogil
