# The index: a walk over the entries of one list of rules that may hold, see `_index.pyx`.
from libc.stdint cimport uint32_t, uint64_t

from rulecore._layout cimport EntryRecord, IndexRecord
from rulecore._linked cimport ColumnState, Linked, Workspace


cdef enum:
    CHUNK = 8                # words of rows that are looked at together at most: a cache line
    CLUSTERS = 16            # that are found at a time: few contexts visit more


cdef struct Cluster:         # one that the context visits
    uint32_t begin           # its first position
    uint32_t end             # behind its last
    uint32_t rule            # of the first entry


cdef struct Search:
    const IndexRecord* index
    const EntryRecord* entries
    uint32_t limit           # entries of this rule and of those behind it no longer matter
    uint32_t next_anchor     # whose clusters come next; behind the last one comes the dense part
    const ColumnState* state     # of an anchor with elements: those whose clusters are still to come
    uint32_t next_element
    uint32_t cluster_count   # of those found
    uint32_t next_cluster
    uint32_t resolved        # tests whose rows have been found
    uint32_t begin           # the first position of the cluster at hand
    uint32_t end             # behind its last
    uint32_t word            # the chunk's first, of the index's words
    uint32_t rule            # of the chunk's first entry
    uint32_t reach           # words in a chunk at most; one where a cluster begins, which mostly does
    uint32_t count           # words in the chunk
    uint32_t at              # the word that candidates are taken from
    uint64_t[CHUNK] alive    # a bit for each position of the chunk that may hold
    Cluster[CLUSTERS] clusters


cdef void search_begin(Search* search, Linked linked, Workspace* work, uint32_t index) noexcept
# The next entry that no row rules out and that is below the limit, in the order of rules within a cluster; NULL when
# there is none.
cdef const EntryRecord* search_next(Search* search, Linked linked, Workspace* work) noexcept


# Nothing from this rule on matters any more.
cdef inline void search_limit(Search* search, uint32_t rule) noexcept nogil:
    search.limit = rule
    search.count = search.at = search.end = 0              # in its cluster it was the first that matters
