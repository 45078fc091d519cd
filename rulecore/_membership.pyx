"""A snapshot image with the keys to look visitors up in it, by id.

What the keys are is in `rulecore.keys`, what the image is in `_snapshot_layout.pxd`: neither's form shows here, so that
either can change without its callers.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from rulecore._context cimport Slot
from rulecore._hash cimport siphash_64, siphash_128
from rulecore._snapshot cimport SnapshotImage

from rulecore.keys import PSEUDONYM_PREFIX
from rulecore.limits import LIMITS
from rulecore.mapping import map_file


cdef enum:
    SEGMENTS_ROOM = 4096
    MESSAGE_ROOM = 512

cdef size_t UNIT_BYTES_MAX = LIMITS.unit_bytes_max
cdef bytes PREFIX = PSEUDONYM_PREFIX
cdef const uint8_t* prefix = PREFIX
cdef size_t prefix_size = <size_t>len(PREFIX)

if UNIT_BYTES_MAX + prefix_size > MESSAGE_ROOM or LIMITS.segments_per_visitor_max > SEGMENTS_ROOM:
    raise ImportError("Membership has too little room for what LIMITS allows")


cdef class Membership:
    def __cinit__(self, data, keys):
        cdef SnapshotImage image = SnapshotImage(data)
        cdef bytes site_secret = keys.site_secret, epoch_key = keys.epoch_key(image.epoch)
        if len(site_secret) != 16 or len(epoch_key) != 16:
            raise ValueError("a membership key has 16 bytes")
        memcpy(self.site_secret, <const uint8_t*>site_secret, 16)
        memcpy(self.epoch_key, <const uint8_t*>epoch_key, 16)
        self.image = image
        self.segments = image.segments
        self.columns = image.columns
        self.checksum = image.view.checksum

    @staticmethod
    def open(path, keys):
        return Membership(map_file(path), keys)

    @property
    def visitors(self):
        return self.image.visitors

    @property
    def epoch(self):
        return self.image.epoch

    def lookup(self, str visitor_id not None):
        cdef uint32_t segment_ids[SEGMENTS_ROOM]
        cdef uint64_t row
        cdef bytes text = visitor_id.encode()
        cdef int32_t count = self.find(text, <size_t>len(text), segment_ids, &row)
        if count < 0:
            return None
        return [self.segments[segment_ids[i]] for i in range(count)]

    def values(self, str visitor_id not None):
        cdef uint32_t segment_ids[SEGMENTS_ROOM]
        cdef uint64_t row
        cdef uint32_t column
        cdef Slot slot
        cdef bytes text = visitor_id.encode()
        found = {}
        if self.find(text, <size_t>len(text), segment_ids, &row) >= 0:
            for column, (name, kind) in enumerate(self.columns):
                if self.column_value(column, row, &slot):
                    if kind == "bool":
                        found[name] = slot.value.integer != 0
                    elif kind == "int":
                        found[name] = slot.value.integer
                    elif kind == "double":
                        found[name] = slot.value.real
                    else:
                        found[name] = slot.value.text.data[:slot.value.text.size].decode()
        return found

    cdef int32_t find(self, const char* visitor_id, size_t size, uint32_t* segment_ids, uint64_t* row) noexcept nogil:
        cdef uint8_t message[MESSAGE_ROOM]
        cdef uint8_t pseudonym[16]
        cdef int64_t found
        if size == 0 or size > UNIT_BYTES_MAX:
            return -1
        memcpy(message, prefix, prefix_size)
        memcpy(message + prefix_size, visitor_id, size)
        siphash_128(self.site_secret, message, prefix_size + size, pseudonym)
        found = self.image.row_of(siphash_64(self.epoch_key, pseudonym, 16))
        if found < 0:
            return -1
        row[0] = <uint64_t>found
        return <int32_t>self.image.segments_of(<uint64_t>found, segment_ids)

    cdef bint column_value(self, uint32_t column, uint64_t row, Slot* out) noexcept nogil:
        return self.image.value_of(column, row, out)
