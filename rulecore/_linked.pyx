"""A bundle linked with a membership: what stays the same from one decision to the next, and the workspaces.

Owns linking (segment names to the snapshot's ids, columns to attributes), the reading of a context, consent and
membership. What conditions make of it is `_condition`'s, what rules make of that `_verdict`'s.
"""

cimport cython
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy, memset

from rulecore._automaton cimport scanner_at, scanner_count
from rulecore._bundle cimport span_text
from rulecore._context cimport (ABSENT, MASKED, PRESENT, T_LIST_STRING, T_STRING, Slot, slots_free, slots_new,
                                slots_scratch)
from rulecore._dictionary cimport dictionary_find
from rulecore._layout cimport C_HOLDS_INTEGER, C_HOLDS_STRING, NONE, T_CLASS, IndexRecord, MetaRecord
from rulecore._text cimport text_equal

from rulecore.errors import ImageError, LinkError
from rulecore.limits import LIMITS
from rulecore.model import Source, Type

cdef extern from *:
    """
    #ifndef EDGEWISE_STAMP_END             /* low in builds for tests, so that stamps run out in them */
    #define EDGEWISE_STAMP_END (1 << 30)   /* a truth has two bits beside its stamp */
    #endif
    """
    const uint32_t STAMP_END "EDGEWISE_STAMP_END"

cdef enum:
    IDLE_MAX = 64                          # workspaces kept for the next decision
    SEGMENT_NAMES = 0                      # the dictionary of the precomputed segments
cdef uint32_t SEGMENTS_PER_VISITOR = LIMITS.segments_per_visitor_max
cdef size_t UNIT_BYTES = LIMITS.unit_bytes_max


