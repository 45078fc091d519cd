"""The tokens of JSON (RFC 8259): strings, numbers, literals, and values that nobody asked for.

As strict as msgspec: UTF-8 and surrogate pairs must be well-formed, a number with a fraction or exponent must have a
double, an int no more digits than Python reads. What the tokens mean is `_context`'s business.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport PyObject
from libc.math cimport isinf
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from rulecore._text cimport utf8_sequence

cdef extern from "Python.h":
    double PyOS_string_to_double(const char* text, char** end, PyObject* overflow_exception)
    PyObject* PyErr_Occurred()
    void PyErr_Clear()


cdef enum:
    DIGITS_EXACT = 19        # as many as always fit 64 bits
    EXPONENT_EXACT = 22      # powers of ten up to it are exact doubles
    EXPONENT_CAP = 100_000
    INTEGER_DIGITS_MAX = 4_300       # sys.int_info.default_max_str_digits
    TOKEN_BYTES = 128        # longer numbers are copied to the heap to be converted

cdef uint64_t INTEGER_EXACT = 1 << 53

cdef double[23] POWERS_OF_TEN = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]


cdef const uint8_t* scan_fault(Scanner* s, const uint8_t* at, const char* what) noexcept:
    s.fault.what = what
    s.fault.slot = -1
    s.fault.at = at
    return NULL


# Strings ------------------------------------------------------------------------------------------------------------

cdef const uint8_t* scan_string_rest(Scanner* s, const uint8_t* at, Text* raw, bint* escaped) noexcept:
    cdef size_t length
    while at[0] != c'"':
        if at[0] == c"\\":
            escaped[0] = True
            at = check_escape(s, at)
            if at == NULL:
                return NULL
        elif at[0] >= 0x80:
            length = utf8_sequence(at, s.end - at)
            if length == 0:
                return scan_fault(s, at, "not valid UTF-8")
            at += length
        elif at == s.end:
            return scan_fault(s, at, "the JSON ends inside a string")
        else:
            return scan_fault(s, at, "a control character in a string")
        if is_plain(at[0]):
            at = skip_plain(s, at)
    raw.size = at - <const uint8_t*>raw.data
    return at + 1


cdef const uint8_t* check_escape(Scanner* s, const uint8_t* at) noexcept:
    """Go past an escape; a surrogate must come as a pair."""
    cdef int unit, low
    if at[1] != c"u":
        if simple_escape(at[1]) != 0:
            return at + 2
        if at + 1 == s.end:
            return scan_fault(s, s.end, "the JSON ends inside a string")
        return scan_fault(s, at, "an unknown escape in a string")
    unit = code_unit(at)
    if unit < 0:
        return scan_fault(s, at, "\\u must be followed by four hexadecimal digits")
    if unit < 0xD800 or unit > 0xDFFF:
        return at + 6
    low = code_unit(at + 6)
    if unit > 0xDBFF or low < 0xDC00 or low > 0xDFFF:
        return scan_fault(s, at, "a surrogate without its other half")
    return at + 12


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


cdef int code_unit(const uint8_t* at) noexcept nogil:
    """The UTF-16 code unit that `\\uXXXX` writes here, or -1."""
    cdef int unit = 0
    cdef int i
    cdef uint8_t c
    if at[0] != c"\\" or at[1] != c"u":
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
            code = code_unit(at)
            at += 6
            if code >= 0xD800 and code <= 0xDFFF:
                code = 0x10000 + ((code - 0xD800) << 10) + (code_unit(at) - 0xDC00)
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

cdef const uint8_t* scan_number(Scanner* s, const uint8_t* at, Number* out) noexcept:
    cdef const uint8_t* begin = at
    cdef const uint8_t* digits
    cdef bint negative = at[0] == c"-"
    cdef uint64_t mantissa = 0
    cdef Py_ssize_t count        # of digits in it
    cdef Py_ssize_t exponent = 0         # of ten, to multiply it with
    at += negative
    digits = at
    at = scan_digits(at, &mantissa)
    count = at - digits
    if count == 0:
        return scan_fault(s, at, "a malformed number" if negative else "expected a value")
    if digits[0] == c"0" and count > 1:
        return scan_fault(s, digits, "a malformed number")
    out.written_as_int = True
    if at[0] == c".":
        out.written_as_int = False
        at = scan_digits(at + 1, &mantissa)
        exponent = digits + count + 1 - at
        if exponent == 0:
            return scan_fault(s, at, "a malformed number")
        count -= exponent
    if at[0] | 0x20 == c"e":
        out.written_as_int = False
        at = scan_exponent(s, at + 1, &exponent)
        if at == NULL:
            return NULL
    if count > DIGITS_EXACT:
        if out.written_as_int and count > INTEGER_DIGITS_MAX:
            return scan_fault(s, begin, "a number out of range")
        count -= leading_zeros(digits)
    out.fits = out.written_as_int and count <= DIGITS_EXACT and mantissa <= <uint64_t>0x7FFFFFFFFFFFFFFF + negative
    if out.fits:
        out.integer = <int64_t>(0 - mantissa) if negative else <int64_t>mantissa
        out.real = <double>out.integer
    elif count <= DIGITS_EXACT and mantissa <= INTEGER_EXACT and -EXPONENT_EXACT <= exponent <= EXPONENT_EXACT:
        # Both are exact doubles, so one rounded operation gives the nearest (Clinger, 1990).
        out.real = <double>mantissa
        out.real = out.real / POWERS_OF_TEN[-exponent] if exponent < 0 else out.real * POWERS_OF_TEN[exponent]
        if negative:
            out.real = -out.real
    elif not convert_token(begin, at - begin, &out.real):
        return scan_fault(s, begin, NULL)
    return at


cdef inline const uint8_t* scan_digits(const uint8_t* at, uint64_t* mantissa) noexcept nogil:
    """Digits onto the mantissa; past 19 it is no longer meant to be used."""
    cdef uint64_t number = mantissa[0]
    while at[0] >= c"0" and at[0] <= c"9":
        number = number * 10 + (at[0] - c"0")
        at += 1
    mantissa[0] = number
    return at


cdef Py_ssize_t leading_zeros(const uint8_t* at) noexcept nogil:
    """Those of a checked number, on both sides of its point."""
    cdef Py_ssize_t zeros = 0
    while at[0] == c"0" or at[0] == c".":
        zeros += at[0] == c"0"
        at += 1
    return zeros


cdef const uint8_t* scan_exponent(Scanner* s, const uint8_t* at, Py_ssize_t* exponent) noexcept:
    cdef bint negative = at[0] == c"-"
    cdef const uint8_t* digits
    cdef Py_ssize_t written = 0
    at += negative or at[0] == c"+"
    digits = at
    while at[0] >= c"0" and at[0] <= c"9":
        if written < EXPONENT_CAP:
            written = written * 10 + (at[0] - c"0")
        at += 1
    if at == digits:
        return scan_fault(s, at, "a malformed number")
    exponent[0] += -written if negative else written
    return at


cdef bint convert_token(const uint8_t* token, size_t size, double* out) noexcept:
    cdef char[TOKEN_BYTES] short_copy
    cdef char* copy = short_copy
    if size >= TOKEN_BYTES:
        copy = <char*>PyMem_Malloc(size + 1)
        if copy == NULL:
            return False
    memcpy(copy, token, size)
    copy[size] = 0
    out[0] = PyOS_string_to_double(copy, NULL, NULL)
    if copy != short_copy:
        PyMem_Free(copy)
    if out[0] == -1.0 and PyErr_Occurred() != NULL:
        PyErr_Clear()
        return False
    return True


# The rest -----------------------------------------------------------------------------------------------------------

cdef const uint8_t* scan_literal(Scanner* s, const uint8_t* at, const char* word) noexcept:
    cdef const uint8_t* begin = at
    while word[0] != 0:
        if at[0] != <uint8_t>word[0]:
            return scan_fault(s, begin, "expected a value")
        at += 1
        word += 1
    return at


cdef const uint8_t* skip_value(Scanner* s, const uint8_t* at, uint32_t depth, uint32_t depth_max) noexcept:
    """Any value, wholly checked."""
    cdef Text text
    cdef bint escaped
    cdef Number number
    cdef const uint8_t* begin = at
    cdef uint8_t c = at[0]
    if c == c'"':
        return scan_string(s, at, &text, &escaped)
    if c == c"{" or c == c"[":
        return skip_container(s, at, depth + 1, depth_max)
    if c == c"t":
        return scan_literal(s, at, "true")
    if c == c"f":
        return scan_literal(s, at, "false")
    if c == c"n":
        return scan_literal(s, at, "null")
    at = scan_number(s, at, &number)
    if at != NULL and isinf(number.real) and not number.written_as_int:
        return scan_fault(s, begin, "a number out of range")
    return at


cdef const uint8_t* skip_container(Scanner* s, const uint8_t* at, uint32_t depth, uint32_t depth_max) noexcept:
    cdef Text name
    cdef bint escaped
    cdef bint is_object = at[0] == c"{"
    cdef uint8_t close = c"}" if is_object else c"]"
    if depth > depth_max:
        return scan_fault(s, at, "nested too deep")
    at = skip_space(at + 1)
    if at[0] == close:
        return at + 1
    while True:
        if is_object:
            if at[0] != c'"':
                return scan_fault(s, at, "expected a string")
            at = scan_string(s, at, &name, &escaped)
            if at != NULL:
                at = scan_colon(s, at)
            if at == NULL:
                return NULL
        at = skip_value(s, at, depth, depth_max)
        if at == NULL:
            return NULL
        at = skip_space(at)
        if at[0] != c",":
            break
        at = skip_space(at + 1)
    return at + 1 if at[0] == close else scan_fault(s, at, "expected a comma or the end of the object or list")
