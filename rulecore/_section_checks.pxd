# What verifying an image that is a table of sections takes, whichever image it is: faults, sections and texts.
#
# A table has one entry a section: offset, length and checksum (XXH64), 8 bytes each. Sections are aligned to 8 bytes
# and lie one after the other with nothing between them but zero padding. Texts are n + 1 starts (4 bytes each), then
# the texts one after the other. `image` is always the image's first byte: faults say where they are from there.
from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef enum:
    SECTION_ENTRY_BYTES = 24


cdef enum FaultKind:
    SOUND, DAMAGED, NEWER, FEATURE


cdef struct Fault:
    FaultKind kind
    const char* what
    uint64_t at


cdef inline Fault fault_of(FaultKind kind, const char* what, uint64_t at) noexcept nogil:
    cdef Fault fault
    fault.kind = kind
    fault.what = what
    fault.at = at
    return fault


cdef inline Fault sound() noexcept nogil:
    return fault_of(SOUND, NULL, 0)


cdef inline Fault damaged(const char* what, uint64_t at) noexcept nogil:
    return fault_of(DAMAGED, what, at)


# A section by its entry's place in the image. `end` is where the section before it ends (at first, where the table
# does), and then where this one does. Its checksum is compared only if `summed`, which reads all of it.
cdef Fault check_section(
    const uint8_t* image, uint64_t image_size, uint64_t entry, bint summed, uint64_t* end
) noexcept nogil
# Bounds, lengths and valid UTF-8, of all texts of a section; and that each is greater than the one before.
cdef Fault verify_texts(
    const uint8_t* image, const uint8_t* data, uint64_t size, uint64_t count, uint64_t bytes_max, bint ascending
) noexcept nogil
# Texts of 1 to 64 bytes.
cdef Fault verify_names(
    const uint8_t* image, const uint8_t* data, uint64_t size, uint64_t count, bint ascending
) noexcept nogil
# A text of a section that was verified, as a str.
cdef object text_at(const uint8_t* data, uint64_t count, uint64_t i)
# ImageError, ImageVersionError or ImageFeatureError for what is not sound.
cdef int raise_fault(Fault fault) except -1
