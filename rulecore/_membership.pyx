"""A snapshot image and the deltas on top of it, with the keys to look visitors up in them by id.

What the keys are is in `rulecore.keys`, what the images are in `_snapshot_layout.pxd` and `_delta_layout.pxd`: no
form shows here, so that each can change without its callers. A visitor is looked for in the deltas first: there a
visitor has the whole new set, or is gone.
"""

from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memcpy

from rulecore._delta_table cimport DeltaTable, ERASED
from rulecore._hash cimport siphash_64, siphash_128, xxh64
from rulecore._retrieval cimport retrieval_prefetch
from rulecore._slots cimport Slots, slots_free, slots_new, slot_object
from rulecore._snapshot cimport SnapshotImage

from rulecore._delta import DeltaImage
from rulecore._populate import populate
from rulecore.keys import PSEUDONYM_PREFIX
from rulecore.limits import LIMITS
from rulecore.mapping import map_file
from rulecore.model import Type


cdef enum:
    SEGMENTS_ROOM = 4096
    MESSAGE_ROOM = 512
    INSERTED_MAX = 64

cdef size_t UNIT_BYTES_MAX = LIMITS.unit_bytes_max
cdef dict TYPES = {kind.value: number for number, kind in enumerate(Type)}       # by name, as ValueType
cdef bytes PREFIX = PSEUDONYM_PREFIX
cdef const uint8_t* prefix = PREFIX
cdef size_t prefix_size = <size_t>len(PREFIX)

if UNIT_BYTES_MAX + prefix_size > MESSAGE_ROOM or LIMITS.segments_per_visitor_max > SEGMENTS_ROOM:
    raise ImportError("Membership has too little room for what LIMITS allows")


cdef int compare(const void* a, const void* b) noexcept nogil:
    cdef uint32_t x = (<const uint32_t*>a)[0], y = (<const uint32_t*>b)[0]
    return <int>(x > y) - <int>(x < y)


# Ids of one visitor are few, as a rule.
cdef void sort(uint32_t* ids, int32_t count) noexcept nogil:
    cdef int32_t i, j
    cdef uint32_t moved
    if count > INSERTED_MAX:
        qsort(ids, count, sizeof(uint32_t), compare)
        return
    for i in range(1, count):
        moved = ids[i]
        j = i
        while j > 0 and ids[j - 1] > moved:
            ids[j] = ids[j - 1]
            j -= 1
        ids[j] = moved


cdef class Membership:
    def __cinit__(self, data, keys, deltas=()):
        cdef SnapshotImage image = SnapshotImage(data)
        cdef bytes site_secret = keys.site_secret, epoch_key = keys.epoch_key(image.epoch)
        cdef uint64_t chain[2]
        if len(site_secret) != 16 or len(epoch_key) != 16:
            raise ValueError("a membership key has 16 bytes")
        memcpy(self.site_secret, <const uint8_t*>site_secret, 16)
        memcpy(self.epoch_key, <const uint8_t*>epoch_key, 16)
        self.data = data
        self.image = image
        self.segments = image.segments
        self.columns = image.columns
        self.checksum = image.view.checksum
        images = [DeltaImage(delta) for delta in deltas]
        if images:
            self.deltas = DeltaTable(images, image.checksum, image.epoch, image.segments, image.columns)
            self.segments = self.deltas.segments
            chain[0] = image.checksum
            chain[1] = images[len(images) - 1].stands_for
            self.checksum = xxh64(<const uint8_t*>chain, sizeof(chain), 0)

    @staticmethod
    def open(path, keys, deltas=()):
        return Membership(map_file(path), keys, [map_file(delta) for delta in deltas])

    def populate(self):
        populate(self.data)

    @property
    def base_checksum(self):
        return self.image.view.checksum

    @property
    def version(self):
        return 0 if self.deltas is None else self.deltas.version

    @property
    def visitors(self):
        return self.image.visitors

    @property
    def epoch(self):
        return self.image.epoch

    def lookup(self, str visitor_id not None):
        cdef uint32_t segment_ids[SEGMENTS_ROOM]
        cdef Found found
        cdef Py_ssize_t size
        cdef const char* text = PyUnicode_AsUTF8AndSize(visitor_id, &size)
        cdef int32_t count = self.find(text, <size_t>size, segment_ids, &found), i
        if count < 0:
            return None
        sort(segment_ids, count)
        names = PyList_New(count)
        for i in range(count):
            name = <object>PyTuple_GET_ITEM(self.segments, segment_ids[i])
            Py_INCREF(name)
            PyList_SET_ITEM(names, i, name)
        return names

    def values(self, str visitor_id not None):
        cdef uint32_t segment_ids[SEGMENTS_ROOM]
        cdef Found found
        cdef uint32_t column
        cdef Slots* slots
        cdef Py_ssize_t size
        cdef const char* text = PyUnicode_AsUTF8AndSize(visitor_id, &size)
        values = {}
        if self.find(text, <size_t>size, segment_ids, &found) < 0:
            return values
        slots = slots_new(1)
        try:
            for column, (name, kind) in enumerate(self.columns):
                if self.column_value(column, &found, slots, 0):
                    values[name] = slot_object(slots, 0, TYPES[kind])
        finally:
            slots_free(slots)
        return values

    cdef int32_t find(self, const char* visitor_id, size_t size, uint32_t* segment_ids, Found* found) noexcept nogil:
        if not self.expect(visitor_id, size, found):
            return -1
        return self.find_expected(segment_ids, found)

    cdef bint expect(self, const char* visitor_id, size_t size, Found* found) noexcept nogil:
        cdef uint8_t message[MESSAGE_ROOM]
        cdef uint8_t pseudonym[16]
        if size == 0 or size > UNIT_BYTES_MAX:
            return False
        memcpy(message, prefix, prefix_size)
        memcpy(message + prefix_size, visitor_id, size)
        siphash_128(self.site_secret, message, prefix_size + size, pseudonym)
        found.key = siphash_64(self.epoch_key, pseudonym, 16)
        retrieval_prefetch(&self.image.view.sets, found.key)
        return True

    cdef int32_t find_expected(self, uint32_t* segment_ids, Found* found) noexcept nogil:
        found.entry = -1
        if self.deltas is not None:
            found.entry = self.deltas.find(found.key)
            if found.entry == ERASED:
                return -1
            if found.entry >= 0:
                return self.deltas.segments_of(found.entry, segment_ids)
        return self.image.segments_of(found.key, segment_ids)

    cdef bint column_value(self, uint32_t column, const Found* found, Slots* slots, uint32_t slot) noexcept nogil:
        if found.entry >= 0:
            return self.deltas.value_of(column, found.entry, slots, slot)
        return self.image.value_of(column, found.key, slots, slot)
