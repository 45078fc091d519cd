# A bundle and a membership, linked; and the workspace that one decision needs.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from rulecore._automaton cimport automata_scan
from rulecore._bundle cimport BundleImage, Image
from rulecore._context cimport ContextReader, Slots, Value
from rulecore._membership cimport Found, Membership
from rulecore._text cimport Text


cdef enum:
    LOOPS = 4                # quantifiers inside each other: LIMITS.image_loops_max


cdef enum Members:           # what is known of the visitor's precomputed segments
    NOT_ASKED, KNOWN, NO_VISITOR, NO_SNAPSHOT


cdef enum:
    EXPECTED = -3            # the visitor's lookup has begun
    NOT_LOOKED = -2


cdef struct ColumnState:     # what a column is found to be, see `_columns`
    uint32_t stamp           # of the decision that asked
    uint32_t value           # its class; of elements, whether they are known
    uint32_t first           # in Workspace.elements
    uint32_t count           # of the elements that are there
    uint32_t first_word      # in Workspace.present


cdef enum PickHow:
    ONE_ROW, SOME_ROW, EVERY_ROW


cdef struct Pick:            # the rows that a test has for a decision, see `_index`
    const uint64_t* row
    uint32_t first           # in Workspace.rows
    uint32_t count
    PickHow how


cdef struct Workspace:       # taken for one decision, then put back: nothing is allocated a decision
    Slots* slots
    uint32_t stamp           # counts the decisions: what carries another stamp is of an earlier one
    uint32_t* truth          # by predicate: four times the stamp plus a `_condition.Truth`
    ColumnState* columns
    uint32_t* elements       # room for all elements of all columns
    uint64_t* present        # a bit for each element of each column, for those that are there
    Pick* picks              # by test of one index
    const uint64_t** rows    # room for a row of each element that one index tests
    uint64_t* merged         # room for a whole row of each of its tests of elements
    uint64_t* member         # a bit for each of the bundle's precomputed segments
    uint32_t* member_list    # those that the visitor is in
    uint32_t member_count
    uint8_t* conditions      # by condition segment: whether it holds, see `_verdict.find_conditions`
    uint64_t consent         # a bit for each purpose
    int64_t now
    Members members
    uint32_t* found_ids      # what Membership.find says of the visitor, once it was asked
    int32_t found_count      # of found_ids; -1: the visitor is not known; NOT_LOOKED, EXPECTED
    Found visitor
    uint64_t* found          # by scanner: a bit for each pattern that is found, and what scanning keeps for itself
    uint32_t* scanned        # by scanner: the stamp of the decision for which `found` holds
    int64_t steps            # that the expression at hand may still take
    Value[LOOPS] loops


cdef struct Fill:            # a snapshot's column and the attribute's slot that it goes to
    uint32_t column
    uint32_t slot


cdef class Linked:
    cdef readonly BundleImage bundle
    cdef readonly Membership membership    # or None
    cdef readonly str release
    cdef const Image* image
    cdef ContextReader reader
    cdef uint32_t* ordinals                # by the snapshot's segment id: the bundle's ordinal, or NONE
    cdef uint32_t ordinal_count
    cdef uint32_t scanner_count
    cdef size_t* found_at                  # by scanner: its place in Workspace.found
    cdef size_t found_words
    cdef Fill* fills
    cdef uint32_t fill_count
    cdef uint64_t purposes                 # of all attributes
    cdef uint64_t segment_purposes         # that each precomputed segment has: without them none is asked for
    cdef size_t element_count              # of all columns
    cdef size_t present_words
    cdef size_t merged_words               # of the index that has the most
    cdef uint32_t* lists                   # by slot: the column of its list's elements, or NONE
    cdef size_t pick_count                 # of the index that has the most
    cdef size_t pick_rows
    cdef Workspace** idle                  # a stack, used under the GIL
    cdef uint32_t idle_count

    # Reads a context (dict or bytes, which must outlive the workspace's use) and settles what every decision needs.
    # `allocates` says whether Python objects are made while its text is still looked at: then a dict could be changed
    # meanwhile, so that the text is copied.
    cdef Workspace* begin(self, object context, int64_t now, bint allocates) except NULL
    cdef void end(self, Workspace* work) noexcept
    # Looks the visitor's precomputed segments up, once a decision.
    cdef Members ask_members(self, Workspace* work) noexcept
    cdef bint unit_text(self, Workspace* work, uint32_t slot, char* digits, Text* unit) noexcept

    cdef Workspace* workspace_new(self) except NULL
    cdef int measure(self) except -1
    cdef void lay_elements(self, Workspace* work) noexcept
    cdef void forget(self, Workspace* work) noexcept
    cdef void add_member(self, Workspace* work, uint32_t ordinal) noexcept
    cdef int place_found(self) except -1
    cdef int link(self) except -1
    cdef void settle(self, Workspace* work, int64_t now) noexcept
    cdef void fill_columns(self, Workspace* work) noexcept
    cdef int pin_text(self, Workspace* work) except -1
    cdef void expect_visitor(self, Workspace* work) noexcept
    cdef int32_t find_visitor(self, Workspace* work) noexcept


# The patterns of a scanner that are found in a text: of its term, so that one pass a decision finds all that it holds.
cdef inline const uint64_t* scanned(Linked linked, Workspace* work, uint32_t scanner, Text text) noexcept:
    cdef uint64_t* found = work.found + linked.found_at[scanner]
    if work.scanned[scanner] != work.stamp:
        work.scanned[scanner] = work.stamp
        automata_scan(linked.image.automata, scanner, text, found)
    return found
