"""Explanations, from the same predicates and rules that decide: there is no second evaluator.

Costs nothing to those who don't ask: a decision keeps no trail, and an explanation asks every predicate of every rule
of its placement again, in the workspace where the decision has already settled most of them.
"""

from libc.stdint cimport uint64_t

from rulecore._bundle cimport Image, span_str
from rulecore._condition cimport ERROR, Truth, holds, truth
from rulecore._context cimport (ABSENT, MASKED, PRESENT, Slot, T_BOOL, T_DOUBLE, T_DURATION, T_LIST_INT, T_LIST_STRING,
                                T_STRING, T_TIMESTAMP)
from rulecore._layout cimport *
from rulecore._linked cimport KNOWN, NO_SNAPSHOT
from rulecore._text cimport Text
from rulecore._verdict cimport (CAP_USED_UP, NO_CONSENT, NO_UNIT, OUTSIDE_LAYER, OUTSIDE_PERCENT, WON,
                                Outcome, find_conditions, rule_outcome, unit_share)

from rulecore import explanation
from rulecore.explanation import AttributeTrace, Explanation, FormulaTrace, PredicateTrace, RuleTrace
from rulecore.model import PERCENT_STEPS, Type
from rulecore.render import constant

cdef tuple OUTCOMES = tuple(explanation.Outcome)
cdef tuple TYPES = tuple(Type)
cdef tuple TRUTHS = (None, explanation.Truth.FALSE, explanation.Truth.TRUE, explanation.Truth.ERROR)


cdef object explain_placement(Linked linked, Workspace* work, uint32_t placement, object decision):
    cdef const PlacementRecord* record = &linked.image.placements[placement]
    cdef set slots = set()
    held = decision.held_out
    winner = held[0] if held else decision.rule
    rules = []
    for i in range(record.first_rule, record.first_rule + record.rule_count):
        rules.append(_rule(linked, work, &linked.image.rules[i], slots))
    return Explanation(
        placement=decision.placement,
        variant=decision.variant,
        reason=decision.reason,
        release=decision.release,
        rules=tuple(_in_order(rules, winner, reached=record.enabled)),
        attributes=tuple(_attribute(linked, work, slot) for slot in sorted(slots)),
        segments=_segments(linked, work),
        rule=decision.rule,
        experiment=decision.experiment,
        holdout=decision.holdout,
        held_out=held,
    )


cdef list _in_order(list rules, object winner, bint reached):
    """Rules behind the one that won were not reached, whatever would have become of them."""
    cdef list traces = []
    for trace in rules:
        if not reached:
            trace = RuleTrace(
                rule=trace.rule, outcome=explanation.Outcome.NOT_REACHED, condition=trace.condition)
        traces.append(trace)
        reached = reached and trace.rule != winner
    return traces


cdef object _rule(Linked linked, Workspace* work, const RuleRecord* rule, set slots):
    cdef Outcome outcome = rule_outcome(linked, work, rule)
    condition = None if rule.formula == NONE else _formula(linked, work, rule.formula, slots)
    return RuleTrace(
        rule=span_str(linked.image, rule.id),
        outcome=OUTCOMES[<int> outcome],
        detail=_detail(linked, work, rule, outcome),
        condition=condition,
    )


cdef str _detail(Linked linked, Workspace* work, const RuleRecord* rule, Outcome outcome):
    """The figures behind an outcome."""
    cdef const TermsRecord* terms = &linked.image.terms[rule.terms]
    cdef char[24] digits
    cdef Text unit
    cdef uint32_t slot
    cdef list parts = []
    if outcome == NO_CONSENT:
        purposes = _purposes(linked.image, terms.purposes & ~work.consent)
        return f"no consent to {purposes}" if purposes else "no consent to count how often it was shown"
    if outcome == NO_UNIT:
        slot = terms.unit
        if terms.layer != NONE and linked.unit_text(work, slot, digits, &unit):
            slot = linked.image.layers[terms.layer].unit
        name = span_str(linked.image, linked.image.attributes[slot].name)
        return f"{name} is {_state(work, slot) or 'no usable unit'}"
    if outcome not in (WON, OUTSIDE_PERCENT, OUTSIDE_LAYER, CAP_USED_UP):
        return ""
    if terms.percent != NONE and linked.unit_text(work, terms.unit, digits, &unit):
        share = unit_share(linked.image, terms.percent_prefix, unit, PERCENT_STEPS)
        parts.append(f"the unit falls at {share / 1000:g} of {terms.percent / 1000:g} percent")
    if terms.layer != NONE and outcome != OUTSIDE_PERCENT:
        if linked.unit_text(work, linked.image.layers[terms.layer].unit, digits, &unit):
            share = unit_share(linked.image, linked.image.layers[terms.layer].prefix, unit, PERCENT_STEPS)
            name = span_str(linked.image, linked.image.layers[terms.layer].name)
            parts.append(
                f"the unit falls at {share / 1000:g} of layer {name}, "
                f"range {terms.layer_first / 1000:g} to {terms.layer_end / 1000:g}")
    if terms.cap_slot != NONE and outcome in (WON, CAP_USED_UP):
        shown = work.slots.slot[terms.cap_slot].value.integer if work.slots.slot[terms.cap_slot].state == PRESENT else 0
        parts.append(f"shown {shown} of {terms.cap_shows} times")
    return "; ".join(parts)


