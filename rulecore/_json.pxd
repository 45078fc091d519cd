# The tokens of JSON (RFC 8259), read strictly from bytes in one pass: what stands where is `_context`'s business.
#
# A zero byte must follow the JSON, as it follows what a bytes object holds: no token goes past it, so there is no end
# to watch for. A scan begins on the token's first byte and gives where the token ends, or NULL once it has noted a
# fault. Nothing here allocates.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from rulecore._text cimport Text


cdef struct Fault:           # why something can't be taken
    const char* what         # NULL: memory is short
    int32_t slot             # the attribute that it is about, or -1
    const uint8_t* at        # its byte, when there are any


cdef struct Scanner:
    const uint8_t* begin
    const uint8_t* end       # where the zero byte is
    Fault fault


cdef struct Number:
    double real              # the nearest; infinite when there is none
    int64_t integer          # when `fits`
    bint written_as_int      # without a fraction or exponent
    bint fits                # written as an int of 64 bits


cdef const uint8_t* scan_number(Scanner* s, const uint8_t* at, Number* out) noexcept
cdef const uint8_t* scan_literal(Scanner* s, const uint8_t* at, const char* word) noexcept     # true, false, null
cdef const uint8_t* skip_value(Scanner* s, const uint8_t* at, uint32_t depth, uint32_t depth_max) noexcept
cdef const uint8_t* scan_fault(Scanner* s, const uint8_t* at, const char* what) noexcept       # NULL
# A string whose first byte that is not plain stands at `at`.
cdef const uint8_t* scan_string_rest(Scanner* s, const uint8_t* at, Text* raw, bint* escaped) noexcept

cdef size_t unescape(Text raw, char* out) noexcept nogil     # a scanned string; never longer than `raw`


cdef inline const uint8_t* skip_space(const uint8_t* at) noexcept nogil:
    while at[0] <= 0x20 and (at[0] == c" " or at[0] == c"\n" or at[0] == c"\t" or at[0] == c"\r"):
        at += 1
    return at


cdef inline const uint8_t* scan_colon(Scanner* s, const uint8_t* at) noexcept:       # to the value that follows
    at = skip_space(at)
    return skip_space(at + 1) if at[0] == c":" else scan_fault(s, at, "expected a colon")


# A string's bytes between the quotes, and whether there are escapes in them: they have been checked, not resolved.
cdef inline const uint8_t* scan_string(Scanner* s, const uint8_t* at, Text* raw, bint* escaped) noexcept:
    raw.data = <const char*>at + 1
    escaped[0] = False
    at = skip_plain(s, at + 1)
    if at[0] != c'"':
        return scan_string_rest(s, at, raw, escaped)
    raw.size = at - <const uint8_t*>raw.data
    return at + 1


# The next quote, backslash, control character or byte past ASCII; the zero byte is one.
cdef inline const uint8_t* skip_plain(Scanner* s, const uint8_t* at) noexcept nogil:
    cdef uint32_t special
    cdef Py_ssize_t short_of
    while True:
        short_of = at + 15 - s.end
        if short_of > 0:
            break
        special = special_bytes(at)
        if special:
            return at + count_trailing_zeros(special)
        at += 16
    if s.end - s.begin < 15:
        while is_plain(at[0]):
            at += 1
        return at
    # The last 16 bytes, the zero among them, without those before `at`.
    return at + count_trailing_zeros(special_bytes(at - short_of) >> short_of)


cdef inline bint is_plain(uint8_t c) noexcept nogil:
    return 0x20 <= c < 0x80 and c != c'"' and c != c"\\"


cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    /* A bit for each of 16 bytes that is no plain character of a JSON string: quote, backslash, control character or
       past ASCII. */
    #ifdef __SSE2__
    #include <emmintrin.h>
    static inline uint32_t special_bytes(const uint8_t* at) {
        __m128i bytes = _mm_loadu_si128((const __m128i*)at);
        __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
        __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\\\'));
        /* Compared with their sign, bytes past ASCII are below the space, too. */
        __m128i other = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));
        return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), other));
    }
    #else
    static inline uint64_t zero_bytes(uint64_t word) {      /* the top bit of each */
        const uint64_t low = 0x7F7F7F7F7F7F7F7F;
        return ~(((word & low) + low) | word | low);
    }
    static inline uint32_t special_of_eight(const uint8_t* at) {
        const uint64_t ones = 0x0101010101010101;
        uint64_t word, special;
        memcpy(&word, at, 8);
        special = zero_bytes(word ^ ones * '"') | zero_bytes(word ^ ones * '\\\\') | zero_bytes(word & ones * 0xE0);
        special |= word & ones * 0x80;
        return (uint32_t)((special >> 7) * 0x0102040810204080 >> 56);
    }
    static inline uint32_t special_bytes(const uint8_t* at) {
        return special_of_eight(at) | special_of_eight(at + 8) << 8;
    }
    #endif
    """
    uint32_t special_bytes(const uint8_t* at) nogil
    int count_trailing_zeros "__builtin_ctz"(uint32_t word) nogil
