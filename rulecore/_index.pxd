# The index: a walk over the entries of one list of rules that may hold, see `_index.pyx`.
from libc.stdint cimport uint32_t, uint64_t

from rulecore._layout cimport EntryRecord, IndexRecord
from rulecore._linked cimport ColumnState, Linked, Workspace


cdef enum:
    CHUNK = 8                # words of rows that are looked at together: a cache line


cdef struct Search:
    const IndexRecord* index
    const EntryRecord* entries
    uint32_t next_anchor     # whose clusters come next; behind the last one comes the dense part
    const ColumnState* state     # of an anchor with elements: those whose clusters are still to come
    uint32_t next_element
    uint32_t resolved        # tests whose rows have been found
    uint32_t word            # the chunk's first, of the index's words
    uint32_t count           # words in the chunk
    uint32_t at              # the word that candidates are taken from
    uint32_t begin           # the first position of the cluster at hand
    uint32_t end             # behind its last
    uint64_t[CHUNK] alive    # a bit for each position of the chunk that may hold


cdef void search_begin(Search* search, Linked linked, Workspace* work, uint32_t index) noexcept
# The next entry that no row rules out, in ascending order within a cluster; NULL when there is none.
cdef const EntryRecord* search_next(Search* search, Linked linked, Workspace* work) noexcept


# Leaves out the rest of the cluster.
cdef inline void search_skip(Search* search) noexcept nogil:
    search.count = search.at = 0
    search.end = 0
