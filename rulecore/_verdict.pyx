"""The first rule that matches decides, then split, stickiness and holdout.

`_index` offers the rules whose conditions may hold; what it could not tell, and the rest of a rule, is checked here.
The order of a rule's checks is part of the language: the cheap ones that need no unit come first, and what an
explanation gives as the reason is the first check that failed.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memset

from rulecore._bundle cimport span_text
from rulecore._condition cimport holds
from rulecore._context cimport PRESENT, Slot
from rulecore._hash cimport murmur3_32
from rulecore._index cimport Search, search_begin, search_limit, search_next
from rulecore._layout cimport NONE, TERMS_ENABLED, EntryRecord, HoldoutRecord, LayerRecord, PlacementRecord, TermsRecord
from rulecore._text cimport text_equal

from rulecore.limits import LIMITS
from rulecore.model import PERCENT_STEPS

cdef enum:
    HASHED_BYTES = 1024                    # a prefix and a unit: `_verify` and LIMITS.unit_bytes_max hold them to this
cdef uint32_t STEPS = PERCENT_STEPS

if LIMITS.salt_bytes_max + LIMITS.unit_bytes_max + 16 > HASHED_BYTES:
    raise AssertionError("a salt and a unit no longer fit the buffer that they are hashed in")


cdef uint32_t unit_share(const Image* image, Span prefix, Text unit, uint32_t total) noexcept:
    cdef uint8_t[HASHED_BYTES] hashed
    memcpy(hashed, image.pool + prefix.offset, prefix.size)
    memcpy(hashed + prefix.size, unit.data, unit.size)
    return <uint32_t> ((<uint64_t> murmur3_32(hashed, prefix.size + unit.size, 0) * total) >> 32)


cdef Outcome rule_outcome(Linked linked, Workspace* work, const RuleRecord* rule) noexcept:
    cdef const TermsRecord* terms = &linked.image.terms[rule.terms]
    cdef Outcome outcome = _time_and_consent(work, terms)
    if outcome != WON:
        return outcome
    if rule.formula != NONE and not holds(linked, work, rule.formula):
        return CONDITION
    return _unit_outcome(linked, work, terms)


cdef inline bint _admits(Linked linked, Workspace* work, uint32_t rule) noexcept:
    """Whether a rule wins whose condition holds."""
    cdef const TermsRecord* terms = &linked.image.terms[linked.image.rules[rule].terms]
    return _time_and_consent(work, terms) == WON and _unit_outcome(linked, work, terms) == WON


cdef inline Outcome _time_and_consent(const Workspace* work, const TermsRecord* terms) noexcept:
    if not terms.flags & TERMS_ENABLED:
        return DISABLED
    if work.now < terms.starts:
        return NOT_STARTED
    if work.now >= terms.ends:
        return ENDED
    if terms.purposes & ~work.consent:
        return NO_CONSENT
    return WON


cdef Outcome _unit_outcome(Linked linked, Workspace* work, const TermsRecord* terms) noexcept:
    """What becomes of a rule whose condition holds: its share of the units, its layer, its cap."""
    cdef char[24] digits
    cdef Text unit
    cdef uint32_t share
    cdef const LayerRecord* layer
    if terms.percent != NONE or terms.split_count > 0:
        if not linked.unit_text(work, terms.unit, digits, &unit):
            return NO_UNIT
        if terms.percent != NONE and unit_share(linked.image, terms.percent_prefix, unit, STEPS) >= terms.percent:
            return OUTSIDE_PERCENT
    if terms.layer != NONE:
        layer = &linked.image.layers[terms.layer]
        if not linked.unit_text(work, layer.unit, digits, &unit):
            return NO_UNIT
        share = unit_share(linked.image, layer.prefix, unit, STEPS)
        if share < terms.layer_first or share >= terms.layer_end:
            return OUTSIDE_LAYER
    return _cap_outcome(linked, work, terms)


cdef Outcome _cap_outcome(Linked linked, Workspace* work, const TermsRecord* terms) noexcept:
    """Without consent nothing is counted, so a capped rule would be shown for ever: it is not shown at all."""
    cdef const Slot* shown
    if terms.cap_slot == NONE:
        return WON
    if linked.image.attributes[terms.cap_slot].purposes & ~work.consent:
        return NO_CONSENT
    shown = &work.slots.slot[terms.cap_slot]
    if shown.state == PRESENT and shown.value.integer >= terms.cap_shows:
        return CAP_USED_UP
    return WON


cdef uint32_t _served(Linked linked, Workspace* work, const PlacementRecord* placement,
                      const RuleRecord* rule) noexcept:
    """The variant of a rule that has won: the one it serves, the one first assigned, or the one of the split."""
    cdef const TermsRecord* terms = &linked.image.terms[rule.terms]
    cdef char[24] digits
    cdef Text unit
    cdef const Slot* first
    cdef uint32_t i, share, variant
    if rule.serve != NONE:
        return rule.serve
    if terms.sticky_slot != NONE:
        first = &work.slots.slot[terms.sticky_slot]
        if first.state == PRESENT:
            for i in range(terms.first_split, terms.first_split + terms.split_count):
                variant = linked.image.splits[i].variant
                if linked.image.splits[i].weight > 0 and text_equal(
                        first.value.text,
                        span_text(linked.image, linked.image.variants[placement.first_variant + variant].name)):
                    return variant
    linked.unit_text(work, terms.unit, digits, &unit)
    share = unit_share(linked.image, terms.split_prefix, unit, terms.split_total)
    for i in range(terms.first_split, terms.first_split + terms.split_count):
        if share < linked.image.splits[i].weight:
            return linked.image.splits[i].variant
        share -= linked.image.splits[i].weight
    return placement.default_variant       # not reached: the weights add up to split_total


cdef bint _held_out(Linked linked, Workspace* work, const HoldoutRecord* holdout) noexcept:
    cdef char[24] digits
    cdef Text unit
    if holdout.purposes & ~work.consent or not linked.unit_text(work, holdout.unit, digits, &unit):
        return False
    return unit_share(linked.image, holdout.prefix, unit, STEPS) < holdout.share


cdef Verdict default_of(const Image* image, uint32_t placement, Reason reason) noexcept:
    cdef Verdict verdict
    verdict.placement = placement
    verdict.variant = image.placements[placement].default_variant
    verdict.rule = verdict.holdout = verdict.held_rule = verdict.held_variant = NONE
    verdict.reason = reason
    return verdict


cdef uint32_t _first_rule(Linked linked, Workspace* work, uint32_t placement) noexcept:
    """The first rule of a placement that matches, or NONE."""
    cdef Search search
    cdef const EntryRecord* entry
    search_begin(&search, linked, work, placement)
    while True:
        entry = search_next(&search, linked, work)
        if entry == NULL:
            return search.limit
        if ((entry.residual == NONE or holds(linked, work, entry.residual))
                and _admits(linked, work, entry.rule)):
            search_limit(&search, entry.rule)


cdef Verdict decide_placement(Linked linked, Workspace* work, uint32_t placement) noexcept:
    cdef const PlacementRecord* record = &linked.image.placements[placement]
    cdef Verdict verdict
    cdef uint32_t rule, variant
    if not record.enabled:
        return default_of(linked.image, placement, PLACEMENT_DISABLED)
    if record.rule_count == 0:
        return default_of(linked.image, placement, STATIC)
    verdict = default_of(linked.image, placement, DEFAULT)
    rule = _first_rule(linked, work, placement)
    if rule == NONE:
        return verdict
    variant = _served(linked, work, record, &linked.image.rules[rule])
    if record.holdout != NONE and _held_out(linked, work, &linked.image.holdouts[record.holdout]):
        verdict.reason = SPLIT
        verdict.holdout = record.holdout
        verdict.held_rule = rule
        verdict.held_variant = variant
    else:
        verdict.reason = TARGETING_MATCH if linked.image.rules[rule].serve != NONE else SPLIT
        verdict.rule = rule
        verdict.variant = variant
    return verdict


cdef void find_conditions(Linked linked, Workspace* work) noexcept:
    """Marks the condition segments that hold in `work.conditions`."""
    cdef Search search
    cdef const EntryRecord* entry
    memset(work.conditions, 0, linked.image.condition_count)
    search_begin(&search, linked, work, linked.image.placement_count)
    while True:
        entry = search_next(&search, linked, work)
        if entry == NULL:
            return
        if entry.residual == NONE or holds(linked, work, entry.residual):
            work.conditions[entry.rule] = True
