"""Values into classes: what the index knows of a decision.

`rulecore.columns` says what the classes are; here a slot, a truth or the visitor's segments find theirs. Each column
is asked at most once a decision, and only when some test of an index needs it.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from rulecore._bundle cimport Image
from rulecore._condition cimport ERROR, Truth, truth
from rulecore._context cimport PRESENT, Slot, Value
from rulecore._dictionary cimport dictionary_find
from rulecore._layout cimport *
from rulecore._linked cimport KNOWN, scanned

cdef extern from *:
    int count_trailing_zeros "__builtin_ctzll"(unsigned long long word) nogil


cdef enum:
    ABSENT_CLASS = 0
    PRESENT_CLASS = 1        # of any other string, of numbers below all constants
    STRING_CLASS = 2         # of the first constant


cdef void classify(Linked linked, Workspace* work, uint32_t at) noexcept:
    cdef const ColumnRecord* column = &linked.image.columns[at]
    cdef ColumnState* state = &work.columns[at]
    cdef Truth known
    state.stamp = work.stamp
    state.count = 0
    if column.kind >= C_HOLDS_STRING:
        _find_elements(linked, work, column, state)
    elif column.kind == C_TRUTH:
        known = truth(linked, work, <uint32_t> column.subject)
        state.value = ABSENT_CLASS if known == ERROR else <uint32_t> known
    else:
        state.value = _class_of_slot(linked.image, column, &work.slots.slot[column.subject])


cdef inline uint32_t _class_of_slot(const Image* image, const ColumnRecord* column, const Slot* slot) noexcept nogil:
    cdef uint32_t number
    if slot.state != PRESENT:
        return ABSENT_CLASS
    if column.kind == C_STRING:
        number = dictionary_find(image, column.first, slot.value.text)
        return PRESENT_CLASS if number == NONE else STRING_CLASS + number
    if column.kind == C_INTEGER:
        return PRESENT_CLASS + _integers_up_to(&image.cuts[column.first], column.count, slot.value.integer)
    if column.kind == C_REAL:
        if slot.value.real != slot.value.real:
            return STRING_CLASS + column.count         # a class of its own, behind all others
        return PRESENT_CLASS + _reals_up_to(&image.cuts[column.first], column.count, slot.value.real)
    return 2 if slot.value.integer else 1


cdef inline uint32_t _integers_up_to(const Operand* cuts, uint32_t count, int64_t value) noexcept nogil:
    """How many of the cuts, which ascend, are at most `value`. The branch is a conditional move."""
    cdef uint32_t first = 0, half
    while count > 0:
        half = count >> 1
        if cuts[first + half].integer <= value:
            first += half + 1
            count -= half + 1
        else:
            count = half
    return first


cdef inline uint32_t _reals_up_to(const Operand* cuts, uint32_t count, double value) noexcept nogil:
    cdef uint32_t first = 0, half
    while count > 0:
        half = count >> 1
        if cuts[first + half].real <= value:
            first += half + 1
            count -= half + 1
        else:
            count = half
    return first


cdef void _find_elements(Linked linked, Workspace* work, const ColumnRecord* column, ColumnState* state) noexcept:
    """The elements of a column that are there, each once."""
    cdef const Slot* slot
    cdef uint32_t i, number
    cdef uint32_t* elements = work.elements + state.first
    if column.kind == C_SEGMENTS:
        state.value = not column.subject & ~work.consent and linked.ask_members(work) == KNOWN
        if not state.value:
            return
        for i in range(work.member_count):
            number = work.member_list[i]
            if linked.image.segments[number].purposes == column.subject:
                elements[state.count] = number
                state.count += 1
        return
    slot = &work.slots.slot[column.subject]
    state.value = slot.state == PRESENT
    if not state.value:
        return
    if column.kind == C_MATCHES:
        _find_patterns(scanned(linked, work, column.first, slot.value.text), column.class_count, elements, state)
        return
    for i in range(slot.value.items.count):
        number = _element_of(linked.image, column, work.slots.items[slot.value.items.first + i])
        if number != NONE and not work.seen[number >> 6] >> (number & 63) & 1:
            work.seen[number >> 6] |= <uint64_t> 1 << (number & 63)
            elements[state.count] = number
            state.count += 1
    for i in range(state.count):
        work.seen[elements[i] >> 6] = 0


cdef void _find_patterns(const uint64_t* found, uint32_t count, uint32_t* elements, ColumnState* state) noexcept nogil:
    """The numbers of the patterns that were found: of the bits that are set among the first `count`."""
    cdef uint32_t word
    cdef uint64_t bits
    for word in range((count + 63) // 64):
        bits = found[word]
        if word == count // 64:
            bits &= (<uint64_t> 1 << (count % 64)) - 1         # behind them, the scanner keeps notes of its own
        while bits:
            elements[state.count] = word * 64 + count_trailing_zeros(bits)
            state.count += 1
            bits &= bits - 1


cdef inline uint32_t _element_of(const Image* image, const ColumnRecord* column, Value value) noexcept nogil:
    cdef uint32_t behind
    if column.kind == C_HOLDS_STRING:
        return dictionary_find(image, column.first, value.text)
    behind = _integers_up_to(&image.cuts[column.first], column.count, value.integer)
    return behind - 1 if behind > 0 and image.cuts[column.first + behind - 1].integer == value.integer else NONE
