"""The tokens of JSON (RFC 8259): strings, numbers, literals, and values that nobody asked for.

As strict as msgspec: UTF-8 and surrogate pairs must be well-formed, numbers must have a double. What the tokens mean
is `_context`'s business.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport PyObject
from libc.math cimport isinf
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from rulecore._text cimport utf8_sequence

cdef extern from "Python.h":
    double PyOS_string_to_double(const char* text, char** end, PyObject* overflow_exception)
    PyObject* PyErr_Occurred()
    void PyErr_Clear()

cdef extern from *:
    int count_trailing_zeros "__builtin_ctzll"(unsigned long long word) nogil


cdef enum:
    DIGITS_EXACT = 19        # as many as always fit 64 bits
    EXPONENT_EXACT = 22      # powers of ten up to it are exact doubles
    EXPONENT_CAP = 100_000
    TOKEN_BYTES = 128        # longer numbers are copied to the heap to be converted

cdef uint64_t ONES = 0x0101010101010101
cdef uint64_t HIGH_BITS = 0x8080808080808080
cdef uint64_t INTEGER_EXACT = 1 << 53

cdef double[23] POWERS_OF_TEN = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]


cdef int scan_fault(Scanner* s, const char* fault) noexcept:
    s.fault = fault
    return -1


# Strings ------------------------------------------------------------------------------------------------------------

cdef int scan_string(Scanner* s, Text* raw, bint* escaped) noexcept:
    cdef const uint8_t* at
    cdef size_t length
    cdef uint8_t c
    if peek(s) != c'"':
        return scan_fault(s, "expected a string")
    at = s.at + 1
    raw.data = <const char*>at
    escaped[0] = False
    while True:
        at = skip_plain(at, s.end)
        s.at = at
        if at == s.end:
            return scan_fault(s, "the JSON ends inside a string")
        c = at[0]
        if c == c'"':
            raw.size = at - <const uint8_t*>raw.data
            s.at = at + 1
            return 0
        if c == c"\\":
            escaped[0] = True
            if check_escape(s) < 0:
                return -1
            at = s.at
        elif c < 0x20:
            return scan_fault(s, "a control character in a string")
        else:
            length = utf8_sequence(at, s.end - at)
            if length == 0:
                return scan_fault(s, "not valid UTF-8")
            at += length


cdef inline const uint8_t* skip_plain(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """The next quote, backslash, control character or byte past ASCII, eight bytes at a time."""
    cdef uint64_t word, quote, backslash, special
    while end - at >= 8:
        memcpy(&word, at, 8)
        quote = word ^ (ONES * 0x22)
        backslash = word ^ (ONES * 0x5C)
        # A byte's top bit is set where subtracting borrows; a false one is only ever above a true one.
        special = ((word - ONES * 0x20) & ~word) | ((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash) | word
        special &= HIGH_BITS
        if special:
            return at + (count_trailing_zeros(special) >> 3)
        at += 8
    while at < end and at[0] >= 0x20 and at[0] < 0x80 and at[0] != c'"' and at[0] != c"\\":
        at += 1
    return at


cdef int check_escape(Scanner* s) noexcept:
    """Go past an escape; a surrogate must come as a pair."""
    cdef const uint8_t* begin = s.at
    cdef int unit, low
    if s.end - s.at < 2:
        s.at = s.end
        return scan_fault(s, "the JSON ends inside a string")
    if s.at[1] != c"u":
        if simple_escape(s.at[1]) == 0:
            return scan_fault(s, "an unknown escape in a string")
        s.at += 2
        return 0
    unit = code_unit(s.at, s.end)
    if unit < 0:
        return scan_fault(s, "\\u must be followed by four hexadecimal digits")
    s.at += 6
    if unit < 0xD800 or unit > 0xDFFF:
        return 0
    low = code_unit(s.at, s.end)
    if unit > 0xDBFF or low < 0xDC00 or low > 0xDFFF:
        s.at = begin
        return scan_fault(s, "a surrogate without its other half")
    s.at += 6
    return 0


cdef char simple_escape(uint8_t c) noexcept nogil:
    """What a backslash and this letter stand for, or 0."""
    if c == c'"' or c == c"\\" or c == c"/":
        return c
    if c == c"n":
        return c"\n"
    if c == c"t":
        return c"\t"
    if c == c"r":
        return c"\r"
    if c == c"b":
        return c"\b"
    if c == c"f":
        return c"\f"
    return 0


cdef int code_unit(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """The UTF-16 code unit that `\\uXXXX` writes here, or -1."""
    cdef int unit = 0
    cdef int i
    cdef uint8_t c
    if end - at < 6 or at[0] != c"\\" or at[1] != c"u":
        return -1
    for i in range(2, 6):
        c = at[i]
        if c >= c"0" and c <= c"9":
            unit = unit * 16 + (c - c"0")
        elif (c | 0x20) >= c"a" and (c | 0x20) <= c"f":
            unit = unit * 16 + ((c | 0x20) - c"a" + 10)
        else:
            return -1
    return unit


cdef size_t unescape(Text raw, char* out) noexcept nogil:
    cdef const uint8_t* at = <const uint8_t*>raw.data
    cdef const uint8_t* end = at + raw.size
    cdef char* to = out
    cdef int code
    while at < end:
        if at[0] != c"\\":
            to[0] = at[0]
            to += 1
            at += 1
        elif at[1] != c"u":
            to[0] = simple_escape(at[1])
            to += 1
            at += 2
        else:
            code = code_unit(at, end)
            at += 6
            if code >= 0xD800 and code <= 0xDFFF:
                code = 0x10000 + ((code - 0xD800) << 10) + (code_unit(at, end) - 0xDC00)
                at += 6
            to = put_utf8(code, to)
    return to - out


cdef char* put_utf8(int code, char* to) noexcept nogil:
    if code < 0x80:
        to[0] = <char>code
        return to + 1
    if code < 0x800:
        to[0] = <char>(0xC0 | (code >> 6))
        to[1] = <char>(0x80 | (code & 0x3F))
        return to + 2
    if code < 0x10000:
        to[0] = <char>(0xE0 | (code >> 12))
        to[1] = <char>(0x80 | ((code >> 6) & 0x3F))
        to[2] = <char>(0x80 | (code & 0x3F))
        return to + 3
    to[0] = <char>(0xF0 | (code >> 18))
    to[1] = <char>(0x80 | ((code >> 12) & 0x3F))
    to[2] = <char>(0x80 | ((code >> 6) & 0x3F))
    to[3] = <char>(0x80 | (code & 0x3F))
    return to + 4


# Numbers ------------------------------------------------------------------------------------------------------------

cdef int scan_number(Scanner* s, Number* out) noexcept:
    cdef const uint8_t* begin = s.at
    cdef const uint8_t* digits
    cdef bint negative = peek(s) == c"-"
    cdef uint64_t mantissa = 0
    cdef int significant = 0     # digits in it
    cdef int exponent = 0        # of ten, to multiply it with
    cdef int written = 0
    cdef bint exponent_negative
    s.at += negative
    digits = s.at
    scan_digits(s, &mantissa, &significant)
    if s.at == digits:
        return scan_fault(s, "a malformed number" if negative else "expected a value")
    if digits[0] == c"0" and s.at - digits > 1:
        s.at = digits
        return scan_fault(s, "a malformed number")
    out.written_as_int = True
    if peek(s) == c".":
        out.written_as_int = False
        s.at += 1
        digits = s.at
        scan_digits(s, &mantissa, &significant)
        if s.at == digits:
            return scan_fault(s, "a malformed number")
        exponent = -<int>min(s.at - digits, EXPONENT_CAP)
    if (peek(s) | 0x20) == c"e":
        out.written_as_int = False
        s.at += 1
        exponent_negative = peek(s) == c"-"
        if exponent_negative or peek(s) == c"+":
            s.at += 1
        digits = s.at
        while s.at < s.end and s.at[0] >= c"0" and s.at[0] <= c"9":
            if written < EXPONENT_CAP:
                written = written * 10 + (s.at[0] - c"0")
            s.at += 1
        if s.at == digits:
            return scan_fault(s, "a malformed number")
        exponent += -written if exponent_negative else written
    out.fits = (
        out.written_as_int and significant <= DIGITS_EXACT and mantissa <= <uint64_t>0x7FFFFFFFFFFFFFFF + negative
    )
    if out.fits:
        out.integer = <int64_t>(0 - mantissa) if negative else <int64_t>mantissa
        out.real = <double>out.integer
        return 0
    if (
        significant <= DIGITS_EXACT and mantissa <= INTEGER_EXACT
        and -EXPONENT_EXACT <= exponent and exponent <= EXPONENT_EXACT
    ):
        # Both are exact doubles, so one rounded operation gives the nearest (Clinger, 1990).
        out.real = <double>mantissa
        if exponent < 0:
            out.real /= POWERS_OF_TEN[-exponent]
        else:
            out.real *= POWERS_OF_TEN[exponent]
        if negative:
            out.real = -out.real
        return 0
    if convert_token(begin, s.at - begin, &out.real) < 0:
        s.at = begin
        return scan_fault(s, "no memory for a number")
    return 0


cdef inline void scan_digits(Scanner* s, uint64_t* mantissa, int* significant) noexcept nogil:
    """Digits onto the mantissa, leading zeros not counted; past 19 it is no longer meant to be used."""
    cdef const uint8_t* at = s.at
    while at < s.end and at[0] >= c"0" and at[0] <= c"9":
        mantissa[0] = mantissa[0] * 10 + (at[0] - c"0")
        significant[0] += mantissa[0] != 0 or significant[0] != 0
        at += 1
    s.at = at


cdef int convert_token(const uint8_t* token, size_t size, double* out) noexcept:
    cdef char[TOKEN_BYTES] short_copy
    cdef char* copy = short_copy
    if size >= TOKEN_BYTES:
        copy = <char*>PyMem_Malloc(size + 1)
        if copy == NULL:
            return -1
    memcpy(copy, token, size)
    copy[size] = 0
    out[0] = PyOS_string_to_double(copy, NULL, NULL)
    if copy != short_copy:
        PyMem_Free(copy)
    if out[0] == -1.0 and PyErr_Occurred() != NULL:
        PyErr_Clear()
        return -1
    return 0


# The rest -----------------------------------------------------------------------------------------------------------

cdef int scan_literal(Scanner* s, const char* word, size_t size) noexcept:
    if <size_t>(s.end - s.at) < size or memcmp(s.at, word, size) != 0:
        return scan_fault(s, "expected a value")
    s.at += size
    return 0


cdef int skip_value(Scanner* s, uint32_t depth, uint32_t depth_max) noexcept:
    cdef Text text
    cdef bint escaped
    cdef Number number
    cdef const uint8_t* begin
    cdef uint8_t c = peek(s)
    if c == c'"':
        return scan_string(s, &text, &escaped)
    if c == c"{" or c == c"[":
        return skip_container(s, c == c"{", depth + 1, depth_max)
    if c == c"t":
        return scan_literal(s, "true", 4)
    if c == c"f":
        return scan_literal(s, "false", 5)
    if c == c"n":
        return scan_literal(s, "null", 4)
    begin = s.at
    if scan_number(s, &number) < 0:
        return -1
    if isinf(number.real):
        s.at = begin
        return scan_fault(s, "a number out of range")
    return 0


cdef int skip_container(Scanner* s, bint is_object, uint32_t depth, uint32_t depth_max) noexcept:
    cdef Text name
    cdef bint escaped
    cdef uint8_t close = c"}" if is_object else c"]"
    cdef int more
    if depth > depth_max:
        return scan_fault(s, "nested too deep")
    s.at += 1
    more = scan_more(s, close, True)
    while more > 0:
        if is_object and (scan_string(s, &name, &escaped) < 0 or scan_colon(s) < 0):
            return -1
        if skip_value(s, depth, depth_max) < 0:
            return -1
        more = scan_more(s, close, False)
    return more


cdef int scan_more(Scanner* s, uint8_t close, bint first) noexcept:
    skip_space(s)
    if peek(s) == close:
        s.at += 1
        return 0
    if not first:
        if peek(s) != c",":
            return scan_fault(s, "expected a comma or the end of the object or list")
        s.at += 1
        skip_space(s)
    return 1


cdef int scan_colon(Scanner* s) noexcept:
    skip_space(s)
    if peek(s) != c":":
        return scan_fault(s, "expected a colon")
    s.at += 1
    skip_space(s)
    return 0
