"""Sorts millions of sets of small numbers: four numbers at a time make a key, and only sets whose keys are equal are
looked at further. What the order is for, `_records.pxd` says.
"""

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cdef enum:
    KEY_NUMBERS = 4              # of 16 bits; 0, which is none of them, stands for the end
    INSERTED = 40                # so few are sorted by insertion


cdef void sort_items(Item* items, Item* room, uint64_t count) noexcept nogil:
    cdef uint64_t starts[8][256]
    cdef uint64_t i, at, total, size
    cdef uint32_t byte, k
    cdef Item item
    cdef Item* source = items
    cdef Item* target = room
    cdef Item* other
    if count <= INSERTED:
        for i in range(1, count):
            item = items[i]
            at = i
            while at and items[at - 1].key > item.key:
                items[at] = items[at - 1]
                at -= 1
            items[at] = item
        return
    memset(starts, 0, sizeof(starts))
    for i in range(count):
        for byte in range(8):
            starts[byte][items[i].key >> (8 * byte) & 255] += 1
    for byte in range(8):                  # lowest first
        if starts[byte][source[0].key >> (8 * byte) & 255] == count:
            continue
        total = 0
        for k in range(256):
            size = starts[byte][k]
            starts[byte][k] = total
            total += size
        for i in range(count):
            k = source[i].key >> (8 * byte) & 255
            target[starts[byte][k]] = source[i]
            starts[byte][k] += 1
        other = source
        source = target
        target = other
    if source != items:
        memcpy(items, source, count * sizeof(Item))


cdef void sort_sets(
    Item* items, Item* room, uint64_t count, const uint32_t* starts, const uint16_t* numbers, uint32_t depth,
) noexcept nogil:
    cdef uint64_t i, j, k, key
    cdef uint32_t start, end
    if count < 2:
        return
    for i in range(count):
        start = starts[items[i].set] + depth
        end = starts[items[i].set + 1]
        key = 0
        for k in range(KEY_NUMBERS):
            key = key << 16 | (numbers[start + k] if start + k < end else 0)
        items[i].key = key
    sort_items(items, room, count)
    i = 0
    while i < count:
        j = i + 1
        while j < count and items[j].key == items[i].key:
            j += 1
        if j - i > 1 and items[i].key & 0xFFFF:          # not at its end, so neither are the others
            sort_sets(items + i, room, j - i, starts, numbers, depth + KEY_NUMBERS)
        i = j
