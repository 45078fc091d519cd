# The bundle image: what its sections hold. `rulecore.layout` has the same records for the writer, and a test holds
# the two to one size.
#
#   header   magic (8) · version (4) · required features (4) · length (8) · checksum (8)
#   table    one (offset, length) a section, in the order of `Section`
#   sections each aligned to 8 bytes, one after the other, nothing between them but zero padding
#
# All numbers are little-endian. Text lies in POOL and is named by (offset, size). Everything else names things by their
# index in a section; NONE says that there is none.
#
# POOL is three parts one after the other, each checked once as a whole, so that what is left to check of a span is
# where it begins and ends:
#
#   names    [a-z0-9_-] only: bundle, placements, variants, rules, segments, experiments, ... at most 64 long
#   lines    UTF-8 without control characters: attributes, headers, paths of blocks
#   text     any UTF-8: constants, payloads, the source of predicates, ...
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cpdef enum Section:
    META
    POOL
    BLOCKS                   # the contents of content blocks: any bytes
    PURPOSES
    ATTRIBUTES
    SEGMENTS
    CONDITIONS               # names of condition segments; what they ask is in the last of INDEXES
    HOLDOUTS
    LAYERS
    PATTERNS
    TEXT_ITEMS               # elements of constant lists
    INTEGER_ITEMS
    CIDRS
    NODES
    PREDICATES
    FORMULAS
    ZONES
    AUTOMATA
    PLACEMENTS
    VARIANTS
    TERMS
    RULES
    SPLITS
    COLUMNS
    CUTS
    DICTIONARIES
    CONSTANTS
    BUCKETS
    INDEXES                  # one a placement, in their order, and one of all condition segments
    ANCHORS
    TESTS
    MAPS
    ENTRIES
    ROWS
    SECTION_COUNT


cpdef enum PredicateKind:
    P_CONSENT                # true when all purposes in `bits` are consented to, else an error
    P_SEGMENT                # precomputed segment `subject`
    P_HAS                    # attribute `subject` is there; the rest are of that attribute too
    P_BOOL
    P_INTEGER                # `compare` with `integer`: int, timestamp or duration
    P_REAL                   # `compare` with `real`
    P_STRING                 # equals `text`
    P_STRING_IN              # is one of the strings in `items`
    P_INTEGER_IN
    P_HOLDS_STRING           # a list that holds `text`
    P_HOLDS_INTEGER
    P_MATCHES                # a string in which the pattern at `items.first` is found
    P_EXPRESSION             # whatever else: node `subject`


cpdef enum Compare:
    EQ
    LT
    LE
    GT
    GE


cpdef enum FormulaKind:
    F_ALL
    F_ANY
    F_LEAF


cpdef enum NodeOp:           # result; operands
    N_CONST                  # any; `integer`, `real`, `text` or `items`
    N_ATTR                   # any; slot a
    N_VAR                    # int or string; loop a
    N_HAS                    # bool; slot a
    N_PREDICATE              # bool; predicate a, no expression
    N_GUARD                  # bool; predicate a must be true, then node b, else an error
    N_AND                    # bool; a, b
    N_OR                     # bool; a, b
    N_NOT                    # bool; a
    N_COND                   # bool; a, b, c
    N_EXISTS                 # bool; list a, body b
    N_ALL                    # bool; list a, body b
    N_COMPARE                # bool; a, b; `mode` is Operands * 8 + Compare
    N_ADD                    # int or double; a, b of one type
    N_SUB
    N_MUL
    N_DIV
    N_MOD                    # int; a, b
    N_NEG                    # int or double; a
    N_SHIFT                  # timestamp or duration; a of that type plus duration b; `mode` 1: minus
    N_SINCE                  # duration; timestamp a minus timestamp b
    N_IN                     # bool; a in list b
    N_SIZE                   # int; string or list a
    N_STARTS_WITH            # bool; strings a, b
    N_ENDS_WITH
    N_CONTAINS
    N_MATCHES                # bool; string a, pattern b; `mode` 1: a is the same throughout a decision
    N_LOWER_ASCII            # string; string a
    N_INTERSECTS             # bool; lists a, b of one type
    N_CONTAINS_ALL
    N_SEMVER                 # semver; string a
    N_CIDR                   # bool; string a in range b of CIDRS
    N_CALENDAR               # int; timestamp a, zone string b; `mode` is a Field
    N_ELAPSED                # int; duration a; `mode` is a Field
    NODE_OP_COUNT


cpdef enum Operands:
    O_INTEGER                # two of one type: bool (EQ only), int, timestamp, duration
    O_REAL
    O_STRING
    O_SEMVER
    O_INTEGER_REAL           # a is an int, b a double


cpdef enum Field:
    FULL_YEAR
    MONTH
    DATE
    DAY_OF_MONTH
    DAY_OF_WEEK
    DAY_OF_YEAR
    HOURS
    MINUTES
    SECONDS
    MILLISECONDS
    FIELD_COUNT


cpdef enum ColumnKind:
    C_BOOL                   # slot `subject`; classes: absent, false, true
    C_TRUTH                  # predicate `subject`; classes: error, false, true
    C_INTEGER                # slot; classes: absent, then how many of the cuts are at most the value
    C_REAL                   # the same, and the last one for NaN
    C_STRING                 # slot; classes: absent, none of the constants, each of them
    C_HOLDS_STRING           # slot; elements: constants of the dictionary `first`
    C_HOLDS_INTEGER          # slot; elements: cuts
    C_SEGMENTS               # elements: the precomputed segments that have exactly the purposes `subject`
    C_MATCHES                # slot; elements: the patterns of scanner `first` that are found in it


