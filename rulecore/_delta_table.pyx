"""A chain of deltas, merged into one table that is asked before the base. Whether they fit is for `rulecore.chain`.

Most visitors have not changed, so what counts is a miss, and that the base's own lookup need not wait for it:

    key ──top bits──> FILTER: one word of 64 bits, are the key's four bits set?
                        ├─ no ──> unchanged: 1 read out of 1 MB, which caches hold; a branch that goes this way 99 times
                        │         in 100, so that the processor goes on to the base before the read has come back
                        └─ yes ─> SLOTS: one line of 64 bytes with room for four, half full; on to the next if need be
                                    └─ key ──> its image's row and set ──> MEMBERS

Slots are in ascending order of key, all over the table (ordered hashing; Amble and Knuth, 1974): a key's line is its
share of the whole range, so a table is written from front to back out of sorted entries, without probing, and a search
ends at the first greater key. Entries are merged by pairs of neighbouring deltas, the newer one's before the older's.

Unit keys are uniform unless somebody chose them. To keep every search short, entries that lie further from their line
than uniform ones ever do are refused.
"""

from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset
from posix.mman cimport madvise, MADV_HUGEPAGE
from posix.stdlib cimport posix_memalign

from rulecore._delta cimport DeltaImage
from rulecore._delta_layout cimport DeltaView
from rulecore._machine cimport load16, load32, load64
from rulecore._slots cimport Slots, slots_free, slots_new, slot_object
from rulecore._values cimport value_at

from rulecore.chain import check_chain
from rulecore.errors import ImageError
from rulecore.limits import LIMITS


cdef enum:
    ROW_BITS = 19
    IMAGE_BITS = 6
    COUNT_SHIFT = ROW_BITS + IMAGE_BITS
    MANY = 126                   # in place of a number of segments: as many as its image says
    TOMBSTONE = 127
    ENTRIES_PER_LINE = 2
    ENTRIES_PER_WORD = 4         # 16 bits of the filter each
    CROWD_MAX = 1024             # slots from the beginning of its line to an entry; uniform keys need a dozen
    LINE_BYTES = 64
    HUGE_BYTES = 2 << 20
    SEGMENTS_ROOM = 4096


cdef enum Outcome:
    DONE, CROWDED, NO_MEMORY

if LIMITS.delta_entries_max >= 1 << ROW_BITS or LIMITS.deltas_max > IMAGES_ROOM:
    raise ImportError("DeltaTable has too little room for what LIMITS allows")
if LIMITS.segments_per_visitor_max > SEGMENTS_ROOM:
    raise ImportError("DeltaTable has too little room for LIMITS.segments_per_visitor_max segments")


