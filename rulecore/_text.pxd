# Text as the evaluator sees it: views of UTF-8 bytes, and what conditions ask of them. All but `str_text` is without
# the GIL.
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint8_t


cdef int64_t TIMESTAMP_MIN, TIMESTAMP_MAX    # the years 1 to 9999, in microseconds


cdef struct Text:            # not owned, not terminated
    const char* data
    size_t size


cdef bint text_equal(Text a, Text b) noexcept nogil
cdef int text_compare(Text a, Text b) noexcept nogil                       # by code point: < 0, 0, > 0
cdef bint text_contains(Text text, Text part) noexcept nogil
cdef size_t text_code_points(Text text) noexcept nogil
cdef bint text_valid_utf8(const char* data, size_t size) noexcept nogil
# Bytes of the character past ASCII that begins here, 0 when it is malformed.
cdef size_t utf8_sequence(const uint8_t* at, size_t room) noexcept nogil
# Days from 1970-01-01 to a date of the proleptic Gregorian calendar; months and days count from 1.
cdef int64_t days_from_civil(int64_t year, int64_t month, int64_t day) noexcept nogil
# RFC 3339; digits past the microsecond are cut off.
cdef bint parse_timestamp(Text text, int64_t* micros) noexcept nogil
cdef bint parse_duration(Text text, int64_t* micros) noexcept nogil        # as Go and CEL write it: 1h30m, 1.5s, -90m
cdef bint semver_valid(Text text) noexcept nogil                           # Semantic Versioning 2.0.0
cdef int semver_compare(Text a, Text b) noexcept nogil                     # of two valid ones: < 0, 0, > 0


cdef inline bint is_digit(char c) noexcept nogil:
    return c'0' <= c <= c'9'


cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(PyObject* o) nogil
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject* o) nogil
    ctypedef struct PyASCIIObject:       # ASCII text follows it
        Py_hash_t hash                   # -1 while it was never asked for
    const char* PyUnicode_AsUTF8AndSize(PyObject* o, Py_ssize_t* size)
    void PyErr_Clear()


# The UTF-8 of a str, kept by the str itself; False if it has none: half of a surrogate pair.
cdef inline bint str_text(PyObject* string, Text* out) noexcept:
    cdef Py_ssize_t size
    if PyUnicode_IS_COMPACT_ASCII(string):
        out.data = <const char*>(<PyASCIIObject*>string + 1)
        out.size = <size_t>PyUnicode_GET_LENGTH(string)
        return True
    out.data = PyUnicode_AsUTF8AndSize(string, &size)
    if out.data == NULL:
        PyErr_Clear()
        return False
    out.size = <size_t>size
    return True