cpdef enum TestKind:
    T_CLASS                  # a row for each class
    T_ANY                    # row 0 has those that don't ask; each element that is there, a row of those it satisfies
    T_NONE                   # row 0 the same, for want of a list; each element that is there, those it does not harm


cpdef enum TermsFlag:
    TERMS_ENABLED = 1
    TERMS_CAP_PER_DAY = 2


cdef enum:
    HEADER_BYTES = 32
    VERSION = 1
    NONE = 0xFFFFFFFF


cdef struct Span:            # bytes of POOL, or of BLOCKS
    uint32_t offset
    uint32_t size


cdef struct ItemSpan:        # elements of TEXT_ITEMS or INTEGER_ITEMS
    uint32_t first
    uint32_t count


cdef struct Children:        # the second and third operand
    uint32_t b
    uint32_t c


cdef union Operand:
    int64_t integer
    double real
    uint64_t bits
    Span text
    ItemSpan items
    Children node


cdef struct MetaRecord:
    Span name
    Span timezone
    Span zones_version
    uint32_t now_slot
    uint32_t timezone_slot
    uint32_t visitor_slot
    uint32_t segments_slot
    uint32_t consent_slot
    uint32_t names_end       # in POOL
    uint32_t lines_end
    uint32_t reserved


cdef struct AttributeRecord:
    Span name
    Span source_name
    uint64_t purposes
    uint8_t type
    uint8_t source
    uint16_t reserved
    uint32_t reserved_too


cdef struct SegmentRecord:
    Span name
    uint64_t purposes


cdef struct HoldoutRecord:
    Span name
    Span prefix              # what is hashed before the unit
    uint64_t purposes
    uint32_t share
    uint32_t unit


cdef struct LayerRecord:
    Span name
    Span prefix
    uint32_t unit
    uint32_t reserved


cdef struct CidrRecord:
    uint8_t[18] packed       # see `_address`


cdef struct PatternRecord:
    Span source
    uint32_t scanner         # of AUTOMATA
    uint32_t number          # among the scanner's patterns


cdef struct NodeRecord:
    uint8_t op
    uint8_t type
    uint16_t mode
    uint32_t a
    Operand operand


cdef struct PredicateRecord:
    Span source              # the text that explanations show
    uint8_t kind
    uint8_t compare
    uint16_t reserved
    uint32_t subject
    Operand operand


cdef struct FormulaRecord:   # in prefix order
    uint8_t kind
    uint8_t wanted           # of a leaf: 1 true, 0 false
    uint16_t reserved
    uint32_t link            # a leaf's predicate, else the index behind the last child


cdef struct PlacementRecord:
    Span name
    uint32_t first_variant
    uint32_t variant_count
    uint32_t first_rule
    uint32_t rule_count
    uint32_t default_variant  # all variants are counted within their placement
    uint32_t holdout
    uint32_t enabled
    uint32_t reserved


cdef struct VariantRecord:
    Span name
    Span payload             # size 0: none
    Span block_path          # size 0: no block
    Span block
    uint64_t digest


cdef struct TermsRecord:     # what a rule has but for its condition and what it serves: equal ones are written once
    Span experiment          # size 0: none
    Span percent_prefix
    Span split_prefix
    uint64_t purposes
    int64_t starts
    int64_t ends
    uint32_t percent         # NONE: everybody
    uint32_t layer
    uint32_t layer_first
    uint32_t layer_end
    uint32_t first_split     # all terms share out all splits, in order
    uint32_t split_count
    uint32_t split_total
    uint32_t split_variants  # one more than the last variant that the split names
    uint32_t unit
    uint32_t cap_slot
    uint32_t cap_shows
    uint32_t sticky_slot
    uint32_t flags
    uint32_t reserved


cdef struct RuleRecord:
    Span id
    uint32_t formula         # NONE: always
    uint32_t serve           # NONE: the split decides
    uint32_t terms


cdef struct SplitRecord:
    uint32_t variant
    uint32_t weight


cdef struct ColumnRecord:
    uint32_t kind
    uint32_t first           # of its cuts; or the number of its dictionary or scanner
    uint32_t count           # of them
    uint32_t class_count     # classes or elements
    uint64_t subject


cdef struct DictionaryRecord:    # strings and their numbers; the first has the precomputed segments
    uint32_t first_constant
    uint32_t count
    uint32_t first_bucket
    uint32_t bucket_count    # a power of two; some are empty
    uint32_t size_max        # bytes of the longest
    uint32_t reserved


cdef struct IndexRecord:     # its words are those that `entry_count` bits need
    uint32_t first_entry
    uint32_t entry_count
    uint32_t dense_first     # clusters lie before it
    uint32_t first_test
    uint32_t test_count
    uint32_t first_anchor
    uint32_t anchor_count
    uint32_t reserved


cdef struct AnchorRecord:    # maps a column to clusters, counted from 1; 0 is none
    uint32_t column
    uint32_t first_map       # a number for each class or element; or with `runs`, where so many runs of them begin,
    uint32_t runs            # and then the number of each
    uint32_t first_begin     # in MAPS: where each cluster begins, and where the last one ends
    uint32_t cluster_count
    uint32_t reserved


cdef struct TestRecord:      # maps a column to rows
    uint32_t kind
    uint32_t column
    uint32_t first_map
    uint32_t runs
    uint32_t first_row       # in ROWS, in words
    uint32_t row_count


cdef struct EntryRecord:
    uint32_t rule            # or condition segment
    uint32_t residual        # a formula, or NONE


cdef size_t record_size(int section) noexcept nogil
