"""Verification of conditions: every expression is a well-typed tree, every formula a well-formed one.

What is checked of a node is its signature, operand by operand, in one walk that visits no node twice: so evaluation,
which trusts types, indices and depths, can't be led astray or kept busy by an image that was made to.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from rulecore._checks cimport *
from rulecore._context cimport (T_BOOL, T_DOUBLE, T_DURATION, T_INT, T_LIST_INT, T_LIST_STRING, T_SEMVER, T_STRING,
                                T_TIMESTAMP)
from rulecore._layout cimport *
from rulecore._linked cimport LOOPS
from rulecore._text cimport TIMESTAMP_MAX, TIMESTAMP_MIN

cdef enum:
    FORMULA_NODES = 20_000               # LIMITS.formula_nodes_per_rule_max


# Elements of the lists that conditions name, those that several share counted for each: what all of them can be kept
# busy with by a context that is in none.
cdef uint64_t LISTED_MAX = <uint64_t> 1 << 29


cdef struct Tree:                        # the walk over one bundle's expressions
    uint32_t visits                      # no node is visited twice, so the whole walk is linear
    uint64_t listed
    uint64_t shown                       # bytes of the predicates' texts, all of which an explanation may show
    uint32_t at
    uint8_t[LOOPS] loop_types


cdef inline bint _are_items(const Image* image, Tree* tree, ItemSpan span, int list_type) noexcept nogil:
    cdef uint32_t items = image.text_item_count if list_type == T_LIST_STRING else image.integer_item_count
    tree.listed += span.count
    return span.first <= items and span.count <= items - span.first and tree.listed <= LISTED_MAX


cdef Fault verify_predicates(const Image* image) noexcept nogil:
    cdef uint32_t i
    cdef Tree tree
    cdef const char* what
    tree.visits = 0
    tree.listed = tree.shown = 0
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
    tree.shown += predicate.source.size
    if not is_text(image, predicate.source) or predicate.compare > GE:
        return b"a malformed predicate"
    if tree.shown > image.pool_size:
        return b"predicates of more text than there is"
    if kind == P_CONSENT:
        good = are_purposes(image, predicate.operand.bits)
    elif kind == P_SEGMENT:
        good = subject < image.segment_count
    elif kind == P_HAS:
        good = subject < image.attribute_count
    elif kind == P_BOOL:
        good = is_slot(image, subject, T_BOOL)
    elif kind == P_INTEGER:
        good = (is_slot(image, subject, T_INT) or is_slot(image, subject, T_TIMESTAMP)
                or is_slot(image, subject, T_DURATION))
    elif kind == P_REAL:
        good = is_slot(image, subject, T_DOUBLE)
    elif kind == P_STRING:
        good = is_slot(image, subject, T_STRING) and is_text(image, predicate.operand.text)
    elif kind == P_STRING_IN:
        good = is_slot(image, subject, T_STRING) and _are_items(image, tree, predicate.operand.items, T_LIST_STRING)
    elif kind == P_INTEGER_IN:
        good = is_slot(image, subject, T_INT) and _are_items(image, tree, predicate.operand.items, T_LIST_INT)
    elif kind == P_HOLDS_STRING:
        good = is_slot(image, subject, T_LIST_STRING) and is_text(image, predicate.operand.text)
    elif kind == P_HOLDS_INTEGER:
        good = is_slot(image, subject, T_LIST_INT)
    elif kind == P_MATCHES:
        good = is_slot(image, subject, T_STRING) and predicate.operand.items.first < image.pattern_count
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
            good = is_text(image, node.operand.text)
        elif node.type == T_LIST_STRING or node.type == T_LIST_INT:
            good = _are_items(image, tree, node.operand.items, node.type)
        elif node.type == T_BOOL:
            good = node.operand.bits <= 1
        elif node.type == T_TIMESTAMP:
            good = TIMESTAMP_MIN <= node.operand.integer <= TIMESTAMP_MAX
        else:
            good = node.type != T_SEMVER
    elif op == N_ATTR:
        good = is_slot(image, node.a, node.type)
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
        good = node.operand.node.b < image.cidr_count
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


cdef Fault verify_formulas(const Image* image) noexcept nogil:
    """Formulas lie one behind the other in prefix order: each ends at or before the end of the one around it."""
    cdef uint32_t[DEPTH + 1] ends        # of the conditions around, and of all formulas
    cdef int depth = 0
    cdef uint32_t i = 0
    cdef uint32_t end = image.formula_count              # of the innermost of these
    cdef const FormulaRecord* formula
    ends[0] = end
    while i < image.formula_count:
        while end == i:
            depth -= 1
            end = ends[depth]
        formula = &image.formulas[i]
        if formula.kind == F_LEAF:
            if formula.link >= image.predicate_count or formula.wanted > 1:
                return fault_in(image, formula, b"a malformed leaf of a condition")
            i += 1
            continue
        if formula.kind != F_ALL and formula.kind != F_ANY:
            return fault_in(image, formula, b"an unknown kind of condition")
        if formula.link <= i or formula.link > end:
            return fault_in(image, formula, b"a condition that reaches out of the one around it")
        if formula.link - i > FORMULA_NODES + 2:    # and a segment's own consent in front
            return fault_in(image, formula, b"a condition of too many terms")
        i += 1
        if formula.link == i:
            continue
        if depth == DEPTH:
            return fault_in(image, formula, b"a condition that nests too deep")
        depth += 1
        ends[depth] = end = formula.link
    return sound()
