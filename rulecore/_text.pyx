"""What conditions ask of text: comparison, UTF-8, timestamps, durations, semantic versions.

Views of bytes in, numbers out; nothing here allocates or needs the GIL. The few functions that Python sees are
those that authoring needs so that a constant means at publish what it means at the edge. Time zones are `_zone`'s,
IP addresses `_address`'s.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy

cdef extern from "<string.h>" nogil:
    void* memmem(const void* text, size_t size, const void* part, size_t part_size)


cdef uint64_t HIGH_BITS = 0x8080808080808080
cdef int64_t MICROS = 1_000_000
cdef int64_t DAY_SECONDS = 86_400
cdef int64_t TIMESTAMP_MIN = -62_135_596_800 * 1_000_000         # 0001-01-01T00:00:00Z
cdef int64_t TIMESTAMP_MAX = 253_402_300_800 * 1_000_000 - 1     # the last microsecond of 9999
cdef uint64_t DURATION_MAX = 0x7FFFFFFFFFFFFFFF                  # microseconds; negative ones reach one further


cdef bint text_equal(Text a, Text b) noexcept nogil:
    return a.size == b.size and (a.size == 0 or memcmp(a.data, b.data, a.size) == 0)


cdef int text_compare(Text a, Text b) noexcept nogil:
    """UTF-8 sorts by bytes as its code points do."""
    cdef size_t common = min(a.size, b.size)
    cdef int order = memcmp(a.data, b.data, common) if common else 0      # data may be NULL when there is none
    if order != 0:
        return order
    return (a.size > b.size) - (a.size < b.size)


cdef bint text_contains(Text text, Text part) noexcept nogil:
    return part.size == 0 or text.size >= part.size and memmem(text.data, text.size, part.data, part.size) != NULL


cdef size_t text_code_points(Text text) noexcept nogil:
    cdef size_t count = 0
    cdef size_t i
    for i in range(text.size):
        count += (<uint8_t>text.data[i] & 0xC0) != 0x80
    return count


cdef bint text_valid_utf8(const char* data, size_t size) noexcept nogil:
    """Whether these bytes are UTF-8 as Unicode defines it: no overlong forms, surrogates or values past U+10FFFF."""
    cdef const uint8_t* at = <const uint8_t*>data
    cdef const uint8_t* end = at + size
    cdef uint64_t word
    cdef size_t length
    while at < end:
        if at[0] < 0x80:
            while end - at >= 8:
                memcpy(&word, at, 8)
                if word & HIGH_BITS:
                    break
                at += 8
            while at < end and at[0] < 0x80:
                at += 1
            continue
        length = utf8_sequence(at, <size_t>(end - at))
        if length == 0:
            return False
        at += length
    return True


cdef size_t utf8_sequence(const uint8_t* at, size_t room) noexcept nogil:
    """The length of the well-formed sequence of two to four bytes that begins here, or 0."""
    cdef uint8_t lead = at[0]
    cdef uint8_t low = 0x80     # the bounds of the second byte keep out what only the lead byte would let through
    cdef uint8_t high = 0xBF
    cdef size_t length, i
    if lead < 0xC2:
        return 0
    if lead < 0xE0:
        length = 2
    elif lead < 0xF0:
        length = 3
        if lead == 0xE0:
            low = 0xA0
        elif lead == 0xED:
            high = 0x9F
    elif lead < 0xF5:
        length = 4
        if lead == 0xF0:
            low = 0x90
        elif lead == 0xF4:
            high = 0x8F
    else:
        return 0
    if room < length or at[1] < low or at[1] > high:
        return 0
    for i in range(2, length):
        if (at[i] & 0xC0) != 0x80:
            return 0
    return length


# Timestamps ---------------------------------------------------------------------------------------------------------

cdef bint parse_timestamp(Text text, int64_t* micros) noexcept nogil:
    cdef bint cut
    return read_timestamp(text, micros, &cut)


cdef bint read_timestamp(Text text, int64_t* micros, bint* cut) noexcept nogil:
    """RFC 3339: years 0001 to 9999, as written and in UTC; no leap second, which POSIX time can't tell apart.

    `cut` says whether digits past the microsecond, other than zeros, were left out.
    """
    cdef const char* data = text.data
    cdef int year, month, day, hour, minute, second
    cdef int offset_hour, offset_minute
    cdef int64_t fraction = 0
    cdef int64_t offset = 0
    cdef int64_t result
    cdef size_t at = 19
    cdef int digits = 0
    cut[0] = False
    if text.size < 20:
        return False
    year = fixed_number(data, 4)
    month = fixed_number(data + 5, 2)
    day = fixed_number(data + 8, 2)
    hour = fixed_number(data + 11, 2)
    minute = fixed_number(data + 14, 2)
    second = fixed_number(data + 17, 2)
    if data[4] != c"-" or data[7] != c"-" or (data[10] | 0x20) != c"t" or data[13] != c":" or data[16] != c":":
        return False
    if year < 1 or month < 1 or month > 12 or day < 1 or day > days_in_month(year, month):
        return False
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
        return False
    if data[at] == c".":
        at += 1
        while at < text.size and is_digit(data[at]):
            if digits < 6:
                fraction = fraction * 10 + (data[at] - c"0")
            elif data[at] != c"0":
                cut[0] = True
            digits += 1
            at += 1
        if digits == 0 or at == text.size:
            return False
        while digits < 6:
            fraction *= 10
            digits += 1
    if data[at] == c"+" or data[at] == c"-":
        if text.size - at != 6 or data[at + 3] != c":":
            return False
        offset_hour = fixed_number(data + at + 1, 2)
        offset_minute = fixed_number(data + at + 4, 2)
        if offset_hour < 0 or offset_hour > 23 or offset_minute < 0 or offset_minute > 59:
            return False
        offset = offset_hour * 3600 + offset_minute * 60
        if data[at] == c"-":
            offset = -offset
    elif (data[at] | 0x20) != c"z" or text.size - at != 1:
        return False
    result = days_from_civil(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second - offset
    result = result * MICROS + fraction
    if result < TIMESTAMP_MIN or result > TIMESTAMP_MAX:
        return False
    micros[0] = result
    return True


cdef int fixed_number(const char* data, size_t digits) noexcept nogil:
    """The number of so many decimal digits, or -1."""
    cdef int number = 0
    cdef size_t i
    for i in range(digits):
        if not is_digit(data[i]):
            return -1
        number = number * 10 + (data[i] - c"0")
    return number


cdef int days_in_month(int year, int month) noexcept nogil:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 + ((month + (month >> 3)) & 1)


cdef int64_t days_from_civil(int64_t year, int64_t month, int64_t day) noexcept nogil:
    cdef int64_t shifted = year - (month <= 2)       # the year is begun in March, its leap day is then the last
    cdef int64_t era = (shifted if shifted >= 0 else shifted - 399) // 400
    cdef int64_t year_of_era = shifted - era * 400
    cdef int64_t day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


# Durations ----------------------------------------------------------------------------------------------------------

cdef struct Span:
    uint64_t micros
    uint64_t nanos           # below a microsecond, between components
    uint64_t micros_max
    bint cut                 # something finer than a microsecond was left out


cdef bint parse_duration(Text text, int64_t* micros) noexcept nogil:
    cdef bint cut
    return read_duration(text, micros, &cut)


cdef bint read_duration(Text text, int64_t* micros, bint* cut) noexcept nogil:
    """A sign, then decimal numbers with units (h m s ms us µs ns), as Go's time.ParseDuration; "0" needs no unit.

    The range is that of 64 bits of microseconds; what is finer than one is cut off, towards zero.
    """
    cdef const char* at = text.data
    cdef const char* end = at + text.size
    cdef bint negative = False
    cdef Span span
    cut[0] = False
    if at < end and (at[0] == c"+" or at[0] == c"-"):
        negative = at[0] == c"-"
        at += 1
    if at == end:
        return False
    if end - at == 1 and at[0] == c"0":
        micros[0] = 0
        return True
    span.micros = 0
    span.nanos = 0
    span.micros_max = DURATION_MAX + negative
    span.cut = False
    while at < end:
        at = add_component(at, end, &span)
        if at == NULL:
            return False
    cut[0] = span.cut or span.nanos != 0
    micros[0] = <int64_t>(0 - span.micros) if negative else <int64_t>span.micros
    return True


cdef const char* add_component(const char* at, const char* end, Span* span) noexcept nogil:
    """Add one number with its unit; what is finer than a nanosecond is cut off. Where it ends, or NULL."""
    cdef const char* digits = at
    cdef const char* digits_end
    cdef const char* units_end
    cdef const char* fraction
    cdef const char* fraction_end
    cdef uint64_t unit, unit_micros, carried
    cdef uint64_t count = 0      # microseconds
    cdef uint64_t part = 0       # nanoseconds, of the fraction
    cdef uint64_t rest = 0       # and of the digits before it
    while at < end and is_digit(at[0]):
        at += 1
    digits_end = fraction = fraction_end = at
    if at < end and at[0] == c".":
        at += 1
        fraction = at
        while at < end and is_digit(at[0]):
            at += 1
        fraction_end = at
    if digits == digits_end and fraction == fraction_end:
        return NULL
    at = duration_unit(at, end, &unit)
    if at == NULL:
        return NULL
    units_end = digits_end
    if unit == 1:                # counted in microseconds too, but for the last three digits
        units_end = digits if digits_end - digits < 3 else digits_end - 3
    while digits < units_end:
        if count > DURATION_MAX // 10:
            return NULL
        count = count * 10 + <uint64_t>(digits[0] - c"0")
        digits += 1
    unit_micros = max(unit // 1000, <uint64_t>1)
    if count > span.micros_max // unit_micros:
        return NULL
    count *= unit_micros
    # Rounding down at each digit from the last to the first rounds the whole fraction down, and can't overflow.
    while fraction_end > fraction:
        fraction_end -= 1
        part += <uint64_t>(fraction_end[0] - c"0") * unit
        span.cut |= part % 10 != 0
        part //= 10
    while digits < digits_end:
        rest = rest * 10 + <uint64_t>(digits[0] - c"0")
        digits += 1
    span.nanos += part + rest
    carried = span.nanos // 1000
    span.nanos %= 1000
    if count > span.micros_max - span.micros or carried > span.micros_max - span.micros - count:
        return NULL
    span.micros += count + carried
    return at


cdef const char* duration_unit(const char* at, const char* end, uint64_t* nanos) noexcept nogil:
    """Its length in nanoseconds, and where it ends, or NULL."""
    cdef Py_ssize_t room = end - at
    if room >= 2 and at[1] == c"s":
        if at[0] == c"n":
            nanos[0] = 1
            return at + 2
        if at[0] == c"u":
            nanos[0] = 1_000
            return at + 2
        if at[0] == c"m":
            nanos[0] = 1_000_000
            return at + 2
    # U+00B5, the micro sign, and U+03BC, the Greek letter.
    if room >= 3 and at[2] == c"s" and (memcmp(at, b"\xc2\xb5", 2) == 0 or memcmp(at, b"\xce\xbc", 2) == 0):
        nanos[0] = 1_000
        return at + 3
    if room >= 1:
        if at[0] == c"s":
            nanos[0] = 1_000_000_000
            return at + 1
        if at[0] == c"m":
            nanos[0] = 60_000_000_000
            return at + 1
        if at[0] == c"h":
            nanos[0] = 3_600_000_000_000
            return at + 1
    return NULL


# Semantic versions --------------------------------------------------------------------------------------------------

cdef struct Semver:
    Text[3] core             # major, minor, patch
    Text prerelease          # empty for a release: an identifier is never empty


cdef bint semver_valid(Text text) noexcept nogil:
    cdef Semver version
    return read_semver(text, &version)


cdef int semver_compare(Text a, Text b) noexcept nogil:
    """By precedence: build metadata does not count, a prerelease is before its release."""
    cdef Semver left, right
    cdef int order
    cdef size_t i
    if not read_semver(a, &left) or not read_semver(b, &right):
        return 0
    for i in range(3):
        order = compare_digits(left.core[i], right.core[i])
        if order != 0:
            return order
    if left.prerelease.size == 0 or right.prerelease.size == 0:
        return (left.prerelease.size == 0) - (right.prerelease.size == 0)
    return compare_prereleases(left.prerelease, right.prerelease)


cdef bint read_semver(Text text, Semver* out) noexcept nogil:
    cdef const char* at = text.data
    cdef const char* end = at + text.size
    cdef const char* begin
    cdef size_t i
    for i in range(3):
        if i:
            if at == end or at[0] != c".":
                return False
            at += 1
        begin = at
        while at < end and is_digit(at[0]):
            at += 1
        if at == begin or (at - begin > 1 and begin[0] == c"0"):
            return False
        out.core[i].data = begin
        out.core[i].size = at - begin
    out.prerelease.data = at
    out.prerelease.size = 0
    if at < end and at[0] == c"-":
        begin = at + 1
        at = identifiers_end(begin, end, False)
        if at == NULL:
            return False
        out.prerelease.data = begin
        out.prerelease.size = at - begin
    if at < end and at[0] == c"+":
        at = identifiers_end(at + 1, end, True)
    return at == end


cdef const char* identifiers_end(const char* at, const char* end, bint leading_zeros) noexcept nogil:
    """Where dot-separated identifiers end, or NULL if one is empty or a number with leading zeros that may not be."""
    cdef const char* begin = at
    cdef bint number = True
    while True:
        if at < end and (is_digit(at[0]) or is_letter_or_hyphen(at[0])):
            number = number and is_digit(at[0])
            at += 1
            continue
        if at == begin or (number and not leading_zeros and at - begin > 1 and begin[0] == c"0"):
            return NULL
        if at == end or at[0] != c".":
            return at
        at += 1
        begin = at
        number = True


cdef inline bint is_letter_or_hyphen(char c) noexcept nogil:
    return c == c"-" or ((c | 0x20) >= c"a" and (c | 0x20) <= c"z")


cdef int compare_digits(Text a, Text b) noexcept nogil:
    """Two numbers of any length without leading zeros."""
    if a.size != b.size:
        return 1 if a.size > b.size else -1
    return memcmp(a.data, b.data, a.size)


cdef int compare_prereleases(Text a, Text b) noexcept nogil:
    """Identifier by identifier: numbers by value and before words, words by ASCII, fewer before more."""
    cdef Text left, right
    cdef bint left_number, right_number
    cdef int order
    while True:
        left_number = next_identifier(&a, &left)
        right_number = next_identifier(&b, &right)
        if left_number and right_number:
            order = compare_digits(left, right)
        elif left_number or right_number:
            order = right_number - left_number
        else:
            order = text_compare(left, right)
        if order != 0:
            return order
        if a.size == 0 or b.size == 0:
            return (a.size != 0) - (b.size != 0)


cdef bint next_identifier(Text* rest, Text* out) noexcept nogil:
    """Take the first identifier off; whether it is a number."""
    cdef bint number = True
    cdef size_t i = 0
    out.data = rest.data
    while i < rest.size and rest.data[i] != c".":
        number = number and is_digit(rest.data[i])
        i += 1
    out.size = i
    i += i < rest.size
    rest.data += i
    rest.size -= i
    return number


# What authoring uses ------------------------------------------------------------------------------------------------

def timestamp_constant(str text not None):
    cdef int64_t micros = 0
    cdef bint cut = False
    cdef bytes encoded = text.encode()
    if not read_timestamp(Text(encoded, len(encoded)), &micros, &cut):
        raise ValueError("not an RFC 3339 timestamp of the years 0001 to 9999, such as 2026-11-20T18:00:00Z")
    if cut:
        raise ValueError("finer than a microsecond")
    return micros


def duration_constant(str text not None):
    cdef int64_t micros = 0
    cdef bint cut = False
    cdef bytes encoded = text.encode()
    if not read_duration(Text(encoded, len(encoded)), &micros, &cut):
        raise ValueError("not a duration such as 1h30m, 90s or 250ms, or too long")
    if cut:
        raise ValueError("finer than a microsecond")
    return micros


def is_semver(str text not None):
    cdef bytes encoded = text.encode()
    return bool(semver_valid(Text(encoded, len(encoded))))
