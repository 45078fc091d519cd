"""The bundle image, mapped and verified: what it holds, by name. What to make of it is the engine's."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint32_t

from rulecore._buffer cimport BufferView
from rulecore._checks cimport Fault
from rulecore._layout cimport PlacementRecord, VariantRecord
from rulecore._verify cimport verify_image

from rulecore.errors import ImageError, ImageFeatureError, ImageVersionError, PlacementError
from rulecore.limits import LIMITS
from rulecore.mapping import map_file
from rulecore.model import Attribute, Source, Type

cdef tuple TYPES = tuple(Type)
cdef tuple SOURCES = tuple(Source)
cdef size_t BYTES_MAX = LIMITS.bundle_bytes_max
cdef enum:
    VERSION_AT = 8                         # of the header
    FEATURES_AT = 12


cdef str span_str(const Image* image, Span span):
    return PyUnicode_DecodeUTF8(image.pool + span.offset, span.size, NULL)


cdef bytes span_bytes(const Image* image, Span span):
    return PyBytes_FromStringAndSize(image.pool + span.offset, span.size)


cdef object block_bytes(const Image* image, const VariantRecord* variant):
    if variant.block_path.size == 0:
        return None
    return PyBytes_FromStringAndSize(image.blocks + variant.block.offset, variant.block.size)


cdef class BundleImage:
    """A verified bundle image. Holds on to the buffer (bytes or a mapping) that it was read from."""

    def __cinit__(self, data):
        cdef Fault fault
        cdef BufferView view = BufferView(data)
        if view.size > BYTES_MAX:
            raise ImageError(f"larger than {BYTES_MAX:,} bytes", BYTES_MAX)
        if <size_t> view.data % 8 != 0 or not view.view.readonly:
            # Records are read in place, and must stay as they were verified: bytes at an odd address, or that somebody
            # else could change, are copied once, here.
            view = BufferView(bytes(data))
        self.view = view
        with nogil:
            fault = verify_image(view.data, view.size, &self.image)
        if fault.what != NULL:
            what = (<bytes> fault.what).decode()
            if fault.offset == VERSION_AT and what == "a newer format":
                raise ImageVersionError(what, VERSION_AT)
            if fault.offset == FEATURES_AT and what == "a feature that this reader lacks":
                raise ImageFeatureError(what, FEATURES_AT)
            raise ImageError(what, fault.offset)
        self.placement_of = {
            span_str(&self.image, self.image.placements[i].name): i for i in range(self.image.placement_count)
        }

    @staticmethod
    def open(path):
        """Map a file read-only and verify it."""
        return BundleImage(map_file(path))

    cdef int placement_index(self, str placement) except -1:
        index = self.placement_of.get(placement)
        if index is None:
            raise PlacementError(placement)
        return index

    @property
    def name(self):
        return span_str(&self.image, self.image.meta.name)

    @property
    def timezone(self):
        return span_str(&self.image, self.image.meta.timezone)

    @property
    def zones_version(self):
        """The version of the time zone database that conditions use, empty when they use none."""
        return span_str(&self.image, self.image.meta.zones_version)

    @property
    def checksum(self):
        return self.image.checksum

    @property
    def size(self):
        """Bytes."""
        return self.image.length

    @property
    def placements(self):
        return tuple(self.placement_of)

    @property
    def attributes(self):
        cdef uint32_t i
        return tuple(
            Attribute(
                span_str(&self.image, self.image.attributes[i].name),
                TYPES[self.image.attributes[i].type],
                self._purposes(self.image.attributes[i].purposes),
                SOURCES[self.image.attributes[i].source],
                span_str(&self.image, self.image.attributes[i].source_name),
            )
            for i in range(self.image.attribute_count)
        )

    @property
    def segments(self):
        """Precomputed segments that the bundle needs."""
        return tuple(span_str(&self.image, self.image.segments[i].name) for i in range(self.image.segment_count))

    @property
    def rule_count(self):
        return self.image.rule_count

    @property
    def predicate_count(self):
        """Different predicates in all conditions: each is evaluated at most once a decision."""
        return self.image.predicate_count

    def variants(self, str placement):
        """The placement's variants, in order. Raises PlacementError."""
        cdef const PlacementRecord* record = &self.image.placements[self.placement_index(placement)]
        return tuple(
            span_str(&self.image, self.image.variants[record.first_variant + i].name)
            for i in range(record.variant_count)
        )

    def block(self, str placement, str variant):
        """The content block of a variant, or None. Raises PlacementError; KeyError for an unknown variant."""
        cdef const PlacementRecord* record = &self.image.placements[self.placement_index(placement)]
        cdef const VariantRecord* found
        cdef uint32_t i
        for i in range(record.variant_count):
            found = &self.image.variants[record.first_variant + i]
            if span_str(&self.image, found.name) == variant:
                return block_bytes(&self.image, found)
        raise KeyError(variant)

    def _purposes(self, bits):
        return tuple(
            span_str(&self.image, self.image.purposes[i]) for i in range(self.image.purpose_count) if bits >> i & 1
        )
