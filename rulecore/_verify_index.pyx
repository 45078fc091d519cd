"""Verification of the index: every number that a search follows leads to something of its kind.

What the bits of rows say is not checked, nor whether clusters are the right ones: an index that was made to deceive
can only lose rules, or offer a rule that its residual then lets through. That it ends and stays within the image is
what counts. Maps and rows are shared out in order, so that the walk is linear in the image.
"""

from libc.stdint cimport uint32_t, uint64_t

from rulecore._automaton cimport scanner_at, scanner_count
from rulecore._checks cimport *
from rulecore._context cimport (T_BOOL, T_DOUBLE, T_DURATION, T_INT, T_LIST_INT, T_LIST_STRING, T_STRING,
                                T_TIMESTAMP)
from rulecore._dictionary cimport EMPTY_BUCKET, PROBES_MAX
from rulecore._layout cimport *


cdef enum:
    ELEMENTS_MAX = 1 << 24   # of all columns, and of an index's tests, three a column: LIMITS.elements_max and more


cdef struct Shared:          # how much of each section the records before this one have taken
    uint32_t entries
    uint32_t tests
    uint32_t anchors
    uint32_t maps
    uint32_t rows


cdef Fault verify_index(const Image* image) noexcept nogil:
    cdef Fault found = _dictionaries(image)
    if found.what == NULL:
        found = _columns(image)
    if found.what == NULL:
        found = _indexes(image)
    return found


cdef Fault _dictionaries(const Image* image) noexcept nogil:
    """Dictionaries share out constants and buckets; in each an empty bucket, where a search ends, is never far."""
    cdef const DictionaryRecord* dictionary
    cdef uint32_t i, k, constants = 0, buckets = 0, empty, probes, longest
    cdef uint64_t bucket
    for i in range(image.constant_count):
        if not is_text(image, image.constants[i]):
            return fault_in(image, &image.constants[i], b"a malformed constant")
    for i in range(image.dictionary_count):
        dictionary = &image.dictionaries[i]
        if (dictionary.first_constant != constants or dictionary.count > image.constant_count - constants
                or dictionary.first_bucket != buckets or dictionary.bucket_count > image.bucket_count - buckets
                or dictionary.bucket_count == 0 or dictionary.bucket_count & (dictionary.bucket_count - 1)):
            return fault_in(image, dictionary, b"a dictionary that is out of its place")
        empty = probes = longest = 0
        for k in range(buckets, buckets + dictionary.bucket_count):
            bucket = image.buckets[k]
            if bucket == EMPTY_BUCKET:
                empty += 1
                probes = 0
                continue
            if <uint32_t> bucket >= dictionary.count:
                return fault_in(image, &image.buckets[k], b"a bucket with a constant that is not there")
            probes += 1
            longest = max(longest, probes)
        if empty == 0:
            return fault_in(image, dictionary, b"a dictionary without an empty bucket")
        k = buckets
        while probes <= PROBES_MAX and image.buckets[k] != EMPTY_BUCKET:     # from the last bucket on to the first
            probes += 1
            k += 1
        if max(longest, probes) > PROBES_MAX:
            return fault_in(image, dictionary, b"a dictionary that is too long to search")
        constants += dictionary.count
        buckets += dictionary.bucket_count
    if constants != image.constant_count or buckets != image.bucket_count:
        return fault_in(image, image.dictionaries, b"constants or buckets without a dictionary")
    if image.dictionary_count == 0 or image.dictionaries[0].count != image.segment_count:
        return fault_in(image, image.dictionaries, b"no dictionary of the segments")
    return sound()


cdef Fault _columns(const Image* image) noexcept nogil:
    cdef uint32_t i
    cdef uint64_t elements = 0
    for i in range(image.column_count):
        if not _is_column(image, &image.columns[i]):
            return fault_in(image, &image.columns[i], b"a malformed column")
        if image.columns[i].kind >= C_HOLDS_STRING:
            elements += image.columns[i].class_count
        if elements > ELEMENTS_MAX:
            return fault_in(image, &image.columns[i], b"more elements than a bundle's columns may have")
    return sound()


