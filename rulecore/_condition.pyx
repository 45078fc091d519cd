"""Conditions, evaluated: simple predicates on one attribute, expressions for the rest, formulas over both.

The image has been verified (`_verify`), so nothing here checks a type, an index or a depth again.
"""

from libc.stdint cimport INT64_MIN, int32_t, int64_t, uint64_t
from libc.string cimport memcmp

from rulecore._address cimport cidr_contains
from rulecore._automaton cimport Scanner, automata_scan, scanner_at
from rulecore._bundle cimport Image, span_text
from rulecore._context cimport (PRESENT, ListView, Slot, T_DOUBLE, T_LIST_INT, T_LIST_STRING, T_STRING, T_TIMESTAMP,
                                Value, slots_give_back, slots_scratch)
from rulecore._elements cimport element_of, has_element
from rulecore._layout cimport *
from rulecore._linked cimport KNOWN, scanned
from rulecore._text cimport (TIMESTAMP_MAX, TIMESTAMP_MIN, Text, semver_compare, semver_valid, text_code_points,
                             text_compare, text_contains, text_equal)
from rulecore._zone cimport Civil, civil_from_micros, zone_offset

from rulecore.limits import LIMITS

cdef extern from *:
    bint __builtin_add_overflow(int64_t a, int64_t b, int64_t* result) nogil
    bint __builtin_sub_overflow(int64_t a, int64_t b, int64_t* result) nogil
    bint __builtin_mul_overflow(int64_t a, int64_t b, int64_t* result) nogil

cdef enum:
    CONSTANT = 0x80000000                  # in ListView.first: the elements lie in the image

cdef int64_t MICROS = 1_000_000
cdef int64_t DURATION_MAX = 315_576_000_000 * 1_000_000                # 10,000 years, as CEL has it
cdef double TWO_TO_63 = 9223372036854775808.0
cdef int64_t STEPS_MAX = LIMITS.expression_steps_max
cdef size_t STEP_BYTES = LIMITS.expression_step_bytes


# Formulas


cdef bint holds(Linked linked, Workspace* work, uint32_t formula) noexcept:
    """Whether a formula holds: every leaf's predicate definitely has the value that is wanted of it."""
    cdef const FormulaRecord* all_of_them = linked.image.formulas
    cdef const FormulaRecord* record = &all_of_them[formula]
    cdef uint32_t child
    if record.kind == F_LEAF:
        return truth(linked, work, record.link) == (TRUE if record.wanted else FALSE)
    child = formula + 1
    while child < record.link:
        if holds(linked, work, child) != (record.kind == F_ALL):
            return record.kind == F_ANY
        child = child + 1 if all_of_them[child].kind == F_LEAF else all_of_them[child].link
    return record.kind == F_ALL


# Predicates


cdef Truth truth(Linked linked, Workspace* work, uint32_t predicate) noexcept:
    cdef Truth known
    if work.truth[predicate] >> 2 == work.stamp:
        return <Truth> (work.truth[predicate] & 3)
    known = _ask(linked, work, &linked.image.predicates[predicate])
    work.truth[predicate] = work.stamp << 2 | <uint32_t> known
    return known


cdef inline Truth _truth_of(bint value) noexcept:
    return TRUE if value else FALSE


