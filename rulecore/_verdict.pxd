# Rules: what becomes of each, and what a placement's list of them decides.
from libc.stdint cimport uint32_t

from rulecore._bundle cimport Image
from rulecore._layout cimport RuleRecord, Span
from rulecore._linked cimport Linked, Workspace
from rulecore._text cimport Text


cdef enum Outcome:           # in the order of explanation.Outcome, which is the order of the checks
    DISABLED, NOT_STARTED, ENDED, NO_CONSENT, CONDITION, NO_UNIT, OUTSIDE_PERCENT, OUTSIDE_LAYER, CAP_USED_UP, WON


cdef enum Reason:            # in the order of `_engine.REASONS`
    TARGETING_MATCH, SPLIT, DEFAULT, STATIC, PLACEMENT_DISABLED, FAILED


cdef struct Verdict:         # indices in the image, NONE for none; variants count within their placement
    uint32_t placement
    uint32_t variant
    uint32_t rule
    uint32_t holdout
    uint32_t held_rule
    uint32_t held_variant
    Reason reason


cdef Verdict decide_placement(Linked linked, Workspace* work, uint32_t placement) noexcept
cdef void find_conditions(Linked linked, Workspace* work) noexcept
cdef Verdict default_of(const Image* image, uint32_t placement, Reason reason) noexcept
cdef Outcome rule_outcome(Linked linked, Workspace* work, const RuleRecord* rule) noexcept
# Where a unit falls of `total`, in integers: (MurmurHash3(prefix + unit) * total) >> 32.
cdef uint32_t unit_share(const Image* image, Span prefix, Text unit, uint32_t total) noexcept
