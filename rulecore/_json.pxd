# The tokens of JSON (RFC 8259), read strictly from bytes in one pass: what stands where is `_context`'s business.
# Nothing here allocates; a fault leaves `at` on the byte that it is about and its text in `fault`.
from libc.stdint cimport int64_t, uint8_t, uint32_t

from rulecore._text cimport Text


cdef struct Scanner:
    const uint8_t* begin
    const uint8_t* at
    const uint8_t* end
    const char* fault


cdef struct Number:
    double real              # the nearest; infinite when there is none
    int64_t integer          # when `fits`
    bint written_as_int      # without a fraction or exponent
    bint fits                # written as an int of 64 bits


# All return 0, or -1 for a fault; they are called on the token's first byte, which may be the end.
cdef int scan_string(Scanner* s, Text* raw, bint* escaped) noexcept         # between the quotes; escapes checked only
cdef int scan_number(Scanner* s, Number* out) noexcept
cdef int scan_literal(Scanner* s, const char* word, size_t size) noexcept   # true, false, null
cdef int skip_value(Scanner* s, uint32_t depth, uint32_t depth_max) noexcept     # any value, wholly checked
# After an opening bracket or an item: 1 if an item follows, 0 past the closing bracket.
cdef int scan_more(Scanner* s, uint8_t close, bint first) noexcept
cdef int scan_colon(Scanner* s) noexcept
cdef int scan_fault(Scanner* s, const char* fault) noexcept                 # -1

cdef size_t unescape(Text raw, char* out) noexcept nogil                    # a checked string; never longer than `raw`


cdef inline void skip_space(Scanner* s) noexcept nogil:
    while s.at < s.end and (s.at[0] == c" " or s.at[0] == c"\n" or s.at[0] == c"\t" or s.at[0] == c"\r"):
        s.at += 1


cdef inline uint8_t peek(Scanner* s) noexcept nogil:      # the next byte, or 0 at the end
    return s.at[0] if s.at < s.end else 0
