"""Loops that Python is too slow for: what one memory access takes, and what one lookup takes.

In both each step begins where the one before has ended: what is read next depends on what was read last, so that the
processor can't do two at once.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from rulecore._membership cimport Found, Membership


cdef enum:
    SEGMENTS_ROOM = 4096


def follow(const uint32_t[::1] places not None, uint32_t at, uint64_t steps):
    if at >= <uint64_t>places.shape[0]:
        raise IndexError(at)
    cdef uint64_t _
    with nogil:
        for _ in range(steps):
            at = places[at]
            if at >= <uint64_t>places.shape[0]:
                break
    return at


def look_up(
    Membership membership not None,
    const int32_t[::1] offsets not None,
    const uint8_t[::1] text not None,
    const uint64_t[::1] weights not None,
    uint64_t[::1] sums not None,
    uint64_t nothing,
):
    cdef Py_ssize_t count = sums.shape[0], i
    if offsets.shape[0] != count + 1 or weights.shape[0] < len(membership.segments):
        raise ValueError("an offset a visitor and one more, a weight a segment")
    for i in range(count):
        if not 0 <= offsets[i] <= offsets[i + 1] <= text.shape[0]:
            raise ValueError("offsets that do not fit the text")
    if nothing != 0:
        raise ValueError("nothing is 0")
    cdef uint32_t segment_ids[SEGMENTS_ROOM]
    cdef Found found
    cdef uint64_t sum = 0
    cdef int32_t segments, j
    cdef int64_t known = 0
    with nogil:
        for i in range(count):
            segments = membership.find(
                <const char*>&text[0] + offsets[i] + (sum & nothing), offsets[i + 1] - offsets[i], segment_ids, &found
            )
            sum = 0
            for j in range(segments):
                sum += weights[segment_ids[j]]
            sums[i] = sum
            known += segments >= 0
    return known