@cython.final
cdef class Linked:
    """See `Engine`, which this is the inner half of. Raises LinkError."""

    def __cinit__(self, BundleImage bundle not None, Membership membership):
        self.bundle = bundle
        self.membership = membership
        self.image = &bundle.image
        self.idle = <Workspace**> PyMem_Calloc(IDLE_MAX, sizeof(Workspace*))
        if self.idle == NULL:
            raise MemoryError()
        self.release = f"{bundle.checksum:016x}"
        self.measure()
        if membership is not None:
            self.release += f"-{membership.checksum:016x}"

    def __init__(self, BundleImage bundle not None, Membership membership):
        attributes = bundle.attributes
        try:
            self.reader = ContextReader(tuple(a.name for a in attributes), tuple(a.type for a in attributes))
        except ValueError as error:
            raise ImageError(f"attributes that no context can give: {error}") from error
        self.place_found()
        if membership is not None:
            self.link()

    def __dealloc__(self):
        cdef uint32_t i
        for i in range(self.idle_count):
            workspace_free(self.idle[i])
        PyMem_Free(self.idle)
        PyMem_Free(self.ordinals)
        PyMem_Free(self.found_at)
        PyMem_Free(self.fills)
        PyMem_Free(self.lists)

    cdef int place_found(self) except -1:
        cdef uint32_t i
        self.scanner_count = scanner_count(self.image.automata, self.image.automata_size)
        self.found_at = <size_t*> PyMem_Malloc((self.scanner_count + 1) * sizeof(size_t))
        if self.found_at == NULL:
            raise MemoryError()
        for i in range(self.scanner_count):
            self.found_at[i] = self.found_words
            self.found_words += scanner_at(self.image.automata, i).words
        return 0

    cdef int link(self) except -1:
        cdef uint32_t i
        names = list(self.membership.segments)
        columns = dict(self.membership.columns)
        wanted = [(slot, a) for slot, a in enumerate(self.bundle.attributes) if a.source is Source.SNAPSHOT]
        missing = tuple(sorted(set(self.bundle.segments) - set(names)))
        if missing:
            raise LinkError(f"the snapshot lacks the segments {', '.join(missing)}", missing)
        missing = tuple(sorted({a.source_name for _, a in wanted} - set(columns)))
        if missing:
            raise LinkError(f"the snapshot lacks the columns {', '.join(missing)}", missing)
        for _, attribute in wanted:
            name = attribute.source_name
            if attribute.type != Type(columns[name]):
                raise LinkError(
                    f"the snapshot's column {name} is {columns[name]}, the attribute {attribute.name} {attribute.type}",
                    (name,),
                )
        ordinal_of = {name: i for i, name in enumerate(self.bundle.segments)}
        self.ordinals = <uint32_t*> PyMem_Malloc(max(len(names), 1) * sizeof(uint32_t))
        self.fills = <Fill*> PyMem_Malloc(max(len(wanted), 1) * sizeof(Fill))
        if self.ordinals == NULL or self.fills == NULL:
            raise MemoryError()
        self.ordinal_count = len(names)
        for i, name in enumerate(names):
            self.ordinals[i] = index_or_none(ordinal_of.get(name))
        column_of = {name: i for i, name in enumerate(columns)}
        for i, (slot, attribute) in enumerate(wanted):
            self.fills[i] = Fill(column_of[attribute.source_name], slot)
        self.fill_count = len(wanted)
        return 0

    # Workspaces

    cdef int measure(self) except -1:
        """How much room a workspace needs, and which columns have the elements of lists."""
        cdef const IndexRecord* index
        cdef uint32_t i, k
        cdef size_t rows, merged, words
        self.lists = <uint32_t*> PyMem_Malloc(max(self.image.attribute_count, 1) * sizeof(uint32_t))
        if self.lists == NULL:
            raise MemoryError()
        self.segment_purposes = ~<uint64_t> 0
        for i in range(self.image.segment_count):
            self.segment_purposes &= self.image.segments[i].purposes
        for i in range(self.image.attribute_count):
            self.purposes |= self.image.attributes[i].purposes
            self.lists[i] = NONE
        for i in range(self.image.column_count):
            if self.image.columns[i].kind >= C_HOLDS_STRING:
                self.element_count += self.image.columns[i].class_count
                self.present_words += self.image.columns[i].class_count // 64 + 1
            if self.image.columns[i].kind == C_HOLDS_STRING or self.image.columns[i].kind == C_HOLDS_INTEGER:
                self.lists[self.image.columns[i].subject] = i
        for i in range(self.image.index_count):
            index = &self.image.indexes[i]
            self.pick_count = max(self.pick_count, <size_t> index.test_count)
            rows = merged = 0
            words = (index.entry_count + 63) // 64
            for k in range(index.first_test, index.first_test + index.test_count):
                if self.image.tests[k].kind != T_CLASS:
                    rows += self.image.columns[self.image.tests[k].column].class_count
                    merged += words
            self.merged_words = max(self.merged_words, merged)
            self.pick_rows = max(self.pick_rows, rows)
        return 0

    cdef Workspace* workspace_new(self) except NULL:
        cdef Workspace* work = <Workspace*> PyMem_Calloc(1, sizeof(Workspace))
        if work == NULL:
            raise MemoryError()
        try:
            work.slots = slots_new(self.image.attribute_count)
        except MemoryError:
            PyMem_Free(work)
            raise
        work.truth = <uint32_t*> PyMem_Calloc(self.image.predicate_count + 1, sizeof(uint32_t))
        work.columns = <ColumnState*> PyMem_Calloc(self.image.column_count + 1, sizeof(ColumnState))
        work.elements = <uint32_t*> PyMem_Calloc(self.element_count + 1, sizeof(uint32_t))
        work.present = <uint64_t*> PyMem_Calloc(self.present_words + 1, sizeof(uint64_t))
        work.picks = <Pick*> PyMem_Calloc(self.pick_count + 1, sizeof(Pick))
        work.rows = <const uint64_t**> PyMem_Calloc(self.pick_rows + 1, sizeof(uint64_t*))
        work.merged = <uint64_t*> PyMem_Calloc(self.merged_words + 1, sizeof(uint64_t))
        work.member = <uint64_t*> PyMem_Calloc(self.image.segment_count // 64 + 1, sizeof(uint64_t))
        work.member_list = <uint32_t*> PyMem_Calloc(self.image.segment_count + 1, sizeof(uint32_t))
        work.conditions = <uint8_t*> PyMem_Calloc(self.image.condition_count + 1, 1)
        work.found_ids = <uint32_t*> PyMem_Calloc(SEGMENTS_PER_VISITOR, sizeof(uint32_t))
        work.found = <uint64_t*> PyMem_Calloc(self.found_words + 1, sizeof(uint64_t))
        work.scanned = <uint32_t*> PyMem_Calloc(self.scanner_count + 1, sizeof(uint32_t))
        if (work.truth == NULL or work.columns == NULL or work.elements == NULL or work.present == NULL
                or work.picks == NULL or work.rows == NULL or work.merged == NULL or work.member == NULL
                or work.member_list == NULL or work.conditions == NULL or work.found_ids == NULL
                or work.found == NULL or work.scanned == NULL):
            workspace_free(work)
            raise MemoryError()
        self.lay_elements(work)
        return work

    cdef void lay_elements(self, Workspace* work) noexcept:
        cdef uint32_t i, first = 0, first_word = 0
        for i in range(self.image.column_count):
            work.columns[i].first = first
            work.columns[i].first_word = first_word
            if self.image.columns[i].kind >= C_HOLDS_STRING:
                first += self.image.columns[i].class_count
                first_word += self.image.columns[i].class_count // 64 + 1

    cdef Workspace* begin(self, object context, int64_t now, bint allocates) except NULL:
        cdef Workspace* work
        cdef bytes body
        if self.idle_count > 0:
            self.idle_count -= 1
            work = self.idle[self.idle_count]
        else:
            work = self.workspace_new()
        try:
            if isinstance(context, dict):
                self.reader.read_dict(context, work.slots)
                if allocates:
                    self.pin_text(work)
            elif isinstance(context, bytes):
                body = <bytes> context
                self.reader.read_json(<const uint8_t*> <const char*> body, len(body), work.slots)
            else:
                raise TypeError(f"a context is a dict or JSON bytes, not {type(context).__name__}")
        except BaseException:
            self.end(work)
            raise
        work.members = NOT_ASKED
        work.found_count = NOT_LOOKED
        work.stamp += 1
        if work.stamp == STAMP_END:
            self.forget(work)
        self.settle(work, now)
        return work

    cdef void forget(self, Workspace* work) noexcept:
        """Starts to count stamps anew, so that none is ever met again."""
        cdef uint32_t i
        memset(work.truth, 0, self.image.predicate_count * sizeof(uint32_t))
        for i in range(self.image.column_count):
            work.columns[i].stamp = 0
        memset(work.scanned, 0, self.scanner_count * sizeof(uint32_t))
        work.stamp = 1

    cdef void end(self, Workspace* work) noexcept:
        if self.idle_count < IDLE_MAX:
            self.idle[self.idle_count] = work
            self.idle_count += 1
        else:
            workspace_free(work)

    cdef int pin_text(self, Workspace* work) except -1:
        """Copies the dict's text, which else lies in its own strings.

        Making an object can have the garbage collector call finalizers, which could change the dict.
        """
        cdef uint32_t i
        cdef Slots* slots = work.slots
        cdef int kind
        for i in range(slots.count):
            kind = self.image.attributes[i].type
            if slots.slot[i].state == PRESENT and kind == T_STRING:
                if not pin(slots, &slots.slot[i].value.text):
                    raise MemoryError()
            elif slots.slot[i].state == PRESENT and kind == T_LIST_STRING:
                for k in range(slots.slot[i].value.items.count):
                    if not pin(slots, &slots.items[slots.slot[i].value.items.first + k].text):
                        raise MemoryError()
        return 0

    # What every decision needs

    cdef void settle(self, Workspace* work, int64_t now) noexcept:
        cdef const MetaRecord* meta = self.image.meta
        cdef Slot* slots = work.slots.slot
        cdef Slot* slot = &slots[meta.now_slot]
        cdef uint32_t i, k
        if slot.state != PRESENT:
            slot.state = PRESENT
            slot.value.integer = now
        work.now = slot.value.integer
        slot = &slots[meta.timezone_slot]
        if slot.state != PRESENT:
            slot.state = PRESENT
            slot.value.text = span_text(self.image, meta.timezone)
        work.consent = 0
        slot = &slots[meta.consent_slot]
        if slot.state == PRESENT:
            for k in range(slot.value.items.count):
                for i in range(self.image.purpose_count):
                    if text_equal(work.slots.items[slot.value.items.first + k].text,
                                  span_text(self.image, self.image.purposes[i])):
                        work.consent |= <uint64_t> 1 << i
        if self.membership is not None and slots[meta.segments_slot].state != PRESENT:
            if not self.segment_purposes & ~work.consent:
                self.expect_visitor(work)
        if self.fill_count:
            self.fill_columns(work)
        if self.purposes & ~work.consent:
            for i in range(self.image.attribute_count):
                if self.image.attributes[i].purposes & ~work.consent and slots[i].state == PRESENT:
                    slots[i].state = MASKED

    cdef void expect_visitor(self, Workspace* work) noexcept:
        """Has what the lookup needs on its way from memory while the decision goes on."""
        cdef Slot* visitor = &work.slots.slot[self.image.meta.visitor_slot]
        work.found_count = -1
        if visitor.state != ABSENT and self.membership.expect(
                visitor.value.text.data, visitor.value.text.size, &work.visitor):
            work.found_count = EXPECTED

    cdef int32_t find_visitor(self, Workspace* work) noexcept:
        """Looks the visitor up, once a decision."""
        if work.found_count == NOT_LOOKED:
            self.expect_visitor(work)
        if work.found_count == EXPECTED:
            work.found_count = self.membership.find_expected(work.found_ids, &work.visitor)
        return work.found_count

    cdef void fill_columns(self, Workspace* work) noexcept:
        cdef uint32_t i, slot
        if self.find_visitor(work) < 0:
            return
        for i in range(self.fill_count):
            slot = self.fills[i].slot
            if work.slots.slot[slot].state == ABSENT:
                self.membership.column_value(self.fills[i].column, &work.visitor, work.slots, slot)

    cdef Members ask_members(self, Workspace* work) noexcept:
        cdef const MetaRecord* meta = self.image.meta
        cdef Slot* stated = &work.slots.slot[meta.segments_slot]
        cdef Slot* visitor = &work.slots.slot[meta.visitor_slot]
        cdef int32_t count
        cdef uint32_t i
        if work.members != NOT_ASKED:
            return work.members
        work.members = KNOWN
        for i in range(work.member_count):
            work.member[work.member_list[i] // 64] = 0
        work.member_count = 0
        if stated.state == PRESENT:
            for i in range(stated.value.items.count):
                self.add_member(work, dictionary_find(
                    self.image, SEGMENT_NAMES, work.slots.items[stated.value.items.first + i].text))
        elif self.membership is None:
            work.members = NO_SNAPSHOT
        elif visitor.state == ABSENT or visitor.value.text.size == 0:
            work.members = NO_VISITOR
        else:
            count = self.find_visitor(work)
            for i in range(<uint32_t> max(count, 0)):
                self.add_member(
                    work, self.ordinals[work.found_ids[i]] if work.found_ids[i] < self.ordinal_count else NONE)
        return work.members

    cdef void add_member(self, Workspace* work, uint32_t ordinal) noexcept:
        if ordinal == NONE or work.member[ordinal // 64] >> (ordinal % 64) & 1:
            return
        work.member[ordinal // 64] |= <uint64_t> 1 << (ordinal % 64)
        work.member_list[work.member_count] = ordinal
        work.member_count += 1

    cdef bint unit_text(self, Workspace* work, uint32_t slot, char* digits, Text* unit) noexcept:
        """The bytes of a unit that are hashed; False without one. `digits` has room for an int, 24 bytes.

        The visitor id is a unit even where conditions may not read it: the rule's purposes speak for it.
        """
        cdef Slot* found = &work.slots.slot[slot]
        if found.state != PRESENT and not (found.state == MASKED and slot == self.image.meta.visitor_slot):
            return False
        if self.image.attributes[slot].type == T_STRING:
            unit[0] = found.value.text
        else:
            unit.data = digits
            unit.size = snprintf(digits, 24, b"%lld", <long long> found.value.integer)
        return 0 < unit.size <= UNIT_BYTES


cdef uint32_t index_or_none(object index) except? 0:
    if index is None:
        return NONE
    return index


cdef void workspace_free(Workspace* work) noexcept:
    slots_free(work.slots)
    PyMem_Free(work.truth)
    PyMem_Free(work.columns)
    PyMem_Free(work.elements)
    PyMem_Free(work.present)
    PyMem_Free(work.merged)
    PyMem_Free(work.picks)
    PyMem_Free(work.rows)
    PyMem_Free(work.member_list)
    PyMem_Free(work.conditions)
    PyMem_Free(work.member)
    PyMem_Free(work.found_ids)
    PyMem_Free(work.found)
    PyMem_Free(work.scanned)
    PyMem_Free(work)


cdef bint pin(Slots* slots, Text* text) noexcept:
    cdef char* copy
    if text.size == 0:
        return True
    copy = slots_scratch(slots, text.size)
    if copy == NULL:
        return False
    memcpy(copy, text.data, text.size)
    text.data = copy
    return True
