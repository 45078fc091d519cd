"""Verification of a bundle image: bounds, references, types, order. Memory safety rests on this pass alone.

After it, every span lies in the pool and is UTF-8 where text is meant, every index is in range, every expression is
a well-typed tree, every formula a well-formed one. The checksum only tells damage early and by name.
"""

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from rulecore._bundle cimport span_text
from rulecore._context cimport (T_BOOL, T_DOUBLE, T_DURATION, T_INT, T_LIST_INT, T_LIST_STRING, T_SEMVER, T_STRING,
                                T_TIMESTAMP)
from rulecore._hash cimport xxh64
from rulecore._layout cimport *
from rulecore._text cimport TIMESTAMP_MAX, TIMESTAMP_MIN, cidr_valid, text_compare, text_valid_utf8
from rulecore._zone cimport zones_verify

cdef enum:
    SOURCES = 6                          # of model.Source
    SHARE_STEPS = 100_000                # model.PERCENT_STEPS
    PREFIX_BYTES = 272                   # LIMITS.salt_bytes_max, a zero byte, the longest purpose, a zero byte
    NAME_BYTES = 64                      # of placements, variants, rules, segments, experiments
    DEPTH = 64                           # LIMITS.expression_depth_max, formula_depth_max
    LOOPS = 4                            # LIMITS.image_loops_max
    ATTRIBUTES_MAX = 1_000
    PURPOSES_MAX = 64
    SEGMENTS_MAX = 65_535
    PLACEMENTS_MAX = 10_000
    RULES_MAX = 1_000_000
    VARIANTS_MAX = 1_000                 # of a placement
    FORMULA_NODES = 20_000               # LIMITS.formula_nodes_per_rule_max

# What verification looks at, things that several records share counted for each: enough for any sound image, and a
# bound on the time that one takes whose records all share its largest text or list.
cdef uint64_t READ_BYTES = <uint64_t> 4 << 30
cdef char* MAGIC = b"EWBUNDLE"


cdef inline Fault fault(const char* what, size_t offset) noexcept nogil:
    cdef Fault found
    found.what = what
    found.offset = offset
    return found


cdef inline Fault fault_in(const Image* image, const void* record, const char* what) noexcept nogil:
    return fault(what, <size_t> (<const uint8_t*> record - image.base))


cdef inline Fault sound() noexcept nogil:
    return fault(NULL, 0)


cdef inline const char* unless(bint good, const char* what) noexcept nogil:
    return NULL if good else what


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
        found = _predicates(image)
    if found.what == NULL:
        found = _formulas(image)
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
    else:
        image.splits = <const SplitRecord*> data
        image.split_count = count


cdef Fault _counts(const Image* image) noexcept nogil:
    if image.attribute_count > ATTRIBUTES_MAX or image.purpose_count > PURPOSES_MAX:
        return fault_in(image, image.attributes, b"more attributes or purposes than a bundle may have")
    if image.segment_count > SEGMENTS_MAX:
        return fault_in(image, image.segments, b"more segments than a bundle may have")
    if image.placement_count > PLACEMENTS_MAX or image.rule_count > RULES_MAX:
        return fault_in(image, image.placements, b"more placements or rules than a bundle may have")
    return sound()


# Names and text


cdef inline bint _may_read(const Image* image, uint64_t size) noexcept nogil:
    """Whether so many bytes more may be looked at."""
    if size > image.unread:
        return False
    (<Image*> image).unread -= size
    return True


cdef inline bint _in_pool(const Image* image, Span span) noexcept nogil:
    return span.offset <= image.pool_size and span.size <= image.pool_size - span.offset


cdef inline bint _is_text(const Image* image, Span span) noexcept nogil:
    return (_in_pool(image, span) and _may_read(image, span.size)
            and text_valid_utf8(image.pool + span.offset, span.size))


cdef bint _is_line(const Image* image, Span span) noexcept nogil:
    """Text without control characters, so that it can stand in a header or a log."""
    cdef uint32_t i
    if not _is_text(image, span):
        return False
    for i in range(span.size):
        if <uint8_t> image.pool[span.offset + i] < 32 or image.pool[span.offset + i] == 127:
            return False
    return True


cdef bint _is_name(const Image* image, Span span) noexcept nogil:
    """[a-z][a-z0-9_-]{0,63}"""
    cdef uint32_t i
    cdef char c
    if span.size == 0 or span.size > NAME_BYTES or not _in_pool(image, span):
        return False
    for i in range(span.size):
        c = image.pool[span.offset + i]
        if c'a' <= c <= c'z':
            continue
        if i == 0 or not (c'0' <= c <= c'9' or c == c'_' or c == c'-'):
            return False
    return True


