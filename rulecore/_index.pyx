"""The index: which of a placement's rules may match a context, without looking at the others.

The problem
    A placement has thousands of rules, each a condition over a dozen attributes; a context has one value of each. Which
    rule is the first whose condition holds? Trying them in turn costs time in proportion to their number. But nearly
    all of them fail for a reason that they share with many others: the visitor is in another city. So the question is
    turned round: not "does this rule accept the visitor?" but "which rules does this value leave alive?".

Rows
    A column (`rulecore.columns`) puts the value of an attribute into one of a few classes. For each class there is a
    row: one bit for each entry (a rule, or one of the conjunctions that it was multiplied out into), set when the entry
    accepts the class *or does not ask*. The entries that survive are the AND of one row a column, 64 at a time:

        entry                     0 1 2 3 4 5 6 7
        device  = 'mobile'        1 1 0 1 1 1 0 1        entries 2 and 6 want a tablet
        total   : 50 <= 62 < 80   1 0 1 1 1 1 1 0        entries 1 and 7 want 80 or more
        member  = absent          1 1 1 0 1 1 1 1        entry 3 wants to know
                                  ---------------
        alive                     1 0 0 0 1 1 0 0

    Ranges, `!=`, `in`, `has`, negation, doubles, absent values and several tests of one attribute all are sets of
    classes, hence rows, exact. A column of elements (a list's, the visitor's segments, the patterns and constant texts
    found in a string by one automaton) ORs the rows of the elements that are there onto that of the entries that don't
    ask, or ANDs those of elements that must not be there. `a || b` over different attributes makes two entries. What no
    row can say (arithmetic between attributes, rare tests that would not be worth a row) is the entry's residual: a
    formula that is evaluated for survivors only. Where there are more classes than rows, neighbours share a row that
    lets through what either would, and the residual is exact.

Clusters
    AND takes time in proportion to entries / 64, which is still a straight line. So entries are put into clusters by
    the most selective thing that they ask, as a rule a segment or an equality: the cluster of `city = 'Oslo'` lies
    contiguously, and a visitor in Bergen never touches its words. An entry that accepts three cities is in three
    clusters; those that ask for nothing selective are the dense part, which is always looked at.

        positions   | Bergen | Oslo    | Trondheim | vip   | winter | dense              |
        words       |--------|----[----|---]-------|-------|--[-----|--]-----[-----------|--]
                              visited                       visited           visited

    Within a cluster entries are in the rules' order, so the first survivor is the cluster's best, and a cluster is left
    as soon as it can't beat the best that is known. Mostly one of the first entries survives: so a cluster's first word
    is looked at alone, and only then chunks of 8.

Costs
    For each column at most one search for the class: a hash probe for a string, about log2(constants) steps for a
    number, one probe an element; then for each visited chunk one AND a column, until nothing is alive. With 20,000
    rules over 400 selective values a visitor visits some five words. Columns are asked in order of how much their rows
    rule out, and only while something is alive. Rows take (classes x entries / 8) bytes; `rulecore.index` keeps them in
    bounds. Nothing is allocated, and nothing is cleared but by counting up a stamp.

    The rows of 20,000 rules are more than a core's caches hold, and a decision reads a cache line of each row in each
    cluster: waiting for these one after the other would take longer than all else. So the clusters of a context are
    found first, and then the lines of all of them are fetched at once.

Where it comes from
    Access predicates that name clusters: Fabret et al., "Filtering algorithms and implementation for very fast
    publish/subscribe systems" (SIGMOD 2001). Conjunctions in lists by their most selective pairs, and disjunctive
    normal form: Whang et al., "Indexing Boolean expressions" (VLDB 2009). Clustering in a tree that adapts: Sadoghi and
    Jacobsen, "BE-Tree" (SIGMOD 2011). Shared subexpressions, evaluated once: Ji and Jacobsen, "A-Tree" (Middleware
    2021), to which the memo of predicates in `_condition` is a cousin. Bitmaps for predicates: O'Neil and Quass,
    "Improved query performance with variant indexes" (SIGMOD 1997). It differs in that bits of *not asked* are merged
    into each row, so a column costs one AND whether or not an entry asks; in that all is decided when the image is
    written, so loading is a verification pass; and in that values are three-valued: a class of their own for what is
    absent makes "definitely true" a matter of one bit.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

from rulecore._bundle cimport Image
from rulecore._columns cimport class_of, column_state
from rulecore._layout cimport *
from rulecore._linked cimport EVERY_ROW, ONE_ROW, SOME_ROW, Pick
from rulecore._machine cimport count_trailing_zeros, prefetch


cdef enum:
    FETCHED_MIN = 4096       # entries from which on rows are too many to lie in the processor's near caches
    MERGED_FROM = 16         # rows of one test
    TAKEN_WORDS = 4          # a bit for each of a test's first rows, which are taken once: few tests have more


cdef void search_begin(Search* search, Linked linked, Workspace* work, uint32_t index) noexcept:
    search.index = &linked.image.indexes[index]
    search.entries = linked.image.entries + search.index.first_entry
    search.next_anchor = 0
    search.cluster_count = search.next_cluster = 0
    search.state = NULL
    search.resolved = 0
    search.word = 0
    search_limit(search, NONE)


cdef const EntryRecord* search_next(Search* search, Linked linked, Workspace* work) noexcept:
    cdef const EntryRecord* entry
    cdef uint64_t alive
    while True:
        while search.at < search.count:
            alive = search.alive[search.at]
            if alive:
                search.alive[search.at] = alive & (alive - 1)
                entry = search.entries + (search.word + search.at) * 64 + count_trailing_zeros(alive)
                if entry.rule < search.limit:
                    return entry
                search_limit(search, search.limit)
                break
            search.at += 1
        search.word += search.count
        if search.word * 64 < search.end:
            search.rule = search.entries[search.word * 64].rule
        elif not _next_cluster(search, linked, work):
            return NULL
        if search.rule >= search.limit:
            search_limit(search, search.limit)
        else:
            _look(search, linked, work)


# Clusters


cdef bint _next_cluster(Search* search, Linked linked, Workspace* work) noexcept:
    """Goes to the next cluster that the context visits, and after them to the dense part, once."""
    cdef const Cluster* cluster
    if search.next_cluster == search.cluster_count and search.next_anchor < search.index.anchor_count:
        _gather(search, linked, work)
    if search.next_cluster < search.cluster_count:
        cluster = &search.clusters[search.next_cluster]
        search.next_cluster += 1
        _enter(search, cluster.begin, cluster.end, cluster.rule, 1)
        return True
    if search.next_anchor == search.index.anchor_count and search.index.dense_first < search.index.entry_count:
        search.next_anchor += 1
        _enter(search, search.index.dense_first, search.index.entry_count,
               search.entries[search.index.dense_first].rule, CHUNK)
        return True
    return False


cdef inline void _enter(Search* search, uint32_t begin, uint32_t end, uint32_t rule, uint32_t reach) noexcept nogil:
    search.begin = begin
    search.end = end
    search.rule = rule
    search.reach = reach
    search.word = begin // 64
    search.count = search.at = 0


cdef void _gather(Search* search, Linked linked, Workspace* work) noexcept:
    """Finds the next clusters that the context visits, as many as there is room for."""
    cdef const AnchorRecord* anchor
    cdef uint32_t cluster, first
    search.cluster_count = search.next_cluster = 0
    while search.next_anchor < search.index.anchor_count and search.cluster_count < CLUSTERS:
        anchor = &linked.image.anchors[search.index.first_anchor + search.next_anchor]
        cluster = 0
        if linked.image.columns[anchor.column].kind < C_HOLDS_STRING:
            cluster = mapped(linked.image, anchor.first_map, anchor.runs, class_of(linked, work, anchor.column))
            search.next_anchor += 1
        else:
            if search.state == NULL:
                search.state = column_state(linked, work, anchor.column)
                search.next_element = 0
            if search.next_element < search.state.count:
                cluster = mapped(linked.image, anchor.first_map, anchor.runs,
                                 work.elements[search.state.first + search.next_element])
                search.next_element += 1
            else:
                search.state = NULL
                search.next_anchor += 1
        if cluster:
            first = anchor.first_begin + cluster - 1
            _add_cluster(search, linked.image.maps[first], linked.image.maps[first + 1])
    if search.cluster_count > 1 and search.index.entry_count >= FETCHED_MIN:
        _fetch_rows(search, linked, work)


cdef inline void _add_cluster(Search* search, uint32_t begin, uint32_t end) noexcept nogil:
    cdef Cluster* cluster = &search.clusters[search.cluster_count]
    cluster.begin = begin
    cluster.end = end
    cluster.rule = search.entries[begin].rule
    search.cluster_count += 1


cdef void _fetch_rows(Search* search, Linked linked, Workspace* work) noexcept:
    """Has the rows' words at the beginning of each gathered cluster fetched, all at once rather than one by one.

    (Not in parts: a function that does nothing but prefetch is one without effect to GCC, which then drops its calls.)
    """
    cdef const Pick* pick
    cdef uint32_t test, i, k
    for test in range(search.index.test_count):
        pick = _pick_of(search, linked, work, test)
        for i in range(search.cluster_count):
            prefetch(pick.row + search.clusters[i].begin // 64)
        if pick.how == ONE_ROW:            # merged, if there were others
            continue
        for k in range(pick.first, pick.first + pick.count):
            for i in range(search.cluster_count):
                prefetch(work.rows[k] + search.clusters[i].begin // 64)


cdef inline uint32_t mapped(const Image* image, uint32_t first, uint32_t runs, uint32_t number) noexcept nogil:
    """What a map says of a class or element: looked up, or where the map is of runs, searched for."""
    cdef const uint32_t* begins = image.maps + first
    cdef uint32_t low = 0, count = runs, half
    if runs == 0:
        return begins[number]
    while count > 1:
        half = count >> 1
        if begins[low + half] <= number:
            low += half
            count -= half
        else:
            count = half
    return begins[runs + low]


# Rows


cdef void _look(Search* search, Linked linked, Workspace* work) noexcept:
    """Takes the next chunk of the cluster and lets every test rule out what it can."""
    cdef uint32_t left = (search.end + 63) // 64 - search.word
    cdef uint32_t i
    search.at = 0
    search.count = min(left, search.reach)
    search.reach = CHUNK
    for i in range(search.count):
        search.alive[i] = ~(<uint64_t> 0)
    if search.word == search.begin // 64:
        search.alive[0] <<= search.begin % 64
    if (search.word + search.count) * 64 > search.end:
        search.alive[search.count - 1] &= ~(<uint64_t> 0) >> (64 - search.end % 64)
    if search.index.entry_count <= 64:
        _look_at_the_only(search, linked, work)
    elif search.count == 1:
        _look_at_one(search, linked, work)
    else:
        _look_at_some(search, linked, work)


cdef inline void _look_at_the_only(Search* search, Linked linked, Workspace* work) noexcept:
    """An index of one word is looked at once, so that the rows of its tests need not be kept."""
    cdef const TestRecord* test = linked.image.tests + search.index.first_test
    cdef const TestRecord* behind = test + search.index.test_count
    cdef const ColumnState* state
    cdef const uint64_t* rows
    cdef uint64_t alive = search.alive[0], some
    cdef uint32_t i, row
    while test != behind and alive:
        rows = linked.image.rows + test.first_row
        state = column_state(linked, work, test.column)
        if test.kind == T_CLASS:
            alive &= rows[mapped(linked.image, test.first_map, test.runs, state.value)]
        elif not state.value:
            alive &= rows[0]
        else:
            some = rows[0] if test.kind == T_ANY else ~(<uint64_t> 0)
            for i in range(state.count):
                row = mapped(linked.image, test.first_map, test.runs, work.elements[state.first + i])
                if row:
                    some = some | rows[row] if test.kind == T_ANY else some & rows[row]
            alive &= some
        test += 1
    search.alive[0] = alive


cdef inline void _look_at_one(Search* search, Linked linked, Workspace* work) noexcept:
    cdef uint64_t alive = search.alive[0], some
    cdef const Pick* pick
    cdef uint32_t test, k
    for test in range(search.index.test_count):
        pick = _pick_of(search, linked, work, test)
        if pick.how == ONE_ROW:
            alive &= pick.row[search.word]
        elif pick.how == SOME_ROW:
            some = pick.row[search.word]
            for k in range(pick.first, pick.first + pick.count):
                some |= work.rows[k][search.word]
            alive &= some
        else:
            for k in range(pick.first, pick.first + pick.count):
                alive &= work.rows[k][search.word]
        if alive == 0:
            break
    search.alive[0] = alive


cdef inline void _look_at_some(Search* search, Linked linked, Workspace* work) noexcept:
    cdef uint64_t[CHUNK] some
    cdef const uint64_t* row
    cdef const Pick* pick
    cdef uint32_t test, k
    for test in range(search.index.test_count):
        pick = _pick_of(search, linked, work, test)
        row = pick.row + search.word
        if pick.how == ONE_ROW:
            _and(search.alive, row, search.count)
        elif pick.how == SOME_ROW:
            memcpy(some, row, search.count * sizeof(uint64_t))
            for k in range(pick.first, pick.first + pick.count):
                _or(some, work.rows[k] + search.word, search.count)
            _and(search.alive, some, search.count)
        else:
            for k in range(pick.first, pick.first + pick.count):
                _and(search.alive, work.rows[k] + search.word, search.count)
        if not _any(search.alive, search.count):
            search.at = search.count
            return


cdef inline void _and(uint64_t* words, const uint64_t* others, uint32_t count) noexcept nogil:
    cdef uint32_t i
    for i in range(count):
        words[i] &= others[i]


cdef inline void _or(uint64_t* words, const uint64_t* others, uint32_t count) noexcept nogil:
    cdef uint32_t i
    for i in range(count):
        words[i] |= others[i]


cdef inline bint _any(const uint64_t* words, uint32_t count) noexcept nogil:
    cdef uint64_t all_of_them = 0
    cdef uint32_t i
    for i in range(count):
        all_of_them |= words[i]
    return all_of_them != 0


cdef inline const Pick* _pick_of(Search* search, Linked linked, Workspace* work, uint32_t test) noexcept:
    """The rows of a test, which are found when it is first made; tests are made in their order."""
    if test == search.resolved:
        _resolve(linked, work, search.index, test)
        search.resolved += 1
    return &work.picks[test]


cdef void _resolve(Linked linked, Workspace* work, const IndexRecord* index, uint32_t at) noexcept:
    """Finds the rows that a test has for this decision."""
    cdef const TestRecord* test = &linked.image.tests[index.first_test + at]
    cdef Pick* pick = &work.picks[at]
    cdef const uint64_t* rows = linked.image.rows + test.first_row
    cdef size_t words = (index.entry_count + 63) // 64
    cdef const ColumnState* state = column_state(linked, work, test.column)
    cdef uint32_t i, row
    pick.row = rows
    pick.how = ONE_ROW
    pick.first = work.picks[at - 1].first + work.picks[at - 1].count if at > 0 else 0
    pick.count = 0
    if test.kind == T_CLASS:
        pick.row += words * mapped(linked.image, test.first_map, test.runs, state.value)
        return
    if not state.value:
        return                             # not known: only what does not ask stays alive
    pick.how = SOME_ROW if test.kind == T_ANY else EVERY_ROW
    for i in range(state.count):
        row = mapped(linked.image, test.first_map, test.runs, work.elements[state.first + i])
        if row:
            work.rows[pick.first + pick.count] = rows + words * row
            pick.count += 1
    if pick.count > MERGED_FROM:
        _merge(pick, work.rows, work.merged + words * _lists_before(linked.image, index.first_test, at), words)


cdef uint32_t _lists_before(const Image* image, uint32_t first, uint32_t at) noexcept nogil:
    """How many of an index's tests before this one are of elements."""
    cdef uint32_t count = 0, i
    for i in range(first, first + at):
        count += image.tests[i].kind != T_CLASS
    return count


cdef void _merge(Pick* pick, const uint64_t** rows, uint64_t* merged, size_t words) noexcept nogil:
    """Makes one row of many, once: a long list would else be gone through at every word that is looked at."""
    cdef uint64_t[TAKEN_WORDS] taken
    cdef const uint64_t* first = pick.row
    cdef size_t number
    cdef uint32_t k
    memset(taken, 0, sizeof(taken))
    if pick.how == SOME_ROW:
        memcpy(merged, first, words * sizeof(uint64_t))
    else:
        memset(merged, 0xFF, words * sizeof(uint64_t))
    for k in range(pick.first, pick.first + pick.count):
        number = <size_t> (rows[k] - first) // words
        if number < 64 * TAKEN_WORDS:
            if taken[number >> 6] >> (number & 63) & 1:
                continue
            taken[number >> 6] |= <uint64_t> 1 << (number & 63)
        if pick.how == SOME_ROW:
            _or(merged, rows[k], <uint32_t> words)
        else:
            _and(merged, rows[k], <uint32_t> words)
    pick.row = merged
    pick.how = ONE_ROW
