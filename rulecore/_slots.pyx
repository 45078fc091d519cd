"""The workspace that a context is read into: a slot for each attribute, list elements, and scratch memory for text.

All of it is kept from one decision to the next, so that none is allocated once it has grown to what contexts need.
What goes into the slots is `_context`'s business, what they mean the engine's.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset


cdef enum:
    SCRATCH_BYTES_MIN = 1024
    ITEMS_MIN = 32


cdef struct Chunk:           # stands before each chunk of scratch memory
    Chunk* older


cdef Slots* slots_new(uint32_t count) except NULL:
    cdef Slots* slots = <Slots*>calloc(1, sizeof(Slots))
    if slots == NULL:
        raise MemoryError
    slots.slot = <Slot*>calloc(max(count, 1), sizeof(Slot))
    if slots.slot == NULL:
        free(slots)
        raise MemoryError
    slots.count = count
    return slots


cdef void slots_free(Slots* slots) noexcept:
    if slots == NULL:
        return
    free_chunks(slots.scratch)
    free(slots.items)
    free(slots.slot)
    free(slots)


cdef void slots_clear(Slots* slots) noexcept nogil:
    """All slots absent. Of the scratch only the newest chunk is kept: it is the largest."""
    cdef Chunk* chunk
    memset(slots.slot, 0, slots.count * sizeof(Slot))
    slots.items_used = 0
    slots.scratch_used = 0
    if slots.scratch != NULL:
        chunk = <Chunk*>slots.scratch - 1
        if chunk.older != NULL:
            free_chunks(<char*>(chunk.older + 1))
            chunk.older = NULL


cdef char* slots_scratch(Slots* slots, size_t size) noexcept nogil:
    cdef Chunk* chunk
    cdef size_t room
    if slots.scratch == NULL or size > slots.scratch_room - slots.scratch_used:
        room = max(max(2 * slots.scratch_room, size), <size_t>SCRATCH_BYTES_MIN)
        chunk = <Chunk*>malloc(sizeof(Chunk) + room)
        if chunk == NULL:
            return NULL
        chunk.older = NULL if slots.scratch == NULL else <Chunk*>slots.scratch - 1
        slots.scratch = <char*>(chunk + 1)
        slots.scratch_room = room
        slots.scratch_used = 0
    slots.scratch_used += size
    return slots.scratch + slots.scratch_used - size


cdef void free_chunks(char* scratch) noexcept nogil:
    cdef Chunk* chunk
    cdef Chunk* older
    if scratch == NULL:
        return
    chunk = <Chunk*>scratch - 1
    while chunk != NULL:
        older = chunk.older
        free(chunk)
        chunk = older


cdef bint slots_grow_items(Slots* slots) noexcept nogil:
    cdef uint32_t room = max(2 * slots.items_room, <uint32_t>ITEMS_MIN)
    cdef Value* items = <Value*>realloc(slots.items, room * sizeof(Value))
    if items == NULL:
        return False
    slots.items = items
    slots.items_room = room
    return True


# As Python's values -------------------------------------------------------------------------------------------------

cdef object slot_object(Slots* slots, uint32_t index, uint8_t kind):
    cdef Slot* slot = &slots.slot[index]
    cdef ListView view
    if slot.state != PRESENT:
        return None
    if kind == T_LIST_STRING or kind == T_LIST_INT:
        view = slot.value.items
        return [
            value_object(slots.items[i], T_STRING if kind == T_LIST_STRING else T_INT)
            for i in range(view.first, view.first + view.count)
        ]
    return value_object(slot.value, kind)


cdef object value_object(Value value, uint8_t kind):
    if kind == T_BOOL:
        return bool(value.integer)
    if kind == T_DOUBLE:
        return value.real
    if kind == T_STRING:
        return value.text.data[:value.text.size].decode()
    return value.integer