cdef inline bint _is_prefix(const Image* image, Span span) noexcept nogil:
    return span.size <= PREFIX_BYTES and _is_text(image, span)


cdef inline bint _is_after(const Image* image, Span later, Span earlier) noexcept nogil:
    return text_compare(span_text(image, later), span_text(image, earlier)) > 0


cdef inline bint _are_purposes(const Image* image, uint64_t bits) noexcept nogil:
    return image.purpose_count == 64 or bits >> image.purpose_count == 0


cdef inline bint _is_slot(const Image* image, uint32_t slot, int kind) noexcept nogil:
    return slot < image.attribute_count and image.attributes[slot].type == kind


cdef inline bint _is_unit(const Image* image, uint32_t slot) noexcept nogil:
    return _is_slot(image, slot, T_STRING) or _is_slot(image, slot, T_INT)


cdef Fault _meta(const Image* image) noexcept nogil:
    cdef const MetaRecord* meta = image.meta
    cdef size_t at = 0
    cdef const char* what
    if meta == NULL:
        return fault(b"not exactly one record about the bundle", HEADER_BYTES)
    if not (_is_name(image, meta.name) and _is_line(image, meta.timezone) and _is_line(image, meta.zones_version)):
        return fault_in(image, meta, b"a malformed name of the bundle, its time zone or their version")
    if not (_is_slot(image, meta.now_slot, T_TIMESTAMP) and _is_slot(image, meta.timezone_slot, T_STRING)
            and _is_slot(image, meta.visitor_slot, T_STRING) and _is_slot(image, meta.segments_slot, T_LIST_STRING)
            and _is_slot(image, meta.consent_slot, T_LIST_STRING)):
        return fault_in(image, meta, b"an attribute that every bundle has is missing or of another type")
    what = zones_verify(image.zones, image.zones_size, &at)
    if what != NULL:
        return fault_in(image, image.zones + at, what)
    return sound()


cdef Fault _names(const Image* image) noexcept nogil:
    cdef uint32_t i
    cdef const AttributeRecord* attribute
    for i in range(image.purpose_count):
        if not _is_name(image, image.purposes[i]):
            return fault_in(image, &image.purposes[i], b"a malformed name of a purpose")
    for i in range(image.attribute_count):
        attribute = &image.attributes[i]
        if attribute.name.size == 0 or not (_is_line(image, attribute.name) and _is_line(image, attribute.source_name)):
            return fault_in(image, attribute, b"a malformed name of an attribute")
        if i > 0 and not _is_after(image, attribute.name, image.attributes[i - 1].name):
            return fault_in(image, attribute, b"attributes out of order")
        if (attribute.type >= T_SEMVER or attribute.source >= SOURCES
                or not _are_purposes(image, attribute.purposes)):
            return fault_in(image, attribute, b"an attribute of an unknown type, source or purpose")
    for i in range(image.segment_count):
        if not _is_name(image, image.segments[i].name) or not _are_purposes(image, image.segments[i].purposes):
            return fault_in(image, &image.segments[i], b"a malformed segment")
        if i > 0 and not _is_after(image, image.segments[i].name, image.segments[i - 1].name):
            return fault_in(image, &image.segments[i], b"segments out of order")
    for i in range(image.condition_count):
        if not _is_name(image, image.conditions[i].name) or image.conditions[i].formula >= image.formula_count:
            return fault_in(image, &image.conditions[i], b"a malformed condition segment")
    for i in range(image.pattern_count):
        if not _is_text(image, image.patterns[i]):
            return fault_in(image, &image.patterns[i], b"a malformed pattern")
    return sound()


cdef Fault _buckets(const Image* image) noexcept nogil:
    cdef uint32_t i
    cdef const HoldoutRecord* holdout
    cdef const LayerRecord* layer
    for i in range(image.holdout_count):
        holdout = &image.holdouts[i]
        if not (_is_name(image, holdout.name) and _is_prefix(image, holdout.prefix) and holdout.share <= SHARE_STEPS
                and _are_purposes(image, holdout.purposes) and _is_unit(image, holdout.unit)):
            return fault_in(image, holdout, b"a malformed holdout")
    for i in range(image.layer_count):
        layer = &image.layers[i]
        if not (_is_name(image, layer.name) and _is_prefix(image, layer.prefix) and _is_unit(image, layer.unit)):
            return fault_in(image, layer, b"a malformed layer")
    return sound()


# Conditions


cdef struct Tree:                        # the walk over one bundle's expressions
    uint32_t visits                      # no node is visited twice, so the whole walk is linear
    uint32_t at
    uint8_t[LOOPS] loop_types


