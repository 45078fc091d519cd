# The one pass over an image that makes every later read safe, whether or not its checksum was made to fit.
from libc.stdint cimport uint8_t

from rulecore._bundle cimport Image
from rulecore._checks cimport Fault


# Fills `image` and returns without a fault, or returns the first fault of `size` bytes at `base` (8-byte aligned).
cdef Fault verify_image(const uint8_t* base, size_t size, Image* image) noexcept nogil
