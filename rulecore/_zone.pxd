# Time zones: tables in the image, the same on every node. `rulecore.zones` writes what is read here.
from libc.stdint cimport int32_t, int64_t, uint8_t

from rulecore._text cimport Text


cdef struct Civil:
    int64_t year
    int32_t month            # 0 to 11
    int32_t day              # 0 to 30
    int32_t weekday          # 0 is Sunday
    int32_t yearday          # 0 to 365
    int32_t hour
    int32_t minute
    int32_t second
    int32_t millisecond


# The first fault of a block of tables, or NULL; `at` is its offset in the block.
cdef const char* zones_verify(const uint8_t* block, size_t size, size_t* at) noexcept nogil
# Seconds east of UTC at an instant, for an IANA name in the (verified) block or a fixed offset; False when unknown.
cdef bint zone_offset(const uint8_t* block, size_t size, Text name, int64_t micros, int32_t* seconds) noexcept nogil
cdef void civil_from_micros(int64_t local_micros, Civil* out) noexcept nogil