cdef bint _are_items(const Image* image, ItemSpan span, int list_type) noexcept nogil:
    cdef uint32_t i
    if span.first > image.item_count or span.count > image.item_count - span.first:
        return False
    if not _may_read(image, <uint64_t> span.count * sizeof(Operand)):
        return False
    if list_type == T_LIST_STRING:
        for i in range(span.first, span.first + span.count):
            if not _is_text(image, image.items[i].text):
                return False
    return True


cdef Fault _predicates(const Image* image) noexcept nogil:
    cdef uint32_t i
    cdef Tree tree
    cdef const char* what
    tree.visits = 0
    for i in range(image.predicate_count):
        tree.at = NONE
        what = _predicate_fault(image, &image.predicates[i], &tree)
        if what != NULL:
            if tree.at != NONE:
                return fault_in(image, &image.nodes[tree.at], what)
            return fault_in(image, &image.predicates[i], what)
    return sound()


cdef const char* _predicate_fault(const Image* image, const PredicateRecord* predicate, Tree* tree) noexcept nogil:
    cdef uint32_t subject = predicate.subject
    cdef int kind = predicate.kind
    cdef bint good
    if not _is_text(image, predicate.source) or predicate.compare > GE:
        return b"a malformed predicate"
    if kind == P_CONSENT:
        good = _are_purposes(image, predicate.operand.bits)
    elif kind == P_SEGMENT:
        good = subject < image.segment_count
    elif kind == P_HAS:
        good = subject < image.attribute_count
    elif kind == P_BOOL:
        good = _is_slot(image, subject, T_BOOL)
    elif kind == P_INTEGER:
        good = (_is_slot(image, subject, T_INT) or _is_slot(image, subject, T_TIMESTAMP)
                or _is_slot(image, subject, T_DURATION))
    elif kind == P_REAL:
        good = _is_slot(image, subject, T_DOUBLE)
    elif kind == P_STRING:
        good = _is_slot(image, subject, T_STRING) and _is_text(image, predicate.operand.text)
    elif kind == P_STRING_IN:
        good = _is_slot(image, subject, T_STRING) and _are_items(image, predicate.operand.items, T_LIST_STRING)
    elif kind == P_INTEGER_IN:
        good = _is_slot(image, subject, T_INT) and _are_items(image, predicate.operand.items, T_LIST_INT)
    elif kind == P_HOLDS_STRING:
        good = _is_slot(image, subject, T_LIST_STRING) and _is_text(image, predicate.operand.text)
    elif kind == P_HOLDS_INTEGER:
        good = _is_slot(image, subject, T_LIST_INT)
    elif kind == P_EXPRESSION:
        return _node_fault(image, tree, subject, image.node_count, T_BOOL, 1, 0)
    else:
        return b"an unknown kind of predicate"
    return unless(good, b"a predicate that does not fit its attribute or operand")


cdef const char* _node_fault(const Image* image, Tree* tree, uint32_t at, uint32_t behind, int kind, int depth,
                             int loops) noexcept nogil:
    """The first fault of the tree at node `at`, which must come before node `behind` and give type `kind`."""
    if at >= behind:
        return b"an operand that does not come before its operator"
    tree.at = at
    tree.visits += 1
    if tree.visits > image.node_count:
        return b"a node that is used twice"
    if depth > DEPTH:
        return b"an expression that nests too deep"
    if image.nodes[at].type != kind:
        return b"an operand of a wrong type"
    cdef const char* what = _leaf_fault(image, tree, at, loops)
    if what != NULL or image.nodes[at].op <= N_PREDICATE:
        return what
    return _operator_fault(image, tree, at, depth, loops)


cdef const char* _leaf_fault(const Image* image, Tree* tree, uint32_t at, int loops) noexcept nogil:
    """What is wrong with a node itself, its operands aside."""
    cdef const NodeRecord* node = &image.nodes[at]
    cdef int op = node.op
    cdef bint good = True
    if op == N_CONST:
        if node.type == T_STRING:
            good = _is_text(image, node.operand.text)
        elif node.type == T_LIST_STRING or node.type == T_LIST_INT:
            good = _are_items(image, node.operand.items, node.type)
        elif node.type == T_BOOL:
            good = node.operand.bits <= 1
        elif node.type == T_TIMESTAMP:
            good = TIMESTAMP_MIN <= node.operand.integer <= TIMESTAMP_MAX
        else:
            good = node.type != T_SEMVER
    elif op == N_ATTR:
        good = _is_slot(image, node.a, node.type)
    elif op == N_VAR:
        good = node.a < <uint32_t> loops and tree.loop_types[node.a] == node.type
    elif op == N_HAS:
        good = node.type == T_BOOL and node.a < image.attribute_count
    elif op == N_PREDICATE or op == N_GUARD:
        good = (node.type == T_BOOL and node.a < image.predicate_count
                and image.predicates[node.a].kind != P_EXPRESSION)
    elif op == N_MATCHES:
        good = node.operand.node.b < image.pattern_count
    elif op == N_CIDR:
        good = (image.pool_size >= 18 and node.operand.node.b <= image.pool_size - 18
                and cidr_valid(<const uint8_t*> image.pool + node.operand.node.b))
    elif op == N_CALENDAR or op == N_ELAPSED:
        good = node.mode < FIELD_COUNT
    else:
        good = op < NODE_OP_COUNT
    return unless(good, b"a malformed node")


