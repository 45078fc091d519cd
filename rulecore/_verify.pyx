"""Verification of a bundle image: bounds, references, types, order. Memory safety rests on this pass alone.

After it, every span lies in its part of the pool, and every index is in range; conditions are `_verify_conditions`'s.
The checksum only tells damage early and by name. The text is checked once as a whole and each record in constant time,
so that an image takes time in proportion to its size, whatever it says.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from rulecore._address cimport cidr_valid
from rulecore._automaton cimport automata_verify, scanner_at, scanner_count
from rulecore._checks cimport *
from rulecore._context cimport T_INT, T_LIST_STRING, T_SEMVER, T_STRING, T_TIMESTAMP
from rulecore._hash cimport xxh64
from rulecore._layout cimport *
from rulecore._text cimport text_valid_utf8
from rulecore._verify_conditions cimport verify_formulas, verify_predicates
from rulecore._verify_index cimport verify_index
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
    ATTRIBUTE_BYTES = 32_768             # LIMITS.string_bytes_max, of an attribute's name and of its source's

cdef char* MAGIC = b"EWBUNDLE"


# Header and table


cdef Fault verify_image(const uint8_t* base, size_t size, Image* image) noexcept nogil:
    cdef Fault found = _header(base, size, image)
    if found.what == NULL:
        found = _sections(image)
    if found.what == NULL:
        found = _counts(image)
    if found.what == NULL:
        found = _pool(image)
    if found.what == NULL:
        found = _meta(image)
    if found.what == NULL:
        found = _names(image)
    if found.what == NULL:
        found = _patterns(image)
    if found.what == NULL:
        found = _buckets(image)
    if found.what == NULL:
        found = verify_predicates(image)
    if found.what == NULL:
        found = verify_formulas(image)
    if found.what == NULL:
        found = _terms(image)
    if found.what == NULL:
        found = _placements(image)
    if found.what == NULL:
        found = verify_index(image)
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
    return sound()


cdef struct Place:
    const uint8_t* start
    uint32_t count                       # of records, of bytes for sections of plain bytes


cdef Fault _sections(Image* image) noexcept nogil:
    """The table says nothing that could not be computed: sections follow each other, with zeros to align them."""
    cdef Place[SECTION_COUNT] places
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
        places[section].start = image.base + at
        places[section].count = <uint32_t> (length // record_size(section))
        at += length
        while at % 8 != 0:
            if at >= image.length or image.base[at] != 0:
                return fault(b"a section without its padding", at)
            at += 1
    if at != image.length:
        return fault(b"bytes behind the last section", at)
    if places[<int> META].count != 1:
        return fault(b"not exactly one record about the bundle", HEADER_BYTES)
    _point(image, places)
    return sound()


cdef inline const void* _of(const Place* places, int section, uint32_t* count) noexcept nogil:
    count[0] = places[section].count
    return places[section].start


cdef void _point(Image* image, const Place* places) noexcept nogil:
    image.meta = <const MetaRecord*> places[<int> META].start
    image.pool = <const char*> _of(places, POOL, &image.pool_size)
    image.blocks = <const char*> _of(places, BLOCKS, &image.blocks_size)
    image.purposes = <const Span*> _of(places, PURPOSES, &image.purpose_count)
    image.attributes = <const AttributeRecord*> _of(places, ATTRIBUTES, &image.attribute_count)
    image.segments = <const SegmentRecord*> _of(places, SEGMENTS, &image.segment_count)
    image.conditions = <const Span*> _of(places, CONDITIONS, &image.condition_count)
    image.holdouts = <const HoldoutRecord*> _of(places, HOLDOUTS, &image.holdout_count)
    image.layers = <const LayerRecord*> _of(places, LAYERS, &image.layer_count)
    image.patterns = <const PatternRecord*> _of(places, PATTERNS, &image.pattern_count)
    image.text_items = <const Span*> _of(places, TEXT_ITEMS, &image.text_item_count)
    image.integer_items = <const int64_t*> _of(places, INTEGER_ITEMS, &image.integer_item_count)
    image.cidrs = <const CidrRecord*> _of(places, CIDRS, &image.cidr_count)
    image.nodes = <const NodeRecord*> _of(places, NODES, &image.node_count)
    image.predicates = <const PredicateRecord*> _of(places, PREDICATES, &image.predicate_count)
    image.formulas = <const FormulaRecord*> _of(places, FORMULAS, &image.formula_count)
    image.zones = <const uint8_t*> _of(places, ZONES, &image.zones_size)
    image.automata = <const uint8_t*> _of(places, AUTOMATA, &image.automata_size)
    image.placements = <const PlacementRecord*> _of(places, PLACEMENTS, &image.placement_count)
    image.variants = <const VariantRecord*> _of(places, VARIANTS, &image.variant_count)
    image.terms = <const TermsRecord*> _of(places, TERMS, &image.terms_count)
    image.rules = <const RuleRecord*> _of(places, RULES, &image.rule_count)
    image.splits = <const SplitRecord*> _of(places, SPLITS, &image.split_count)
    image.columns = <const ColumnRecord*> _of(places, COLUMNS, &image.column_count)
    image.cuts = <const Operand*> _of(places, CUTS, &image.cut_count)
    image.dictionaries = <const DictionaryRecord*> _of(places, DICTIONARIES, &image.dictionary_count)
    image.constants = <const Span*> _of(places, CONSTANTS, &image.constant_count)
    image.buckets = <const uint64_t*> _of(places, BUCKETS, &image.bucket_count)
    image.indexes = <const IndexRecord*> _of(places, INDEXES, &image.index_count)
    image.anchors = <const AnchorRecord*> _of(places, ANCHORS, &image.anchor_count)
    image.tests = <const TestRecord*> _of(places, TESTS, &image.test_count)
    image.maps = <const uint32_t*> _of(places, MAPS, &image.map_count)
    image.entries = <const EntryRecord*> _of(places, ENTRIES, &image.entry_count)
    image.rows = <const uint64_t*> _of(places, ROWS, &image.row_count)


cdef Fault _counts(const Image* image) noexcept nogil:
    if image.attribute_count > ATTRIBUTES_MAX or image.purpose_count > PURPOSES_MAX:
        return fault_in(image, image.attributes, b"more attributes or purposes than a bundle may have")
    if image.segment_count > SEGMENTS_MAX:
        return fault_in(image, image.segments, b"more segments than a bundle may have")
    if image.placement_count > PLACEMENTS_MAX or image.rule_count > RULES_MAX:
        return fault_in(image, image.placements, b"more placements or rules than a bundle may have")
    return sound()


# Names and buckets


cdef Fault _pool(const Image* image) noexcept nogil:
    """Each part of the pool has the characters that it may have. No condition inside the loops: they are vectorised."""
    cdef const uint8_t* pool = <const uint8_t*> image.pool
    cdef uint32_t names = image.meta.names_end, lines = image.meta.lines_end
    cdef uint8_t bad = 0
    cdef uint32_t i
    if names > lines or lines > image.pool_size:
        return fault_in(image, image.meta, b"parts of the pool that are out of order")
    for i in range(names):
        bad |= (<uint8_t> (pool[i] - c'a') > 25) & (<uint8_t> (pool[i] - c'0') > 9) & (pool[i] != c'_') & (
            pool[i] != c'-')
    if bad:
        return fault_in(image, pool, b"a character that no name has")
    for i in range(names, lines):
        bad |= (pool[i] < 32) | (pool[i] == 127)
    if bad:
        return fault_in(image, pool + names, b"a control character in a line")
    if not text_valid_utf8(image.pool + names, image.pool_size - names):
        return fault_in(image, pool + names, b"text that is not UTF-8")
    return sound()


cdef Fault _meta(const Image* image) noexcept nogil:
    cdef const MetaRecord* meta = image.meta
    cdef size_t at = 0
    cdef const char* what
    if not (is_name(image, meta.name) and is_line(image, meta.timezone) and _is_version(image, meta.zones_version)):
        return fault_in(image, meta, b"a malformed name of the bundle, its time zone or their version")
    if not (is_slot(image, meta.now_slot, T_TIMESTAMP) and is_slot(image, meta.timezone_slot, T_STRING)
            and is_slot(image, meta.visitor_slot, T_STRING) and is_slot(image, meta.segments_slot, T_LIST_STRING)
            and is_slot(image, meta.consent_slot, T_LIST_STRING)):
        return fault_in(image, meta, b"an attribute that every bundle has is missing or of another type")
    what = zones_verify(image.zones, image.zones_size, &at)
    if what != NULL:
        return fault_in(image, image.zones + at, what)
    return sound()


cdef bint _is_version(const Image* image, Span version) noexcept nogil:
    """A short line. Which zones are used is known only when the pool's lines are written, so it lies in its text."""
    cdef uint32_t i
    if version.size > NAME_BYTES or not is_text(image, version):
        return False
    for i in range(version.offset, version.offset + version.size):
        if <uint8_t> image.pool[i] < 32 or image.pool[i] == 127:
            return False
    return True