cdef Truth _ask(Linked linked, Workspace* work, const PredicateRecord* predicate) noexcept:
    cdef int kind = predicate.kind
    cdef Value value
    cdef const Slot* slot
    cdef const PatternRecord* pattern
    if kind == P_EXPRESSION:
        work.steps = STEPS_MAX
        return _truth_of(value.integer) if _condition(linked, work, predicate.subject, 0, &value) else ERROR
    if kind == P_CONSENT:
        return TRUE if predicate.operand.bits & ~work.consent == 0 else ERROR
    if kind == P_SEGMENT:
        return _in_segment(linked, work, predicate.subject)
    slot = &work.slots.slot[predicate.subject]
    if kind == P_HAS:
        return _truth_of(slot.state == PRESENT)
    if slot.state != PRESENT:
        return ERROR
    if kind == P_STRING:
        return _truth_of(text_equal(slot.value.text, span_text(linked.image, predicate.operand.text)))
    if kind == P_INTEGER:
        return _truth_of(_ordered(predicate.compare, (slot.value.integer > predicate.operand.integer)
                                  - (slot.value.integer < predicate.operand.integer)))
    if kind == P_REAL:
        return _truth_of(_ordered_reals(predicate.compare, slot.value.real, predicate.operand.real))
    if kind == P_MATCHES:
        pattern = &linked.image.patterns[predicate.operand.items.first]
        return _truth_of(_has_bit(scanned(linked, work, pattern.scanner, slot.value.text), pattern.number))
    if kind == P_BOOL:
        return _truth_of(slot.value.integer)
    value = slot.value
    if kind == P_STRING_IN or kind == P_INTEGER_IN:
        return _truth_of(_is_in(linked, work, value, _constant_list(predicate.operand), kind == P_STRING_IN))
    if kind == P_HOLDS_STRING:
        value.text = span_text(linked.image, predicate.operand.text)
    else:
        value.integer = predicate.operand.integer
    return _truth_of(_is_in_slot(linked, work, predicate.subject, value, kind == P_HOLDS_STRING))


cdef bint _is_in_slot(Linked linked, Workspace* work, uint32_t slot, Value value, bint is_text) noexcept:
    """Whether the list in a slot has an element; where the index has the list's elements, it is not gone through."""
    cdef uint32_t column = linked.lists[slot]
    cdef uint32_t element = NONE
    if column != NONE:
        element = element_of(linked.image, &linked.image.columns[column], value)
    if element != NONE:
        return has_element(linked, work, column, element)
    return _is_in(linked, work, value, work.slots.slot[slot].value.items, is_text)


