# Sorts sets by their ranks, or anything by a key of 64 bits.
from libc.stdint cimport uint16_t, uint32_t, uint64_t


cdef struct Item:
    uint64_t key
    uint32_t set


# By key; equal ones stay as they are. `room` is as large as `items`.
cdef void sort_items(Item* items, Item* room, uint64_t count) noexcept nogil
# By the numbers from `depth` on that the sets have; a set before those that it begins. Before `depth` they are equal.
cdef void sort_sets(
    Item* items, Item* room, uint64_t count, const uint32_t* starts, const uint16_t* numbers, uint32_t depth,
) noexcept nogil