cdef bint _is_column(const Image* image, const ColumnRecord* column) noexcept nogil:
    cdef uint32_t subject = <uint32_t> column.subject
    cdef uint32_t kind = column.kind
    if kind == C_SEGMENTS:
        return are_purposes(image, column.subject) and column.class_count == image.segment_count
    if column.subject != subject:
        return False
    if kind == C_BOOL:
        return is_slot(image, subject, T_BOOL) and column.class_count == 3
    if kind == C_TRUTH:
        return subject < image.predicate_count and column.class_count == 3
    if kind == C_STRING or kind == C_HOLDS_STRING:
        if column.first >= image.dictionary_count or image.dictionaries[column.first].count != column.count:
            return False
        if kind == C_STRING:
            return is_slot(image, subject, T_STRING) and column.class_count == <uint64_t> column.count + 2
        return is_slot(image, subject, T_LIST_STRING) and column.class_count == column.count
    if kind == C_MATCHES:
        return (is_slot(image, subject, T_STRING)
                and column.first < scanner_count(image.automata, image.automata_size)
                and column.class_count == scanner_at(image.automata, column.first).patterns)
    if column.first > image.cut_count or column.count > image.cut_count - column.first:
        return False
    if kind == C_HOLDS_INTEGER:
        return is_slot(image, subject, T_LIST_INT) and column.class_count == column.count
    if kind == C_REAL:
        return is_slot(image, subject, T_DOUBLE) and column.class_count == <uint64_t> column.count + 3
    return (kind == C_INTEGER and column.class_count == <uint64_t> column.count + 2
            and (is_slot(image, subject, T_INT) or is_slot(image, subject, T_TIMESTAMP)
                 or is_slot(image, subject, T_DURATION)))


cdef Fault _indexes(const Image* image) noexcept nogil:
    """One for each placement, whose rules its entries name, and one for the condition segments."""
    cdef Shared used
    cdef uint32_t i, k, first, count
    cdef const IndexRecord* index
    cdef const EntryRecord* entry
    cdef Fault found
    used.entries = used.tests = used.anchors = used.maps = used.rows = 0
    if image.index_count != image.placement_count + 1:
        return fault_in(image, image.indexes, b"not one index for each placement and one for condition segments")
    for i in range(image.index_count):
        index = &image.indexes[i]
        if (index.first_entry != used.entries or index.entry_count > image.entry_count - used.entries
                or index.first_test != used.tests or index.test_count > image.test_count - used.tests
                or index.first_anchor != used.anchors or index.anchor_count > image.anchor_count - used.anchors
                or index.dense_first > index.entry_count):
            return fault_in(image, index, b"an index that is out of its place")
        first = image.placements[i].first_rule if i < image.placement_count else 0
        count = image.placements[i].rule_count if i < image.placement_count else image.condition_count
        for k in range(used.entries, used.entries + index.entry_count):
            entry = &image.entries[k]
            if entry.rule < first or entry.rule - first >= count:
                return fault_in(image, entry, b"an entry for a rule that is not its placement's")
            if entry.residual != NONE and entry.residual >= image.formula_count:
                return fault_in(image, entry, b"an entry with a condition that is not there")
        used.entries += index.entry_count
        found = _anchors(image, index, &used)
        if found.what == NULL:
            found = _tests(image, index, &used)
        if found.what != NULL:
            return found
    if (used.entries != image.entry_count or used.tests != image.test_count or used.anchors != image.anchor_count
            or used.maps != image.map_count or used.rows != image.row_count):
        return fault_in(image, image.indexes, b"entries, tests, maps or rows without an index")
    return sound()


