"""Elements of columns: which constants a list holds, which segments the visitor is in, which patterns a text has.

They are found at most once a decision, into a list and a bit each: tests of the index go through the list, a predicate
asks for a bit, so that a list is read once, however many rules look into it.
"""

from libc.stdint cimport uint32_t, uint64_t

from rulecore._context cimport PRESENT, Slot
from rulecore._dictionary cimport dictionary_find, integers_up_to
from rulecore._layout cimport C_HOLDS_STRING, C_MATCHES, C_SEGMENTS, NONE
from rulecore._linked cimport KNOWN, scanned
from rulecore._machine cimport count_trailing_zeros


cdef void find_elements(Linked linked, Workspace* work, uint32_t at) noexcept:
    cdef const ColumnRecord* column = &linked.image.columns[at]
    cdef ColumnState* state = &work.columns[at]
    cdef uint32_t* elements = work.elements + state.first
    cdef const Slot* slot
    cdef uint32_t i
    state.stamp = work.stamp
    for i in range(state.count):                           # of the decision before
        work.present[state.first_word + (elements[i] >> 6)] = 0
    state.count = 0
    if column.kind == C_SEGMENTS:
        state.value = not column.subject & ~work.consent and linked.ask_members(work) == KNOWN
        if state.value:
            for i in range(work.member_count):
                if linked.image.segments[work.member_list[i]].purposes == column.subject:
                    _add(work, state, work.member_list[i])
        return
    slot = &work.slots.slot[column.subject]
    state.value = slot.state == PRESENT
    if not state.value:
        return
    if column.kind == C_MATCHES:
        _add_patterns(work, state, scanned(linked, work, column.first, slot.value.text), column.class_count)
        return
    for i in range(slot.value.items.count):
        _add(work, state, _element_of(linked.image, column, work.slots.items[slot.value.items.first + i]))


cdef inline void _add(Workspace* work, ColumnState* state, uint32_t element) noexcept nogil:
    cdef uint64_t* word
    if element == NONE:
        return
    word = work.present + state.first_word + (element >> 6)
    if word[0] >> (element & 63) & 1:
        return
    word[0] |= <uint64_t> 1 << (element & 63)
    work.elements[state.first + state.count] = element
    state.count += 1


cdef void _add_patterns(Workspace* work, ColumnState* state, const uint64_t* found, uint32_t count) noexcept nogil:
    """Those whose bits are set among the first `count`; behind them, the scanner keeps notes of its own."""
    cdef uint32_t word
    cdef uint64_t bits
    for word in range((count + 63) // 64):
        bits = found[word]
        if word == count // 64:
            bits &= (<uint64_t> 1 << (count % 64)) - 1
        while bits:
            _add(work, state, word * 64 + count_trailing_zeros(bits))
            bits &= bits - 1


cdef uint32_t element_of(const Image* image, const ColumnRecord* column, Value value) noexcept nogil:
    return _element_of(image, column, value)


cdef inline uint32_t _element_of(const Image* image, const ColumnRecord* column, Value value) noexcept nogil:
    cdef uint32_t behind
    if column.kind == C_HOLDS_STRING:
        return dictionary_find(image, column.first, value.text)
    behind = integers_up_to(&image.cuts[column.first], column.count, value.integer)
    return behind - 1 if behind > 0 and image.cuts[column.first + behind - 1].integer == value.integer else NONE
