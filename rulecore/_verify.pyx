"""Verification of a bundle image: bounds, references, types, order. Memory safety rests on this pass alone.

After it, every span lies in the pool and is UTF-8 where text is meant, and every index is in range; conditions are
`_verify_conditions`'s. The checksum only tells damage early and by name.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from rulecore._checks cimport *
from rulecore._context cimport T_INT, T_LIST_STRING, T_SEMVER, T_STRING, T_TIMESTAMP
from rulecore._hash cimport xxh64
from rulecore._layout cimport *
from rulecore._verify_conditions cimport verify_formulas, verify_predicates
from rulecore._zone cimport zones_verify

cdef enum:
    SOURCES = 6                          # of model.Source
    SHARE_STEPS = 100_000                # model.PERCENT_STEPS
    ATTRIBUTES_MAX = 1_000
    PURPOSES_MAX = 64
    SEGMENTS_MAX = 65_535
    PLACEMENTS_MAX = 10_000
    RULES_MAX = 1_000_000
    VARIANTS_MAX = 1_000                 # of a placement

# What verification looks at, things that several records share counted for each: enough for any sound image, and a
# bound on the time that one takes whose records all share its largest text or list.
cdef uint64_t READ_BYTES = <uint64_t> 4 << 30
cdef char* MAGIC = b"EWBUNDLE"


# Header and table


cdef Fault verify_image(const uint8_t* base, size_t size, Image* image) noexcept nogil:
    cdef Fault found = _header(base, size, image)
    if found.what == NULL:
        found = _sections(image)
    if found.what == NULL:
        found = _counts(image)
    if found.what == NULL:
        found = _meta(image)
    if found.what == NULL:
        found = _names(image)
    if found.what == NULL:
        found = _buckets(image)
    if found.what == NULL:
        found = verify_predicates(image)
    if found.what == NULL:
        found = verify_formulas(image)
    if found.what == NULL:
        found = _placements(image)
    return found


cdef Fault _header(const uint8_t* base, size_t size, Image* image) noexcept nogil:
    cdef uint32_t version, features
    cdef uint64_t length
    if size < HEADER_BYTES:
        return fault(b"shorter than a header", size)
    if memcmp(base, MAGIC, 8) != 0:
        return fault(b"not a bundle image", 0)
    memcpy(&version, base + 8, 4)
    memcpy(&features, base + 12, 4)
    memcpy(&length, base + 16, 8)
    memcpy(&image.checksum, base + 24, 8)
    if version > VERSION:
        return fault(b"a newer format", 8)
    if version < VERSION:
        return fault(b"no such format", 8)
    if features != 0:
        return fault(b"a feature that this reader lacks", 12)
    if length != size:
        return fault(b"truncated, or with bytes behind its end", 16)
    if image.checksum != xxh64(base + HEADER_BYTES, size - HEADER_BYTES, 0):
        return fault(b"the checksum does not fit", 24)
    image.base = base
    image.length = size
    image.unread = READ_BYTES
    return sound()


cdef Fault _sections(Image* image) noexcept nogil:
    """The table says nothing that could not be computed: sections follow each other, with zeros to align them."""
    cdef size_t at = HEADER_BYTES + 16 * SECTION_COUNT
    cdef size_t entry
    cdef uint64_t offset, length
    cdef int section
    if image.length < at:
        return fault(b"shorter than its table of sections", image.length)
    for section in range(SECTION_COUNT):
        entry = HEADER_BYTES + 16 * section
        memcpy(&offset, image.base + entry, 8)
        memcpy(&length, image.base + entry + 8, 8)
        if offset != at:
            return fault(b"a section out of its place", entry)
        if length > image.length - at:
            return fault(b"a section that reaches past the end", entry + 8)
        if length % record_size(section) != 0 or length // record_size(section) >= NONE:
            return fault(b"a section with part of a record", entry + 8)
        _point(image, section, image.base + at, length)
        at += length
        while at % 8 != 0:
            if at >= image.length or image.base[at] != 0:
                return fault(b"a section without its padding", at)
            at += 1
    if at != image.length:
        return fault(b"bytes behind the last section", at)
    return sound()


cdef void _point(Image* image, int section, const uint8_t* data, size_t length) noexcept nogil:
    cdef uint32_t count = <uint32_t> (length // record_size(section))
    if section == META:
        image.meta = <const MetaRecord*> data if count == 1 else NULL
    elif section == POOL:
        image.pool = <const char*> data
        image.pool_size = length
    elif section == ZONES:
        image.zones = data
        image.zones_size = length
    elif section == PURPOSES:
        image.purposes = <const Span*> data
        image.purpose_count = count
    elif section == ATTRIBUTES:
        image.attributes = <const AttributeRecord*> data
        image.attribute_count = count
    elif section == SEGMENTS:
        image.segments = <const SegmentRecord*> data
        image.segment_count = count
    elif section == CONDITIONS:
        image.conditions = <const ConditionRecord*> data
        image.condition_count = count
    elif section == HOLDOUTS:
        image.holdouts = <const HoldoutRecord*> data
        image.holdout_count = count
    elif section == LAYERS:
        image.layers = <const LayerRecord*> data
        image.layer_count = count
    elif section == PATTERNS:
        image.patterns = <const Span*> data
        image.pattern_count = count
    elif section == ITEMS:
        image.items = <const Operand*> data
        image.item_count = count
    elif section == NODES:
        image.nodes = <const NodeRecord*> data
        image.node_count = count
    elif section == PREDICATES:
        image.predicates = <const PredicateRecord*> data
        image.predicate_count = count
    elif section == FORMULAS:
        image.formulas = <const FormulaRecord*> data
        image.formula_count = count
    elif section == PLACEMENTS:
        image.placements = <const PlacementRecord*> data
        image.placement_count = count
    elif section == VARIANTS:
        image.variants = <const VariantRecord*> data
        image.variant_count = count
    elif section == RULES:
        image.rules = <const RuleRecord*> data
        image.rule_count = count
    elif section == SPLITS:
        image.splits = <const SplitRecord*> data
        image.split_count = count
    elif section == COLUMNS:
        image.columns = <const ColumnRecord*> data
        image.column_count = count
    elif section == CUTS:
        image.cuts = <const Operand*> data
        image.cut_count = count
    elif section == DICTIONARIES:
        image.dictionaries = <const DictionaryRecord*> data
        image.dictionary_count = count
    elif section == CONSTANTS:
        image.constants = <const Span*> data
        image.constant_count = count
    elif section == BUCKETS:
        image.buckets = <const uint64_t*> data
        image.bucket_count = count
    elif section == INDEXES:
        image.indexes = <const IndexRecord*> data
        image.index_count = count
    elif section == ANCHORS:
        image.anchors = <const AnchorRecord*> data
        image.anchor_count = count
    elif section == TESTS:
        image.tests = <const TestRecord*> data
        image.test_count = count
    elif section == MAPS:
        image.maps = <const uint32_t*> data
        image.map_count = count
    elif section == ENTRIES:
        image.entries = <const EntryRecord*> data
        image.entry_count = count
    else:
        image.rows = <const uint64_t*> data
        image.row_count = count


cdef Fault _counts(const Image* image) noexcept nogil:
    if image.attribute_count > ATTRIBUTES_MAX or image.purpose_count > PURPOSES_MAX:
        return fault_in(image, image.attributes, b"more attributes or purposes than a bundle may have")
    if image.segment_count > SEGMENTS_MAX:
        return fault_in(image, image.segments, b"more segments than a bundle may have")
    if image.placement_count > PLACEMENTS_MAX or image.rule_count > RULES_MAX:
        return fault_in(image, image.placements, b"more placements or rules than a bundle may have")
    return sound()


# Names and buckets


cdef Fault _meta(const Image* image) noexcept nogil:
    cdef const MetaRecord* meta = image.meta
    cdef size_t at = 0
    cdef const char* what
    if meta == NULL:
        return fault(b"not exactly one record about the bundle", HEADER_BYTES)
    if not (is_name(image, meta.name) and is_line(image, meta.timezone) and is_line(image, meta.zones_version)):
        return fault_in(image, meta, b"a malformed name of the bundle, its time zone or their version")
    if not (is_slot(image, meta.now_slot, T_TIMESTAMP) and is_slot(image, meta.timezone_slot, T_STRING)
            and is_slot(image, meta.visitor_slot, T_STRING) and is_slot(image, meta.segments_slot, T_LIST_STRING)
            and is_slot(image, meta.consent_slot, T_LIST_STRING)):
        return fault_in(image, meta, b"an attribute that every bundle has is missing or of another type")
    what = zones_verify(image.zones, image.zones_size, &at)
    if what != NULL:
        return fault_in(image, image.zones + at, what)
    return sound()


cdef Fault _names(const Image* image) noexcept nogil:
    cdef uint32_t i
    cdef const AttributeRecord* attribute
    for i in range(image.purpose_count):
        if not is_name(image, image.purposes[i]):
            return fault_in(image, &image.purposes[i], b"a malformed name of a purpose")
    for i in range(image.attribute_count):
        attribute = &image.attributes[i]
        if attribute.name.size == 0 or not (is_line(image, attribute.name) and is_line(image, attribute.source_name)):
            return fault_in(image, attribute, b"a malformed name of an attribute")
        if i > 0 and not is_after(image, attribute.name, image.attributes[i - 1].name):
            return fault_in(image, attribute, b"attributes out of order")
        if (attribute.type >= T_SEMVER or attribute.source >= SOURCES
                or not are_purposes(image, attribute.purposes)):
            return fault_in(image, attribute, b"an attribute of an unknown type, source or purpose")
    for i in range(image.segment_count):
        if not is_name(image, image.segments[i].name) or not are_purposes(image, image.segments[i].purposes):
            return fault_in(image, &image.segments[i], b"a malformed segment")
        if i > 0 and not is_after(image, image.segments[i].name, image.segments[i - 1].name):
            return fault_in(image, &image.segments[i], b"segments out of order")
    for i in range(image.condition_count):
        if not is_name(image, image.conditions[i].name) or image.conditions[i].formula >= image.formula_count:
            return fault_in(image, &image.conditions[i], b"a malformed condition segment")
    for i in range(image.pattern_count):
        if not is_text(image, image.patterns[i]):
            return fault_in(image, &image.patterns[i], b"a malformed pattern")
    return sound()


cdef Fault _buckets(const Image* image) noexcept nogil:
    cdef uint32_t i
    cdef const HoldoutRecord* holdout
    cdef const LayerRecord* layer
    for i in range(image.holdout_count):
        holdout = &image.holdouts[i]
        if not (is_name(image, holdout.name) and is_prefix(image, holdout.prefix) and holdout.share <= SHARE_STEPS
                and are_purposes(image, holdout.purposes) and is_unit(image, holdout.unit)):
            return fault_in(image, holdout, b"a malformed holdout")
    for i in range(image.layer_count):
        layer = &image.layers[i]
        if not (is_name(image, layer.name) and is_prefix(image, layer.prefix) and is_unit(image, layer.unit)):
            return fault_in(image, layer, b"a malformed layer")
    return sound()


# Placements


cdef Fault _placements(const Image* image) noexcept nogil:
    """Placements share out all variants and all rules, in order."""
    cdef uint32_t i, variants = 0, rules = 0
    cdef const PlacementRecord* placement
    cdef Fault found
    for i in range(image.placement_count):
        placement = &image.placements[i]
        if not is_name(image, placement.name) or placement.enabled > 1:
            return fault_in(image, placement, b"a malformed placement")
        if i > 0 and not is_after(image, placement.name, image.placements[i - 1].name):
            return fault_in(image, placement, b"placements out of order")
        if (placement.first_variant != variants or placement.variant_count > VARIANTS_MAX
                or placement.variant_count > image.variant_count - variants
                or placement.default_variant >= placement.variant_count):
            return fault_in(image, placement, b"a placement with variants that are not its own")
        if placement.first_rule != rules or placement.rule_count > image.rule_count - rules:
            return fault_in(image, placement, b"a placement with rules that are not its own")
        if placement.holdout != NONE and placement.holdout >= image.holdout_count:
            return fault_in(image, placement, b"a placement with a holdout that is not there")
        variants += placement.variant_count
        found = _rules(image, placement)
        if found.what != NULL:
            return found
        rules += placement.rule_count
    if variants != image.variant_count or rules != image.rule_count:
        return fault_in(image, image.placements, b"variants or rules without a placement")
    for i in range(image.variant_count):
        if not (is_name(image, image.variants[i].name) and is_text(image, image.variants[i].payload)
                and is_line(image, image.variants[i].block_path) and in_pool(image, image.variants[i].block)):
            return fault_in(image, &image.variants[i], b"a malformed variant")
    return sound()


cdef Fault _rules(const Image* image, const PlacementRecord* placement) noexcept nogil:
    cdef uint32_t i
    cdef const char* what
    for i in range(placement.first_rule, placement.first_rule + placement.rule_count):
        what = _rule_fault(image, &image.rules[i], placement.variant_count)
        if what != NULL:
            return fault_in(image, &image.rules[i], what)
    return sound()


cdef const char* _rule_fault(const Image* image, const RuleRecord* rule, uint32_t variants) noexcept nogil:
    if not (is_name(image, rule.id) and (rule.experiment.size == 0 or is_name(image, rule.experiment))
            and is_prefix(image, rule.percent_prefix) and is_prefix(image, rule.split_prefix)):
        return b"a rule with a malformed name or salt"
    if not are_purposes(image, rule.purposes) or rule.flags > (RULE_ENABLED | RULE_CAP_PER_DAY):
        return b"a rule with an unknown purpose or flag"
    if rule.formula != NONE and rule.formula >= image.formula_count:
        return b"a rule with a condition that is not there"
    if rule.percent != NONE and rule.percent > SHARE_STEPS:
        return b"a rule for more than 100 percent"
    if rule.layer != NONE and (rule.layer >= image.layer_count or rule.layer_first > rule.layer_end
                               or rule.layer_end > SHARE_STEPS):
        return b"a rule with a malformed layer"
    if not is_unit(image, rule.unit):
        return b"a rule with a malformed unit"
    if ((rule.cap_slot != NONE and not is_slot(image, rule.cap_slot, T_INT))
            or (rule.sticky_slot != NONE and not is_slot(image, rule.sticky_slot, T_STRING))):
        return b"a rule with a malformed cap or sticky attribute"
    return _split_fault(image, rule, variants)


cdef const char* _split_fault(const Image* image, const RuleRecord* rule, uint32_t variants) noexcept nogil:
    cdef uint64_t total = 0
    cdef uint32_t i
    if rule.first_split > image.split_count or rule.split_count > image.split_count - rule.first_split:
        return b"a rule with a split that is not there"
    if not may_read(image, <uint64_t> rule.split_count * sizeof(SplitRecord)):
        return b"a rule with a split that too many others have"
    if rule.serve != NONE:
        return unless(rule.serve < variants and rule.split_count == 0, b"a rule that serves what is not there")
    for i in range(rule.first_split, rule.first_split + rule.split_count):
        if image.splits[i].variant >= variants:
            return b"a split between variants that are not there"
        total += image.splits[i].weight
    if total == 0 or total != rule.split_total:
        return b"a split whose weights do not add up"
    return NULL
