"""Numbers what a snapshot says of its visitors, sets and values, from the most frequent to the least.

Which codes the numbers get belongs to `rulecore.codes`, the order of sets within one length of code to
`_record_writer`.
"""

from cpython.bytearray cimport PyByteArray_AS_STRING
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from rulecore._buffer cimport BufferView


cdef enum:
    DIGITS = 65536


cdef inline uint32_t* numbers_of(BufferView view) noexcept nogil:
    return <uint32_t*>view.data


cdef bytearray room(uint64_t size):
    return bytearray(max(size, 1))         # of no bytes there is no address


cdef inline uint8_t* address(bytearray data) noexcept:
    return <uint8_t*>PyByteArray_AS_STRING(data)


def weigh(ids, uint64_t count):
    cdef BufferView view = BufferView(ids)
    cdef uint64_t rows = view.size // 4, i
    cdef uint32_t* of_row = numbers_of(view)
    cdef bytearray weights = room(4 * count)
    cdef uint32_t* weight = <uint32_t*>address(weights)
    with nogil:
        for i in range(rows):
            if of_row[i] >= count:
                break
            weight[of_row[i]] += 1
        else:
            i = rows
    if i < rows:
        raise ValueError(f"row {i} has number {of_row[i]} where there are {count}")
    return bytes(weights[:4 * count])


def most_frequent_first(weights):
    cdef BufferView view = BufferView(weights)
    cdef uint64_t count = view.size // 4, i
    cdef uint32_t* weight = numbers_of(view)
    cdef bytearray first = room(4 * count), second = room(4 * count)
    cdef uint32_t* order = <uint32_t*>address(first)
    cdef uint32_t* spare = <uint32_t*>address(second)
    cdef uint64_t* starts = <uint64_t*>calloc(DIGITS, 8)
    cdef uint64_t run
    if starts == NULL:
        raise MemoryError
    with nogil:
        for i in range(count):
            spare[i] = <uint32_t>i
        sort_by_digit(spare, order, weight, count, 0, starts)
        sort_by_digit(order, spare, weight, count, 16, starts)
    free(starts)
    runs = []
    run = 0
    for i in range(1, count + 1):
        if i == count or weight[spare[i]] != weight[spare[run]]:
            runs.append((weight[spare[run]], i - run))
            run = i
    return bytes(second[:4 * count]), runs


# One pass of a radix sort, the largest digits first; those with the same one stay in their order.
cdef void sort_by_digit(
    const uint32_t* source, uint32_t* target, const uint32_t* weight, uint64_t count, int shift, uint64_t* starts
) noexcept nogil:
    cdef uint64_t i, at = 0, here
    cdef int32_t digit
    memset(starts, 0, DIGITS * 8)
    for i in range(count):
        starts[weight[source[i]] >> shift & (DIGITS - 1)] += 1
    digit = DIGITS - 1
    while digit >= 0:
        here = starts[digit]
        starts[digit] = at
        at += here
        digit -= 1
    for i in range(count):
        here = weight[source[i]] >> shift & (DIGITS - 1)
        target[starts[here]] = source[i]
        starts[here] += 1


def renumber(ids, order):
    cdef BufferView view = BufferView(ids), order_view = BufferView(order)
    cdef uint64_t rows = view.size // 4, count = order_view.size // 4, i
    cdef uint32_t* old = numbers_of(view)
    cdef uint32_t* old_at = numbers_of(order_view)
    cdef bytearray numbers = room(4 * count), renumbered = room(4 * rows)
    cdef uint32_t* new_of = <uint32_t*>address(numbers)
    cdef uint32_t* new = <uint32_t*>address(renumbered)
    for i in range(count):
        if old_at[i] >= count:
            raise ValueError("the order names a number that there is not")
    with nogil:
        for i in range(count):
            new_of[old_at[i]] = <uint32_t>i
        for i in range(rows):
            if old[i] >= count:
                break
            new[i] = new_of[old[i]]
        else:
            i = rows
    if i < rows:
        raise ValueError(f"row {i} has number {old[i]} where there are {count}")
    return bytes(renumbered[:4 * rows])


def segment_sizes(weights, set_starts, members, uint32_t segments):
    cdef BufferView weight_view = BufferView(weights), start_view = BufferView(set_starts)
    cdef BufferView member_view = BufferView(members)
    cdef uint32_t* weight = numbers_of(weight_view)
    cdef uint32_t* starts = numbers_of(start_view)
    cdef const uint16_t* member = <const uint16_t*>member_view.data
    cdef uint64_t count = weight_view.size // 4, i, j
    cdef bytearray sizes = room(8 * <uint64_t>segments)
    cdef uint64_t* size = <uint64_t*>address(sizes)
    if start_view.size != 4 * (count + 1) or (count and 2 * <uint64_t>starts[count] != member_view.size):
        raise ValueError("the sets' starts do not fit their weights or members")
    for i in range(count):
        for j in range(starts[i], starts[i + 1]):
            if member[j] >= segments:
                raise ValueError(f"set {i} holds segment {member[j]} where there are {segments}")
            size[member[j]] += weight[i]
    return bytes(sizes[:8 * <uint64_t>segments])


def reorder(values, uint32_t width, order):
    cdef BufferView view = BufferView(values), order_view = BufferView(order)
    cdef uint64_t count = order_view.size // 4, i
    cdef uint32_t* old_at = numbers_of(order_view)
    cdef bytearray reordered = room(width * count)
    cdef uint8_t* data = address(reordered)
    if view.size != width * count:
        raise ValueError("the order is not of as many values as there are")
    for i in range(count):
        if old_at[i] >= count:
            raise ValueError("the order names a value that there is not")
        memcpy(data + width * i, view.data + width * <uint64_t>old_at[i], width)
    return bytes(reordered[:width * count])


def reorder_texts(texts, order):
    cdef BufferView view = BufferView(texts), order_view = BufferView(order)
    cdef uint64_t count = order_view.size // 4, i, at = 0, begin, end
    cdef uint32_t* old_at = numbers_of(order_view)
    cdef uint32_t* old = numbers_of(view)
    cdef bytearray reordered = room(view.size)
    cdef uint8_t* data = address(reordered)
    cdef uint32_t* starts = <uint32_t*>data
    if view.size < 4 * (count + 1) or view.size - 4 * (count + 1) != old[count]:
        raise ValueError("the order is not of as many texts as there are")
    for i in range(count):
        if old_at[i] >= count:
            raise ValueError("the order names a text that there is not")
        begin = old[old_at[i]]
        end = old[old_at[i] + 1]
        if begin > end or end > old[count] or end - begin > old[count] - at:
            raise ValueError("a text does not lie where its start says")
        starts[i] = <uint32_t>at
        memcpy(data + 4 * (count + 1) + at, view.data + 4 * (count + 1) + begin, end - begin)
        at += end - begin
    starts[count] = <uint32_t>at
    return bytes(reordered[:view.size])
