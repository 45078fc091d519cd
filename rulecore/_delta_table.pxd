# A chain of deltas as one table: unit key to the newest entry. How it lies in memory is told in the .pyx.
cimport cython
from libc.stdint cimport int32_t, uint32_t, uint64_t

from rulecore._delta_layout cimport DeltaView
from rulecore._machine cimport scaled
from rulecore._slots cimport Slots


cdef enum:
    UNCHANGED = -1               # no delta has an entry for the key: ask the base
    ERASED = -2                  # a tombstone: nobody knows this visitor
    IMAGES_ROOM = 64
    SLOTS_PER_LINE = 4


cdef struct DeltaSlot:           # 16 bytes, four to a cache line
    uint64_t key
    uint32_t place               # 0: free. From the top: segments (7 bits), image (6), 1 + row (19)
    uint32_t start               # its set's first member in its image


# The bits that a key sets in its word of the filter. Its place there comes from its top bits, these from its low ones.
cdef inline uint64_t filter_bits(uint64_t key) noexcept nogil:
    return (
        <uint64_t>1 << (key & 63) | <uint64_t>1 << (key >> 6 & 63)
        | <uint64_t>1 << (key >> 12 & 63) | <uint64_t>1 << (key >> 18 & 63)
    )


@cython.final
cdef class DeltaTable:
    cdef readonly tuple segments           # names by id, the base's first
    cdef readonly tuple columns            # (name, type), by column
    cdef readonly uint32_t version         # of the last delta; 0 without one
    cdef readonly uint64_t entries         # of different visitors
    cdef readonly uint64_t tombstones
    cdef tuple images                      # holds what `views` point to
    cdef const DeltaView* views[IMAGES_ROOM]
    cdef uint32_t image_count
    cdef uint64_t* words                   # the filter
    cdef uint64_t word_count
    cdef DeltaSlot* slots
    cdef uint64_t lines
    cdef uint64_t slot_room
    cdef int fill(self, uint64_t total) noexcept nogil
    cdef int spread(self, const DeltaSlot* source, uint64_t count) noexcept nogil
    cdef int32_t find_slot(self, uint64_t key) noexcept nogil

    # An entry's reference, UNCHANGED or ERASED.
    cdef inline int32_t find(self, uint64_t key) noexcept nogil:
        cdef uint64_t bits = filter_bits(key)
        if self.words[scaled(key, self.word_count)] & bits != bits:
            return UNCHANGED
        return self.find_slot(key)

    # Writes the ids of an entry's segments, ascending, at most LIMITS.segments_per_visitor_max; returns how many.
    cdef uint32_t segments_of(self, int32_t ref, uint32_t* segment_ids) noexcept nogil
    # False when the visitor has no value in this column. Text lies in the image.
    cdef bint value_of(self, uint32_t column, int32_t ref, Slots* slots, uint32_t slot) noexcept nogil