cdef const char* _operator_fault(const Image* image, Tree* tree, uint32_t at, int depth, int loops) noexcept nogil:
    """Checks the operands of an operator against its signature, and its own type against its result."""
    cdef const NodeRecord* node = &image.nodes[at]
    cdef int op = node.op
    cdef int kind = node.type
    cdef int result = T_BOOL             # of the operator
    cdef int first = T_BOOL, second = -1, third = -1     # of its operands; -1: there is none
    cdef int listed = _type_of(image, node.a)
    cdef int operand = _type_of(image, node.a)
    cdef const char* what

    if op == N_EXISTS or op == N_ALL:
        return _quantifier_fault(image, tree, at, listed, depth, loops)
    if op == N_GUARD:
        return _node_fault(image, tree, node.operand.node.b, at, T_BOOL, depth + 1, loops)
    if op == N_AND or op == N_OR:
        second = T_BOOL
    elif op == N_COND:
        second = third = T_BOOL
    elif op == N_COMPARE:
        if not _compared(node.mode, operand, &first, &second):
            return b"a comparison of what can't be compared"
    elif op == N_ADD or op == N_SUB or op == N_MUL or op == N_DIV:
        result = first = second = kind if kind == T_DOUBLE else T_INT
    elif op == N_MOD:
        result = first = second = T_INT
    elif op == N_NEG:
        result = first = kind if kind == T_DOUBLE else T_INT
    elif op == N_SHIFT:
        result = first = kind if kind == T_TIMESTAMP else T_DURATION
        second = T_DURATION
    elif op == N_SINCE:
        result, first, second = T_DURATION, T_TIMESTAMP, T_TIMESTAMP
    elif op == N_IN:
        first = operand if operand == T_STRING else T_INT
        second = T_LIST_STRING if first == T_STRING else T_LIST_INT
    elif op == N_SIZE:
        result = T_INT
        first = operand if operand == T_STRING or operand == T_LIST_INT else T_LIST_STRING
    elif op == N_STARTS_WITH or op == N_ENDS_WITH or op == N_CONTAINS:
        first = second = T_STRING
    elif op == N_MATCHES or op == N_CIDR:
        first = T_STRING
    elif op == N_LOWER_ASCII:
        result = first = T_STRING
    elif op == N_INTERSECTS or op == N_CONTAINS_ALL:
        first = second = listed if listed == T_LIST_INT else T_LIST_STRING
    elif op == N_SEMVER:
        result, first = T_SEMVER, T_STRING
    elif op == N_CALENDAR:
        result, first, second = T_INT, T_TIMESTAMP, T_STRING
    elif op == N_ELAPSED:
        result, first = T_INT, T_DURATION

    if kind != result:
        return b"an operator of a wrong type"
    what = _node_fault(image, tree, node.a, at, first, depth + 1, loops)
    if what == NULL and second >= 0:
        what = _node_fault(image, tree, node.operand.node.b, at, second, depth + 1, loops)
    if what == NULL and third >= 0:
        what = _node_fault(image, tree, node.operand.node.c, at, third, depth + 1, loops)
    return what


cdef inline int _type_of(const Image* image, uint32_t at) noexcept nogil:
    return image.nodes[at].type if at < image.node_count else -1


cdef bint _compared(uint16_t mode, int operand, int* first, int* second) noexcept nogil:
    """The operands' types of a comparison; False when `mode` makes no sense for a first operand of this type."""
    cdef int operands = mode >> 3
    if (mode & 7) > GE:
        return False
    first[0] = second[0] = operand
    if operands == O_INTEGER:
        return (operand == T_INT or operand == T_TIMESTAMP or operand == T_DURATION
                or (operand == T_BOOL and (mode & 7) == EQ))
    if operands == O_INTEGER_REAL:
        second[0] = T_DOUBLE
        return operand == T_INT
    return ((operands == O_REAL and operand == T_DOUBLE) or (operands == O_STRING and operand == T_STRING)
            or (operands == O_SEMVER and operand == T_SEMVER))


