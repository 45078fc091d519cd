# Networks in the notation of CIDR (RFC 4632, RFC 4291), and the addresses in them. All of it without the GIL.
from libc.stdint cimport uint8_t

from rulecore._text cimport Text


# A packed network is 18 bytes: family 4 or 6, prefix length, address (16, zeros after an IPv4).
cdef bint cidr_valid(const uint8_t* packed) noexcept nogil
cdef int cidr_contains(const uint8_t* packed, Text address) noexcept nogil     # 1, 0, or -1 when it is no IP address
