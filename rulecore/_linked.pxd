# A bundle and a membership, linked; and the workspace that one decision needs.
from libc.stdint cimport int8_t, int32_t, int64_t, uint32_t, uint64_t

from rulecore._bundle cimport BundleImage, Image
from rulecore._context cimport ContextReader, Slots, Value
from rulecore._membership cimport Membership
from rulecore._text cimport Text


cdef enum:
    LOOPS = 4                # quantifiers inside each other: LIMITS.image_loops_max


cdef enum Members:           # what is known of the visitor's precomputed segments
    NOT_ASKED, KNOWN, NO_VISITOR, NO_SNAPSHOT


cdef struct Workspace:       # taken for one decision, then put back: nothing is allocated a decision
    Slots* slots
    int8_t* truth            # by predicate: `_condition.Truth`
    uint64_t* member         # a bit for each of the bundle's precomputed segments
    uint64_t consent         # a bit for each purpose
    int64_t now
    Members members
    uint32_t* found_ids      # room for Membership.find
    int64_t steps            # that the expression at hand may still take
    Value[LOOPS] loops


cdef struct Fill:            # a snapshot's column and the attribute's slot that it goes to
    uint32_t column
    uint32_t slot


cdef class Linked:
    cdef readonly BundleImage bundle
    cdef readonly Membership membership    # or None
    cdef readonly str release
    cdef list patterns                     # google-re2's, by pattern
    cdef const Image* image
    cdef ContextReader reader
    cdef uint32_t* ordinals                # by the snapshot's segment id: the bundle's ordinal, or NONE
    cdef uint32_t ordinal_count
    cdef Fill* fills
    cdef uint32_t fill_count
    cdef Workspace** idle                  # a stack, used under the GIL
    cdef uint32_t idle_count

    # Reads a context (dict or bytes, which must outlive the workspace's use) and settles what every decision needs.
    # `allocates` says whether Python objects are made before `end`: then a dict could be changed meanwhile.
    cdef Workspace* begin(self, object context, int64_t now, bint allocates) except NULL
    cdef void end(self, Workspace* work) noexcept
    # Looks the visitor's precomputed segments up, once a decision.
    cdef Members ask_members(self, Workspace* work) noexcept
    cdef bint unit_text(self, Workspace* work, uint32_t slot, char* digits, Text* unit) noexcept

    cdef Workspace* workspace_new(self) except NULL
    cdef int link(self) except -1
    cdef void settle(self, Workspace* work, int64_t now) noexcept
    cdef void fill_columns(self, Workspace* work) noexcept
    cdef int pin_text(self, Workspace* work) except -1
    cdef int32_t find_visitor(self, Workspace* work, uint64_t* row) noexcept