cdef const char* _quantifier_fault(const Image* image, Tree* tree, uint32_t at, int listed, int depth,
                                   int loops) noexcept nogil:
    cdef const char* what
    if image.nodes[at].type != T_BOOL or not (listed == T_LIST_STRING or listed == T_LIST_INT):
        return b"a quantifier over something that is no list"
    if loops == LOOPS:
        return b"quantifiers that nest too deep"
    what = _node_fault(image, tree, image.nodes[at].a, at, listed, depth + 1, loops)
    if what != NULL:
        return what
    tree.loop_types[loops] = T_STRING if listed == T_LIST_STRING else T_INT
    return _node_fault(image, tree, image.nodes[at].operand.node.b, at, T_BOOL, depth + 1, loops + 1)


cdef Fault _formulas(const Image* image) noexcept nogil:
    """Formulas lie one behind the other in prefix order: each ends at or before the end of the one around it."""
    cdef uint32_t[DEPTH] ends
    cdef int depth = 0
    cdef uint32_t i
    cdef const FormulaRecord* formula
    for i in range(image.formula_count):
        formula = &image.formulas[i]
        while depth > 0 and ends[depth - 1] == i:
            depth -= 1
        if formula.kind == F_LEAF:
            if formula.link >= image.predicate_count or formula.wanted > 1:
                return fault_in(image, formula, b"a malformed leaf of a condition")
            continue
        if formula.kind != F_ALL and formula.kind != F_ANY:
            return fault_in(image, formula, b"an unknown kind of condition")
        if formula.link <= i or formula.link > (ends[depth - 1] if depth > 0 else image.formula_count):
            return fault_in(image, formula, b"a condition that reaches out of the one around it")
        if formula.link - i > FORMULA_NODES + 2:    # and a segment's own consent in front
            return fault_in(image, formula, b"a condition of too many terms")
        if formula.link == i + 1:
            continue
        if depth == DEPTH:
            return fault_in(image, formula, b"a condition that nests too deep")
        ends[depth] = formula.link
        depth += 1
    return sound()


# Placements


cdef Fault _placements(const Image* image) noexcept nogil:
    """Placements share out all variants and all rules, in order."""
    cdef uint32_t i, variants = 0, rules = 0
    cdef const PlacementRecord* placement
    cdef Fault found
    for i in range(image.placement_count):
        placement = &image.placements[i]
        if not _is_name(image, placement.name) or placement.enabled > 1:
            return fault_in(image, placement, b"a malformed placement")
        if i > 0 and not _is_after(image, placement.name, image.placements[i - 1].name):
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
        if not (_is_name(image, image.variants[i].name) and _is_text(image, image.variants[i].payload)
                and _is_line(image, image.variants[i].block_path) and _in_pool(image, image.variants[i].block)):
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
    if not (_is_name(image, rule.id) and (rule.experiment.size == 0 or _is_name(image, rule.experiment))
            and _is_prefix(image, rule.percent_prefix) and _is_prefix(image, rule.split_prefix)):
        return b"a rule with a malformed name or salt"
    if not _are_purposes(image, rule.purposes) or rule.flags > (RULE_ENABLED | RULE_CAP_PER_DAY):
        return b"a rule with an unknown purpose or flag"
    if rule.formula != NONE and rule.formula >= image.formula_count:
        return b"a rule with a condition that is not there"
    if rule.percent != NONE and rule.percent > SHARE_STEPS:
        return b"a rule for more than 100 percent"
    if rule.layer != NONE and (rule.layer >= image.layer_count or rule.layer_first > rule.layer_end
                               or rule.layer_end > SHARE_STEPS):
        return b"a rule with a malformed layer"
    if not _is_unit(image, rule.unit):
        return b"a rule with a malformed unit"
    if ((rule.cap_slot != NONE and not _is_slot(image, rule.cap_slot, T_INT))
            or (rule.sticky_slot != NONE and not _is_slot(image, rule.sticky_slot, T_STRING))):
        return b"a rule with a malformed cap or sticky attribute"
    return _split_fault(image, rule, variants)


cdef const char* _split_fault(const Image* image, const RuleRecord* rule, uint32_t variants) noexcept nogil:
    cdef uint64_t total = 0
    cdef uint32_t i
    if rule.first_split > image.split_count or rule.split_count > image.split_count - rule.first_split:
        return b"a rule with a split that is not there"
    if not _may_read(image, <uint64_t> rule.split_count * sizeof(SplitRecord)):
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