cdef class DeltaTable:
    def __cinit__(self, images, base_checksum, epoch, segments, columns):
        cdef DeltaImage image
        cdef uint64_t total = 0
        cdef int outcome
        self.images = tuple(images)
        self.segments = check_chain(self.images, base_checksum, epoch, segments, columns)
        self.columns = tuple(columns)
        self.image_count = len(self.images)
        for i, image in enumerate(self.images):
            self.views[i] = &image.view
            self.version = image.view.version
            total += image.view.entries
        with nogil:
            outcome = self.fill(total)
        if outcome == NO_MEMORY:
            raise MemoryError
        if outcome == CROWDED:
            raise ImageError("the unit keys of the deltas crowd together, as those of visitors never do")

    def __dealloc__(self):
        free(self.words)
        free(self.slots)

    @property
    def memory(self):
        return 8 * self.word_count + sizeof(DeltaSlot) * self.slot_room

    def lookup(self, uint64_t key):
        cdef uint32_t segment_ids[SEGMENTS_ROOM]
        cdef int32_t ref = self.find(key)
        cdef uint32_t i
        if ref == UNCHANGED:
            raise KeyError(f"{key:016x}")
        if ref == ERASED:
            return None
        return [self.segments[segment_ids[i]] for i in range(self.segments_of(ref, segment_ids))]

    def values(self, uint64_t key):
        cdef int32_t ref = self.find(key)
        cdef uint32_t column
        cdef Slots* slots
        if ref == UNCHANGED:
            raise KeyError(f"{key:016x}")
        found = {}
        if ref == ERASED:
            return found
        slots = slots_new(1)
        try:
            for column, (name, _) in enumerate(self.columns):
                if self.value_of(column, ref, slots, 0):
                    found[name] = slot_object(slots, 0, self.views[0].column[column].values.type)
        finally:
            slots_free(slots)
        return found

    cdef int fill(self, uint64_t total) noexcept nogil:
        # What is merged alternates between two halves of `room`, each pass with half as many runs.
        cdef DeltaSlot* room = <DeltaSlot*>malloc(2 * (total + 1) * sizeof(DeltaSlot))
        cdef DeltaSlot* source = room
        cdef DeltaSlot* target = room + total
        cdef uint64_t ends[IMAGES_ROOM + 1]
        cdef uint64_t runs = <uint64_t>self.image_count, count = 0, i
        cdef int outcome
        if room == NULL:                   # no memory
            return NO_MEMORY
        ends[0] = 0
        for i in range(runs):
            take_entries(self.views[i], <uint32_t>i, source + count)
            count += self.views[i].entries
            ends[i + 1] = count
        while runs > 1:
            count = 0
            for i in range(0, runs, 2):
                count += merge_runs(
                    source + ends[i], source + ends[i + 1], source + ends[min(i + 2, runs)], target + count
                )
                ends[i // 2 + 1] = count           # not read again: those of later runs lie further on
            runs = (runs + 1) // 2
            source, target = target, source
        outcome = self.spread(source, count)
        free(room)
        return outcome

    cdef int spread(self, const DeltaSlot* source, uint64_t count) noexcept nogil:
        cdef uint64_t i, line, at = 0
        self.entries = count
        self.lines = count // ENTRIES_PER_LINE + 1
        self.slot_room = SLOTS_PER_LINE * (self.lines + 1) + CROWD_MAX       # so that a free one ends every search
        self.word_count = count // ENTRIES_PER_WORD + 1
        self.words = <uint64_t*>zeroed(8 * self.word_count)
        self.slots = <DeltaSlot*>zeroed(sizeof(DeltaSlot) * self.slot_room)
        if self.words == NULL or self.slots == NULL:       # no memory
            return NO_MEMORY
        for i in range(count):
            line = SLOTS_PER_LINE * scaled(source[i].key, self.lines)
            at = max(at, line)
            if at - line > CROWD_MAX:
                return CROWDED
            self.slots[at] = source[i]
            at += 1
            self.words[scaled(source[i].key, self.word_count)] |= filter_bits(source[i].key)
            self.tombstones += source[i].place >> COUNT_SHIFT == TOMBSTONE
        return DONE

    cdef int32_t find_slot(self, uint64_t key) noexcept nogil:
        cdef uint64_t at = SLOTS_PER_LINE * scaled(key, self.lines)
        while self.slots[at].place and self.slots[at].key < key:
            at += 1
        if self.slots[at].place == 0 or self.slots[at].key != key:
            return UNCHANGED
        if self.slots[at].place >> COUNT_SHIFT == TOMBSTONE:
            return ERASED
        return <int32_t>at

    cdef uint32_t segments_of(self, int32_t ref, uint32_t* segment_ids) noexcept nogil:
        cdef const DeltaSlot* slot = &self.slots[ref]
        cdef const DeltaView* view = self.views[image_of(slot)]
        cdef uint32_t count = slot.place >> COUNT_SHIFT, i
        cdef uint64_t set_id
        if count == MANY:
            set_id = load32(view.set_ids + 4 * row_of(slot)) - 1
            count = load32(view.set_starts + 4 * (set_id + 1)) - slot.start
        for i in range(count):
            segment_ids[i] = load16(view.member_ids + 2 * (<uint64_t>slot.start + i))
        return count

    cdef bint value_of(self, uint32_t column, int32_t ref, Slots* slots, uint32_t slot) noexcept nogil:
        cdef const DeltaSlot* entry = &self.slots[ref]
        cdef const DeltaView* view = self.views[image_of(entry)]
        cdef uint64_t value = load32(view.column[column].ids + 4 * row_of(entry))
        return value != 0 and value_at(&view.column[column].values, value - 1, slots, slot)


# What a slot's place says.

cdef inline uint32_t image_of(const DeltaSlot* slot) noexcept nogil:
    return slot.place >> ROW_BITS & (<uint32_t>1 << IMAGE_BITS) - 1


cdef inline uint64_t row_of(const DeltaSlot* slot) noexcept nogil:
    return (slot.place & (<uint32_t>1 << ROW_BITS) - 1) - 1


cdef void take_entries(const DeltaView* view, uint32_t image, DeltaSlot* out) noexcept nogil:
    cdef uint64_t row
    cdef uint32_t set_id, count, start
    for row in range(view.entries):
        set_id = load32(view.set_ids + 4 * row)
        start = 0
        count = TOMBSTONE
        if set_id:
            start = load32(view.set_starts + 4 * <uint64_t>(set_id - 1))
            count = min(load32(view.set_starts + 4 * <uint64_t>set_id) - start, <uint32_t>MANY)
        out[row].key = load64(view.keys + 8 * row)
        out[row].place = count << COUNT_SHIFT | image << ROW_BITS | <uint32_t>(row + 1)
        out[row].start = start


# Two runs in order of key, the newer one from `middle` on, as one that has each key once. Returns its length.
cdef uint64_t merge_runs(
    const DeltaSlot* older, const DeltaSlot* middle, const DeltaSlot* end, DeltaSlot* out
) noexcept nogil:
    cdef const DeltaSlot* newer = middle
    cdef DeltaSlot* at = out
    while older < middle and newer < end:
        if older.key < newer.key:
            at[0] = older[0]
            older += 1
        else:
            older += older.key == newer.key
            at[0] = newer[0]
            newer += 1
        at += 1
    memcpy(at, older, (middle - older) * sizeof(DeltaSlot))
    at += middle - older
    memcpy(at, newer, (end - newer) * sizeof(DeltaSlot))
    return <uint64_t>(at - out) + <uint64_t>(end - newer)


cdef void* zeroed(size_t size) noexcept nogil:
    # From the beginning of a cache line; what fills huge pages lies in them, so that a search misses no translation.
    cdef void* memory = NULL
    if posix_memalign(&memory, HUGE_BYTES if size >= HUGE_BYTES else LINE_BYTES, size) != 0:    # no memory
        return NULL
    if size >= HUGE_BYTES:
        madvise(memory, size - size % HUGE_BYTES, MADV_HUGEPAGE)      # a wish: without them it works as well
    memset(memory, 0, size)
    return memory
