# A verified bundle image: pointers into the buffer that it was read from. Nothing is copied, no object a rule.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from rulecore._buffer cimport BufferView
from rulecore._layout cimport (AnchorRecord, AttributeRecord, CidrRecord, ColumnRecord,
                               DictionaryRecord, EntryRecord, FormulaRecord, HoldoutRecord, IndexRecord, LayerRecord,
                               MetaRecord, NodeRecord, Operand, PatternRecord, PlacementRecord, PredicateRecord,
                               RuleRecord, SegmentRecord, Span, SplitRecord, TermsRecord, TestRecord, VariantRecord)
from rulecore._text cimport Text


cdef struct Image:
    const uint8_t* base
    size_t length
    uint64_t checksum
    const char* pool
    uint32_t pool_size
    const char* blocks
    uint32_t blocks_size
    const uint8_t* zones
    uint32_t zones_size
    const uint8_t* automata
    uint32_t automata_size
    const MetaRecord* meta
    const Span* purposes
    const AttributeRecord* attributes
    const SegmentRecord* segments
    const Span* conditions
    const HoldoutRecord* holdouts
    const LayerRecord* layers
    const PatternRecord* patterns
    const Span* text_items
    const int64_t* integer_items
    const CidrRecord* cidrs
    const NodeRecord* nodes
    const PredicateRecord* predicates
    const FormulaRecord* formulas
    const PlacementRecord* placements
    const VariantRecord* variants
    const TermsRecord* terms
    const RuleRecord* rules
    const SplitRecord* splits
    const ColumnRecord* columns
    const Operand* cuts
    const DictionaryRecord* dictionaries
    const Span* constants
    const uint64_t* buckets
    const IndexRecord* indexes
    const AnchorRecord* anchors
    const TestRecord* tests
    const uint32_t* maps
    const EntryRecord* entries
    const uint64_t* rows
    uint32_t purpose_count
    uint32_t attribute_count
    uint32_t segment_count
    uint32_t condition_count
    uint32_t holdout_count
    uint32_t layer_count
    uint32_t pattern_count
    uint32_t text_item_count
    uint32_t integer_item_count
    uint32_t cidr_count
    uint32_t node_count
    uint32_t predicate_count
    uint32_t formula_count
    uint32_t placement_count
    uint32_t variant_count
    uint32_t terms_count
    uint32_t rule_count
    uint32_t split_count
    uint32_t column_count
    uint32_t cut_count
    uint32_t dictionary_count
    uint32_t constant_count
    uint32_t bucket_count
    uint32_t index_count
    uint32_t anchor_count
    uint32_t test_count
    uint32_t map_count
    uint32_t entry_count
    uint32_t row_count


cdef inline Text span_text(const Image* image, Span span) noexcept nogil:
    cdef Text text
    text.data = image.pool + span.offset
    text.size = span.size
    return text


cdef inline const TermsRecord* terms_of(const Image* image, uint32_t rule) noexcept nogil:
    return &image.terms[image.rules[rule].terms]


cdef str span_str(const Image* image, Span span)
cdef bytes span_bytes(const Image* image, Span span)
cdef object block_bytes(const Image* image, const VariantRecord* variant)      # bytes or None


cdef class BundleImage:
    cdef Image image
    cdef BufferView view                   # keeps the bytes alive and in their place
    cdef dict placement_of                 # name -> index: one entry a placement, none a rule

    cdef int placement_index(self, str placement) except -1
