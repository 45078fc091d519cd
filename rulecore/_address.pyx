"""IP addresses and the networks that hold them: strict text, as Go's netip and Python's ipaddress read it.

An IPv4-mapped IPv6 address and a zone are refused: a rule about networks must not be walked around by spelling.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memmove, memset

from rulecore._text cimport is_digit

cdef enum:
    IPV4 = 4
    IPV6 = 6


cdef bint cidr_valid(const uint8_t* packed) noexcept nogil:
    """A known family, a prefix no longer than its address, and nothing but zeros after the prefix."""
    cdef int bits = 32 if packed[0] == IPV4 else 128
    cdef int prefix = packed[1]
    cdef int i
    if (packed[0] != IPV4 and packed[0] != IPV6) or prefix > bits:
        return False
    for i in range(16):
        if packed[2 + i] & host_mask(prefix, i):
            return False
    return True


cdef int cidr_contains(const uint8_t* packed, Text address) noexcept nogil:
    """An address of the other family is not contained."""
    cdef uint8_t[16] parsed
    cdef int family = parse_address(address, parsed)
    cdef int i
    if family == 0:
        return -1
    if family != packed[0]:
        return 0
    for i in range(16):
        if (parsed[i] ^ packed[2 + i]) & ~host_mask(packed[1], i):
            return 0
    return 1


cdef inline uint8_t host_mask(int prefix, int index) noexcept nogil:
    """The bits of the address's byte at `index` that lie after the prefix."""
    cdef int kept = prefix - 8 * index
    if kept <= 0:
        return 0xFF
    return 0 if kept >= 8 else <uint8_t>(0xFF >> kept)


cdef int parse_address(Text text, uint8_t* out) noexcept nogil:
    """4 or 6, with the address in `out` (16 bytes, zeros after an IPv4), or 0 when it is no address.

    Strict: no leading zeros in IPv4, no zone ids, and no IPv4-mapped IPv6, which would be one address in two families.
    """
    cdef size_t i
    memset(out, 0, 16)
    if text.size > 45:
        return 0
    for i in range(text.size):
        if text.data[i] == c":":
            return IPV6 if parse_ipv6(text, out) and not is_mapped(out) else 0
    return IPV4 if parse_ipv4(text.data, text.data + text.size, out) else 0


cdef bint is_mapped(const uint8_t* address) noexcept nogil:
    cdef int i
    for i in range(10):
        if address[i]:
            return False
    return address[10] == 0xFF and address[11] == 0xFF


cdef bint parse_ipv4(const char* at, const char* end, uint8_t* out) noexcept nogil:
    cdef int part, number
    cdef const char* begin
    for part in range(4):
        if part:
            if at == end or at[0] != c".":
                return False
            at += 1
        begin = at
        number = 0
        while at < end and is_digit(at[0]) and at - begin < 3:
            number = number * 10 + (at[0] - c"0")
            at += 1
        if at == begin or number > 255 or (at - begin > 1 and begin[0] == c"0"):
            return False
        out[part] = <uint8_t>number
    return at == end


cdef bint parse_ipv6(Text text, uint8_t* out) noexcept nogil:
    """RFC 4291, section 2.2: eight groups of one to four hexadecimal digits, the last two perhaps as IPv4, one `::`
    for at least one group of zeros."""
    cdef const char* at = text.data
    cdef const char* end = at + text.size
    cdef const char* begin
    cdef int filled = 0          # bytes
    cdef int gap = -1
    cdef int number, digit, moved
    if text.size >= 2 and at[0] == c":" and at[1] == c":":
        gap = 0
        at += 2
    while at < end:
        if filled == 16:
            return False
        begin = at
        number = 0
        while at < end and at - begin < 4:
            digit = hex_digit(at[0])
            if digit < 0:
                break
            number = number * 16 + digit
            at += 1
        if at == begin:
            return False
        if at < end and at[0] == c".":
            if filled > 12 or not parse_ipv4(begin, end, out + filled):
                return False
            filled += 4
            at = end
            break
        out[filled] = <uint8_t>(number >> 8)
        out[filled + 1] = <uint8_t>(number & 0xFF)
        filled += 2
        if at == end:
            break
        if at[0] != c":":
            return False
        at += 1
        if at == end:
            return False
        if at[0] == c":":
            if gap >= 0:
                return False
            gap = filled
            at += 1
    if gap < 0:
        return filled == 16
    if filled > 14:
        return False
    moved = filled - gap
    memmove(out + 16 - moved, out + gap, moved)
    memset(out + gap, 0, 16 - filled)
    return True


cdef inline int hex_digit(char c) noexcept nogil:
    if is_digit(c):
        return c - c"0"
    c |= 0x20
    return c - c"a" + 10 if c >= c"a" and c <= c"f" else -1