cdef Truth _in_segment(Linked linked, Workspace* work, uint32_t ordinal) noexcept:
    if linked.image.segments[ordinal].purposes & ~work.consent or linked.ask_members(work) != KNOWN:
        return ERROR
    return _truth_of(work.member[ordinal // 64] >> (ordinal % 64) & 1)


cdef inline bint _ordered(int compare, int order) noexcept:
    if compare == EQ:
        return order == 0
    if compare == LT:
        return order < 0
    if compare == LE:
        return order <= 0
    if compare == GT:
        return order > 0
    return order >= 0


cdef inline bint _ordered_reals(int compare, double a, double b) noexcept:
    """IEEE 754: with a NaN nothing is equal, less or greater."""
    if compare == EQ:
        return a == b
    if compare == LT:
        return a < b
    if compare == LE:
        return a <= b
    if compare == GT:
        return a > b
    return a >= b


cdef bint _ordered_mixed(int compare, int64_t a, double b) noexcept:
    """An int with a double, exactly: neither is rounded to the other's type."""
    cdef int64_t whole
    cdef double rest
    if b != b:
        return False
    if b >= TWO_TO_63:
        return _ordered(compare, -1)
    if b < -TWO_TO_63:
        return _ordered(compare, 1)
    whole = <int64_t> b
    rest = b - <double> whole
    if a != whole:
        return _ordered(compare, 1 if a > whole else -1)
    return _ordered(compare, (rest < 0) - (rest > 0))


# Lists: their elements lie in the workspace, or for a constant list in the image


cdef inline ListView _constant_list(Operand operand) noexcept:
    cdef ListView view
    view.first = operand.items.first | CONSTANT
    view.count = operand.items.count
    return view


cdef inline Value _element(Linked linked, Workspace* work, ListView view, uint32_t k, bint is_text) noexcept:
    cdef Value value
    cdef uint32_t item = (view.first & ~(<uint32_t> CONSTANT)) + k
    if not view.first & CONSTANT:
        return work.slots.items[item]
    if is_text:
        value.text = span_text(linked.image, linked.image.text_items[item])
    else:
        value.integer = linked.image.integer_items[item]
    return value


cdef bint _is_in(Linked linked, Workspace* work, Value value, ListView view, bint is_text) noexcept:
    cdef uint32_t k
    cdef Value element
    for k in range(view.count):
        element = _element(linked, work, view, k, is_text)
        if text_equal(element.text, value.text) if is_text else element.integer == value.integer:
            return True
    return False


cdef bint _lists_meet(Linked linked, Workspace* work, ListView a, ListView b, bint is_text, bint every) noexcept:
    """Whether some element of `b` is in `a`, or with `every` each one."""
    cdef uint32_t k
    for k in range(b.count):
        if _is_in(linked, work, _element(linked, work, b, k, is_text), a, is_text) != every:
            return not every
    return every


# Expressions


cdef inline bint _give(Value* out, int64_t value) noexcept:
    out.integer = value
    return True


cdef inline bint _spend(Workspace* work, size_t steps) noexcept:
    """Whether an expression may take these steps too. What visitors send must not keep a node busy for minutes."""
    if work.steps < <int64_t> steps:
        work.steps = -1
        return False
    work.steps -= steps
    return True


cdef bint _condition(Linked linked, Workspace* work, uint32_t at, int loops, Value* out) noexcept:
    """The value of a bool expression, which leaves none of the text behind that was made on the way to it."""
    cdef char* scratch = work.slots.scratch
    cdef size_t scratch_used = work.slots.scratch_used
    cdef bint good = _value(linked, work, at, loops, out)
    slots_give_back(work.slots, scratch, scratch_used)
    return good


cdef bint _value(Linked linked, Workspace* work, uint32_t at, int loops, Value* out) noexcept:
    """The value of the expression at node `at`; False when it is an error. `loops` counts the quantifiers around."""
    cdef const NodeRecord* node = &linked.image.nodes[at]
    cdef int op = node.op
    cdef Truth known
    if op == N_CONST:
        _constant(linked, node, out)
        return True
    if op == N_ATTR:
        out[0] = work.slots.slot[node.a].value
        return work.slots.slot[node.a].state == PRESENT
    if op == N_VAR:
        out[0] = work.loops[node.a]
        return True
    if op == N_HAS:
        return _give(out, work.slots.slot[node.a].state == PRESENT)
    if op == N_PREDICATE or op == N_GUARD:
        known = truth(linked, work, node.a)
        if op == N_GUARD:
            return known == TRUE and _value(linked, work, node.operand.node.b, loops, out)
        return known != ERROR and _give(out, known == TRUE)
    if op <= N_ALL:
        return _logic(linked, work, node, loops, out)
    return _operator(linked, work, node, loops, out)


cdef void _constant(Linked linked, const NodeRecord* node, Value* out) noexcept:
    if node.type == T_STRING:
        out.text = span_text(linked.image, node.operand.text)
    elif node.type == T_LIST_STRING or node.type == T_LIST_INT:
        out.items = _constant_list(node.operand)
    else:
        out.integer = node.operand.integer            # a double's bits too


cdef bint _logic(Linked linked, Workspace* work, const NodeRecord* node, int loops, Value* out) noexcept:
    """And, or, not, the ternary and the quantifiers: a part that decides absorbs the others' errors."""
    cdef int op = node.op
    cdef bint deciding = op == N_OR or op == N_EXISTS
    cdef Value part
    cdef bint good
    if op == N_NOT:
        return _value(linked, work, node.a, loops, &part) and _give(out, not part.integer)
    if op == N_COND:
        if not _value(linked, work, node.a, loops, &part):
            return False
        return _value(linked, work, node.operand.node.b if part.integer else node.operand.node.c, loops, out)
    if op == N_EXISTS or op == N_ALL:
        return _quantifier(linked, work, node, loops, deciding, out)
    good = _value(linked, work, node.a, loops, &part)
    if good and part.integer == deciding:
        return _give(out, deciding)
    if not _value(linked, work, node.operand.node.b, loops, &part):
        return False
    if part.integer == deciding:
        return _give(out, deciding)
    return good and _give(out, not deciding)


cdef bint _quantifier(Linked linked, Workspace* work, const NodeRecord* node, int loops, bint deciding,
                      Value* out) noexcept:
    cdef Value listed, part
    cdef bint good = True
    cdef bint is_text = linked.image.nodes[node.a].type == T_LIST_STRING
    cdef uint32_t k
    if not _value(linked, work, node.a, loops, &listed):
        return False
    for k in range(listed.items.count):
        if not _spend(work, 1):
            return False
        work.loops[loops] = _element(linked, work, listed.items, k, is_text)
        if not _condition(linked, work, node.operand.node.b, loops + 1, &part):
            good = False
        elif part.integer == deciding:
            return _give(out, deciding)
    return good and _give(out, not deciding)


cdef bint _operator(Linked linked, Workspace* work, const NodeRecord* node, int loops, Value* out) noexcept:
    """The operators that are strict: an operand that is an error makes an error."""
    cdef int op = node.op
    cdef Value a, b
    if not _value(linked, work, node.a, loops, &a):
        return False
    # One operand
    if op == N_NEG:
        return _negated(node.type, a, out)
    if linked.image.nodes[node.a].type == T_STRING and not _spend(work, a.text.size // STEP_BYTES):
        return False
    if op == N_SIZE:
        if linked.image.nodes[node.a].type == T_STRING:
            return _give(out, text_code_points(a.text))
        return _give(out, a.items.count)
    if op == N_MATCHES:
        return _matches(linked, work, node, a.text, out)
    if op == N_LOWER_ASCII:
        return _lower_ascii(work, a.text, out)
    if op == N_SEMVER:
        out[0] = a
        return semver_valid(a.text)
    if op == N_CIDR:
        out.integer = cidr_contains(linked.image.cidrs[node.operand.node.b].packed, a.text)
        return out.integer >= 0
    if op == N_ELAPSED:
        return _give(out, _elapsed(node.mode, a.integer))
    # Two
    if not _value(linked, work, node.operand.node.b, loops, &b):
        return False
    if op == N_COMPARE:
        return _give(out, _compared(node.mode, a, b))
    if op == N_CALENDAR:
        return _calendar(linked.image, node.mode, a.integer, b.text, out)
    if op == N_SHIFT or op == N_SINCE:
        return _moved(node, a.integer, b.integer, out)
    if op <= N_MOD:
        return _real_arithmetic(op, a.real, b.real, out) if node.type == T_DOUBLE else _arithmetic(op, a, b, out)
    if op == N_IN and not _spend(work, b.items.count):
        return False
    if op >= N_INTERSECTS and not _spend(work, <size_t> a.items.count * b.items.count):
        return False
    return _give(out, _text_or_list(linked, work, node, a, b))


cdef bint _text_or_list(Linked linked, Workspace* work, const NodeRecord* node, Value a, Value b) noexcept:
    cdef int op = node.op
    cdef bint is_text
    if op == N_STARTS_WITH:
        return a.text.size >= b.text.size and memcmp(a.text.data, b.text.data, b.text.size) == 0
    if op == N_ENDS_WITH:
        return (a.text.size >= b.text.size
                and memcmp(a.text.data + (a.text.size - b.text.size), b.text.data, b.text.size) == 0)
    if op == N_CONTAINS:
        return text_contains(a.text, b.text)
    is_text = linked.image.nodes[node.operand.node.b].type == T_LIST_STRING
    if op == N_IN:
        return _is_in(linked, work, a, b.items, is_text)
    return _lists_meet(linked, work, a.items, b.items, is_text, op == N_CONTAINS_ALL)


cdef bint _compared(int mode, Value a, Value b) noexcept:
    cdef int operands = mode >> 3
    cdef int compare = mode & 7
    if operands == O_REAL:
        return _ordered_reals(compare, a.real, b.real)
    if operands == O_INTEGER_REAL:
        return _ordered_mixed(compare, a.integer, b.real)
    if operands == O_STRING:
        return _ordered(compare, text_compare(a.text, b.text))
    if operands == O_SEMVER:
        return _ordered(compare, semver_compare(a.text, b.text))
    return _ordered(compare, (a.integer > b.integer) - (a.integer < b.integer))


cdef bint _arithmetic(int op, Value a, Value b, Value* out) noexcept:
    """Of ints; False on overflow and on division by zero."""
    if op == N_ADD:
        return not __builtin_add_overflow(a.integer, b.integer, &out.integer)
    if op == N_SUB:
        return not __builtin_sub_overflow(a.integer, b.integer, &out.integer)
    if op == N_MUL:
        return not __builtin_mul_overflow(a.integer, b.integer, &out.integer)
    if b.integer == 0 or (a.integer == INT64_MIN and b.integer == -1):
        return False
    return _give(out, a.integer // b.integer if op == N_DIV else a.integer % b.integer)


cdef bint _real_arithmetic(int op, double a, double b, Value* out) noexcept:
    if op == N_ADD:
        out.real = a + b
    elif op == N_SUB:
        out.real = a - b
    elif op == N_MUL:
        out.real = a * b
    else:
        out.real = a / b
    return True


cdef bint _negated(int kind, Value a, Value* out) noexcept:
    if kind == T_DOUBLE:
        out.real = -a.real
        return True
    return a.integer != INT64_MIN and _give(out, -a.integer)


cdef bint _moved(const NodeRecord* node, int64_t a, int64_t b, Value* out) noexcept:
    """Instants and durations, added and subtracted; False beyond the range of their type."""
    cdef bint minus = node.op == N_SINCE or node.mode == 1
    if __builtin_sub_overflow(a, b, &out.integer) if minus else __builtin_add_overflow(a, b, &out.integer):
        return False
    if node.type == T_TIMESTAMP:
        return TIMESTAMP_MIN <= out.integer <= TIMESTAMP_MAX
    return -DURATION_MAX <= out.integer <= DURATION_MAX


cdef int64_t _elapsed(int field, int64_t micros) noexcept:
    if field == HOURS:
        return micros // (3600 * MICROS)
    if field == MINUTES:
        return micros // (60 * MICROS)
    if field == SECONDS:
        return micros // MICROS
    return micros // 1000 % 1000


cdef bint _calendar(const Image* image, int field, int64_t micros, Text zone, Value* out) noexcept:
    cdef int32_t seconds
    cdef Civil civil
    if not zone_offset(image.zones, image.zones_size, zone, micros, &seconds):
        return False
    civil_from_micros(micros + seconds * MICROS, &civil)
    if field == FULL_YEAR:
        return _give(out, civil.year)
    if field == MONTH:
        return _give(out, civil.month)
    if field == DATE:
        return _give(out, civil.day + 1)
    if field == DAY_OF_MONTH:
        return _give(out, civil.day)
    if field == DAY_OF_WEEK:
        return _give(out, civil.weekday)
    if field == DAY_OF_YEAR:
        return _give(out, civil.yearday)
    if field == HOURS:
        return _give(out, civil.hour)
    if field == MINUTES:
        return _give(out, civil.minute)
    if field == SECONDS:
        return _give(out, civil.second)
    return _give(out, civil.millisecond)


cdef bint _matches(Linked linked, Workspace* work, const NodeRecord* node, Text text, Value* out) noexcept:
    """A text that changes within a decision, as a quantifier goes on, is scanned each time."""
    cdef const PatternRecord* pattern = &linked.image.patterns[node.operand.node.b]
    cdef const Scanner* scanner
    cdef uint64_t* found
    if node.mode:
        return _give(out, _has_bit(scanned(linked, work, pattern.scanner, text), pattern.number))
    scanner = scanner_at(linked.image.automata, pattern.scanner)
    if not _spend(work, <size_t> (scanner.always + scanner.hinted) * (text.size // STEP_BYTES)):
        return False
    found = work.found + linked.found_at[pattern.scanner]
    automata_scan(linked.image.automata, pattern.scanner, text, found)
    work.scanned[pattern.scanner] = 0
    return _give(out, _has_bit(found, pattern.number))


cdef inline bint _has_bit(const uint64_t* bits, uint32_t number) noexcept:
    return bits[number // 64] >> (number % 64) & 1


cdef bint _lower_ascii(Workspace* work, Text text, Value* out) noexcept:
    cdef char* lower = slots_scratch(work.slots, text.size)
    cdef size_t i
    if lower == NULL and text.size > 0:
        return False
    for i in range(text.size):
        lower[i] = text.data[i] + 32 if c'A' <= text.data[i] <= c'Z' else text.data[i]
    out.text.data = lower
    out.text.size = text.size
    return True