cdef Fault _names(const Image* image) noexcept nogil:
    cdef uint32_t i
    cdef const AttributeRecord* attribute
    for i in range(image.purpose_count):
        if not is_name(image, image.purposes[i]):
            return fault_in(image, &image.purposes[i], b"a malformed name of a purpose")
    for i in range(image.attribute_count):
        attribute = &image.attributes[i]
        if not (0 < attribute.name.size <= ATTRIBUTE_BYTES and is_line(image, attribute.name)
                and attribute.source_name.size <= ATTRIBUTE_BYTES and is_line(image, attribute.source_name)):
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
        if not is_name(image, image.conditions[i]):
            return fault_in(image, &image.conditions[i], b"a malformed condition segment")
    for i in range(image.text_item_count):
        if not is_text(image, image.text_items[i]):
            return fault_in(image, &image.text_items[i], b"a malformed text of a list")
    for i in range(image.cidr_count):
        if not cidr_valid(image.cidrs[i].packed):
            return fault_in(image, &image.cidrs[i], b"a malformed network")
    return sound()


cdef Fault _patterns(const Image* image) noexcept nogil:
    cdef size_t at = 0
    cdef const char* what = automata_verify(image.automata, image.automata_size, &at)
    cdef const PatternRecord* pattern
    cdef uint32_t i, scanners
    if what != NULL:
        return fault_in(image, image.automata + at, what)
    scanners = scanner_count(image.automata, image.automata_size)
    for i in range(image.pattern_count):
        pattern = &image.patterns[i]
        if not (is_text(image, pattern.source) and pattern.scanner < scanners
                and pattern.number < scanner_at(image.automata, pattern.scanner).patterns):
            return fault_in(image, pattern, b"a malformed pattern")
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
                and is_line(image, image.variants[i].block_path) and _is_block(image, image.variants[i].block)):
            return fault_in(image, &image.variants[i], b"a malformed variant")
    return sound()


