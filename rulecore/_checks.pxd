# What the passes of verification share: faults, and checks of names, text and references. Each takes constant time,
# for the bytes of POOL have been checked as a whole: so however often an image says a thing, verifying it is linear.
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from rulecore._bundle cimport Image, span_text
from rulecore._context cimport T_INT, T_STRING
from rulecore._layout cimport Span
from rulecore._text cimport text_compare


cdef enum:
    PREFIX_BYTES = 272       # LIMITS.salt_bytes_max, a zero byte, the longest purpose, a zero byte
    NAME_BYTES = 64          # of placements, variants, rules, segments, experiments
    DEPTH = 64               # LIMITS.expression_depth_max, formula_depth_max


cdef struct Fault:
    const char* what         # NULL: none
    size_t offset


cdef inline Fault fault(const char* what, size_t offset) noexcept nogil:
    cdef Fault found
    found.what = what
    found.offset = offset
    return found


cdef inline Fault fault_in(const Image* image, const void* record, const char* what) noexcept nogil:
    return fault(what, <size_t> (<const uint8_t*> record - image.base))


cdef inline Fault sound() noexcept nogil:
    return fault(NULL, 0)


cdef inline const char* unless(bint good, const char* what) noexcept nogil:
    if good:
        return NULL
    return what


cdef inline bint in_pool(const Image* image, Span span) noexcept nogil:
    return span.offset <= image.pool_size and span.size <= image.pool_size - span.offset


cdef inline bint _begins(const Image* image, size_t at) noexcept nogil:
    """Whether a character begins here, or the pool ends."""
    return at == image.pool_size or (<uint8_t> image.pool[at] & 0xC0) != 0x80


cdef inline bint is_text(const Image* image, Span span) noexcept nogil:
    return (in_pool(image, span) and _begins(image, span.offset)
            and _begins(image, <size_t> span.offset + span.size))


cdef inline bint is_line(const Image* image, Span span) noexcept nogil:
    """Text without control characters, so that it can stand in a header or a log."""
    return is_text(image, span) and <size_t> span.offset + span.size <= image.meta.lines_end


cdef inline bint is_name(const Image* image, Span span) noexcept nogil:
    """[a-z][a-z0-9_-]{0,63}"""
    cdef uint32_t end = image.meta.names_end
    return (0 < span.size <= NAME_BYTES and span.offset < end and span.size <= end - span.offset
            and image.pool[span.offset] >= c'a')


cdef inline bint is_prefix(const Image* image, Span span) noexcept nogil:
    return span.size <= PREFIX_BYTES and is_text(image, span)


cdef inline bint is_after(const Image* image, Span later, Span earlier) noexcept nogil:
    return text_compare(span_text(image, later), span_text(image, earlier)) > 0


cdef inline bint are_purposes(const Image* image, uint64_t bits) noexcept nogil:
    return image.purpose_count == 64 or bits >> image.purpose_count == 0


cdef inline bint is_slot(const Image* image, uint32_t slot, int kind) noexcept nogil:
    return slot < image.attribute_count and image.attributes[slot].type == kind


cdef inline bint is_unit(const Image* image, uint32_t slot) noexcept nogil:
    return is_slot(image, slot, T_STRING) or is_slot(image, slot, T_INT)