cdef Fault _anchors(const Image* image, const IndexRecord* index, Shared* used) noexcept nogil:
    """Clusters share out the entries before the dense part, in order; so no decision looks at an entry twice."""
    cdef const AnchorRecord* anchor
    cdef uint32_t i, k, behind = 0
    for i in range(used.anchors, used.anchors + index.anchor_count):
        anchor = &image.anchors[i]
        if not _is_map(image, anchor.column, anchor.first_map, anchor.runs, <uint64_t> anchor.cluster_count + 1, used):
            return fault_in(image, anchor, b"a malformed map to clusters")
        if not _leads_once(image, anchor):
            return fault_in(image, anchor, b"a cluster of several classes or elements")
        if (anchor.first_begin != used.maps or anchor.cluster_count >= image.map_count - used.maps
                or image.maps[used.maps] != behind):
            return fault_in(image, anchor, b"clusters that are out of their place")
        for k in range(used.maps, used.maps + anchor.cluster_count):
            if image.maps[k] >= image.maps[k + 1]:
                return fault_in(image, &image.maps[k], b"clusters out of order")
        used.maps += anchor.cluster_count + 1
        behind = image.maps[used.maps - 1]
    if behind != index.dense_first:
        return fault_in(image, index, b"entries without a cluster")
    used.anchors += index.anchor_count
    return sound()


cdef bint _leads_once(const Image* image, const AnchorRecord* anchor) noexcept nogil:
    """Whether a map, which is one, leads to each cluster from one class or element at most."""
    cdef const uint32_t* begins = image.maps + anchor.first_map
    cdef const uint32_t* clusters = begins + anchor.runs
    cdef uint32_t size = image.columns[anchor.column].class_count if anchor.runs == 0 else anchor.runs
    cdef uint32_t i, last = 0
    for i in range(size):
        if clusters[i] == 0:
            continue
        if clusters[i] <= last or (anchor.runs and (i + 1 == size or begins[i + 1] != begins[i] + 1)):
            return False
        last = clusters[i]
    return True


cdef Fault _tests(const Image* image, const IndexRecord* index, Shared* used) noexcept nogil:
    cdef const TestRecord* test
    cdef uint64_t words = (<uint64_t> index.entry_count + 63) // 64
    cdef uint64_t elements = 0
    cdef uint32_t i
    for i in range(used.tests, used.tests + index.test_count):
        test = &image.tests[i]
        if test.kind > T_NONE or test.row_count == 0:
            return fault_in(image, test, b"a malformed test")
        if not _is_map(image, test.column, test.first_map, test.runs, test.row_count, used):
            return fault_in(image, test, b"a malformed map to rows")
        if (image.columns[test.column].kind >= C_HOLDS_STRING) != (test.kind != T_CLASS):
            return fault_in(image, test, b"a test that does not fit its column")
        elements += image.columns[test.column].class_count if test.kind != T_CLASS else 0
        if elements > ELEMENTS_MAX:
            return fault_in(image, test, b"more tests of elements than an index may have")
        if test.first_row != used.rows or test.row_count * words > image.row_count - used.rows:
            return fault_in(image, test, b"rows that are out of their place")
        used.rows += <uint32_t> (test.row_count * words)
    used.tests += index.test_count
    return sound()


cdef bint _is_map(const Image* image, uint32_t column, uint32_t first, uint32_t runs, uint64_t behind,
                  Shared* used) noexcept nogil:
    """Whether a map covers all classes or elements of a column, with numbers below `behind`; takes it."""
    cdef uint32_t i, size
    if column >= image.column_count or first != used.maps:
        return False
    size = image.columns[column].class_count if runs == 0 else runs
    if size > image.map_count - used.maps:
        return False
    used.maps += size
    if runs > 0:
        if image.maps[first] != 0 or runs > image.map_count - used.maps:
            return False
        for i in range(first + 1, first + runs):
            if image.maps[i] <= image.maps[i - 1]:
                return False
        first = used.maps
        used.maps += runs
    for i in range(first, used.maps):
        if image.maps[i] >= behind:
            return False
    return True