cdef inline bint _is_block(const Image* image, Span span) noexcept nogil:
    return span.offset <= image.blocks_size and span.size <= image.blocks_size - span.offset


cdef Fault _rules(const Image* image, const PlacementRecord* placement) noexcept nogil:
    cdef uint32_t i
    cdef const char* what
    for i in range(placement.first_rule, placement.first_rule + placement.rule_count):
        what = _rule_fault(image, &image.rules[i], placement.variant_count)
        if what != NULL:
            return fault_in(image, &image.rules[i], what)
    return sound()


cdef inline const char* _rule_fault(const Image* image, const RuleRecord* rule, uint32_t variants) noexcept nogil:
    if not is_name(image, rule.id):
        return b"a rule with a malformed name"
    if rule.formula >= image.formula_count and rule.formula != NONE:
        return b"a rule with a condition that is not there"
    if rule.terms >= image.terms_count:
        return b"a rule with terms that are not there"
    if rule.serve != NONE:
        return unless(rule.serve < variants and image.terms[rule.terms].split_count == 0,
                      b"a rule that serves what is not there")
    return unless(0 < image.terms[rule.terms].split_variants <= variants,
                  b"a rule with a split between variants that are not there")


# Terms


cdef Fault _terms(const Image* image) noexcept nogil:
    """Terms share out all splits, in order."""
    cdef uint32_t i, splits = 0
    cdef const char* what
    for i in range(image.terms_count):
        what = _terms_fault(image, &image.terms[i])
        if what == NULL:
            what = _split_fault(image, &image.terms[i], splits)
        if what != NULL:
            return fault_in(image, &image.terms[i], what)
        splits += image.terms[i].split_count
    if splits != image.split_count:
        return fault_in(image, image.terms, b"splits without a rule")
    return sound()


cdef const char* _terms_fault(const Image* image, const TermsRecord* terms) noexcept nogil:
    if not ((terms.experiment.size == 0 or is_name(image, terms.experiment))
            and is_prefix(image, terms.percent_prefix) and is_prefix(image, terms.split_prefix)):
        return b"a rule with a malformed experiment or salt"
    if not are_purposes(image, terms.purposes) or terms.flags > (TERMS_ENABLED | TERMS_CAP_PER_DAY):
        return b"a rule with an unknown purpose or flag"
    if terms.percent != NONE and terms.percent > SHARE_STEPS:
        return b"a rule for more than 100 percent"
    if terms.layer != NONE and (terms.layer >= image.layer_count or terms.layer_first > terms.layer_end
                                or terms.layer_end > SHARE_STEPS):
        return b"a rule with a malformed layer"
    if not is_unit(image, terms.unit):
        return b"a rule with a malformed unit"
    return unless((terms.cap_slot == NONE or is_slot(image, terms.cap_slot, T_INT))
                  and (terms.sticky_slot == NONE or is_slot(image, terms.sticky_slot, T_STRING)),
                  b"a rule with a malformed cap or sticky attribute")


cdef const char* _split_fault(const Image* image, const TermsRecord* terms, uint32_t first) noexcept nogil:
    cdef uint64_t total = 0
    cdef uint32_t i, variants = 0
    if terms.first_split != first or terms.split_count > image.split_count - first:
        return b"a rule with a split that is not its own"
    for i in range(first, first + terms.split_count):
        if image.splits[i].variant >= VARIANTS_MAX:
            return b"a split between more variants than there may be"
        variants = max(variants, image.splits[i].variant + 1)
        total += image.splits[i].weight
    return unless(total == terms.split_total and variants == terms.split_variants
                  and (total > 0 or terms.split_count == 0), b"a split whose weights do not add up")