cdef object _formula(Linked linked, Workspace* work, uint32_t at, set slots):
    cdef const FormulaRecord* record = &linked.image.formulas[at]
    cdef uint32_t child = at + 1
    cdef list parts = []
    if record.kind == F_LEAF:
        return FormulaTrace(
            op="is",
            holds=holds(linked, work, at),
            predicate=_predicate(linked, work, record.link, slots),
            wanted=explanation.Truth.TRUE if record.wanted else explanation.Truth.FALSE,
        )
    while child < record.link:
        parts.append(_formula(linked, work, child, slots))
        child = child + 1 if linked.image.formulas[child].kind == F_LEAF else linked.image.formulas[child].link
    return FormulaTrace(
        op="all" if record.kind == F_ALL else "any", holds=holds(linked, work, at), of=tuple(parts))


cdef object _predicate(Linked linked, Workspace* work, uint32_t at, set slots):
    cdef const PredicateRecord* predicate = &linked.image.predicates[at]
    cdef Truth value = truth(linked, work, at)
    cdef list seen = []
    if predicate.kind == P_CONSENT:
        missing = _purposes(linked.image, predicate.operand.bits & ~work.consent)
        why = f"no consent to {missing}" if missing else ""
    elif predicate.kind == P_SEGMENT:
        why = _why_segment(linked, work, predicate.subject) if value == ERROR else ""
    else:
        if predicate.kind == P_EXPRESSION:
            _collect(linked, work, predicate.subject, seen)
        else:
            seen.append(predicate.subject)
        slots.update(seen)
        why = "; ".join([_said(linked, work, slot) for slot in dict.fromkeys(seen)])
    return PredicateTrace(text=span_str(linked.image, predicate.source), value=TRUTHS[<int> value], why=why)


cdef str _why_segment(Linked linked, Workspace* work, uint32_t ordinal):
    missing = _purposes(linked.image, linked.image.segments[ordinal].purposes & ~work.consent)
    if missing:
        return f"no consent to {missing}"
    return "there is no snapshot" if linked.ask_members(work) == NO_SNAPSHOT else "visitor_id is absent"


cdef int _collect(Linked linked, Workspace* work, uint32_t at, list slots) except -1:
    """The slots that an expression reads. Every operator's operands come before it and belong to it alone."""
    cdef const NodeRecord* node = &linked.image.nodes[at]
    cdef int op = node.op
    if op == N_ATTR or op == N_HAS:
        slots.append(node.a)
    if op <= N_PREDICATE:
        return 0
    if op != N_GUARD:
        _collect(linked, work, node.a, slots)
    if op in (N_NOT, N_NEG, N_SIZE, N_MATCHES, N_LOWER_ASCII, N_SEMVER, N_CIDR, N_ELAPSED):
        return 0
    _collect(linked, work, node.operand.node.b, slots)
    if op == N_COND:
        _collect(linked, work, node.operand.node.c, slots)
    return 0


# Attributes and segments


cdef str _state(Workspace* work, uint32_t slot):
    """Why an attribute can't be used, or nothing when it can."""
    if work.slots.slot[slot].state == ABSENT:
        return "absent"
    return "masked, for want of consent" if work.slots.slot[slot].state == MASKED else ""


cdef str _said(Linked linked, Workspace* work, uint32_t slot):
    cdef str name = span_str(linked.image, linked.image.attributes[slot].name)
    cdef str state = _state(work, slot)
    return f"{name} is {state or _text(linked, work, slot)}"


cdef str _text(Linked linked, Workspace* work, uint32_t slot):
    value = _slot_value(linked, work, slot)
    return constant(TYPES[linked.image.attributes[slot].type], tuple(value) if isinstance(value, list) else value)


cdef object _slot_value(Linked linked, Workspace* work, uint32_t at):
    cdef Slot* slot = &work.slots.slot[at]
    cdef int kind = linked.image.attributes[at].type
    if kind == T_STRING:
        return slot.value.text.data[:slot.value.text.size].decode()
    if kind == T_DOUBLE:
        return slot.value.real
    if kind == T_BOOL:
        return bool(slot.value.integer)
    if kind == T_LIST_STRING:
        return [
            work.slots.items[slot.value.items.first + i].text.data[
                :work.slots.items[slot.value.items.first + i].text.size].decode()
            for i in range(slot.value.items.count)
        ]
    if kind == T_LIST_INT:
        return [work.slots.items[slot.value.items.first + i].integer for i in range(slot.value.items.count)]
    return slot.value.integer


cdef object _attribute(Linked linked, Workspace* work, uint32_t slot):
    cdef str name = span_str(linked.image, linked.image.attributes[slot].name)
    cdef int kind = linked.image.attributes[slot].type
    if work.slots.slot[slot].state != PRESENT:
        return AttributeTrace(name=name, state="absent" if work.slots.slot[slot].state == ABSENT else "masked")
    value = _slot_value(linked, work, slot)
    if kind == T_TIMESTAMP or kind == T_DURATION:
        value = constant(TYPES[kind], value)
    return AttributeTrace(name=name, state="present", value=value)


cdef tuple _segments(Linked linked, Workspace* work):
    """The segments that the visitor is in and that may be used: precomputed ones, then those by condition."""
    cdef uint32_t i
    cdef list names = []
    if linked.ask_members(work) == KNOWN:
        for i in range(linked.image.segment_count):
            if (not linked.image.segments[i].purposes & ~work.consent
                    and work.member[i // 64] >> (i % 64) & 1):
                names.append(span_str(linked.image, linked.image.segments[i].name))
    find_conditions(linked, work)
    for i in range(linked.image.condition_count):
        if work.conditions[i]:
            names.append(span_str(linked.image, linked.image.conditions[i]))
    return tuple(names)


cdef str _purposes(const Image* image, uint64_t bits):
    cdef uint32_t i
    return ", ".join([
        span_str(image, image.purposes[i]) for i in range(image.purpose_count) if bits >> i & 1
    ])
