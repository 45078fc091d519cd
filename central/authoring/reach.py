"""Warnings of what no visitor can see: variants that nothing shows, rules behind one that always decides."""

from __future__ import annotations

from typing import Final

from central.authoring import source
from central.authoring.diagnostics import Problems
from central.authoring.placements import shown_by
from rulecore.model import Const, Placement, Rule, Type

_TRUE: Final = Const(Type.BOOL, True)


def warn_of_unreachable(placement: Placement, written: source.Placement, problems: Problems) -> None:
    """Report the unreachable variants and rules of a placement."""
    shown = shown_by(placement.rules) | {placement.default}
    for name, variant in written.variants.items():
        if name not in shown:
            problems.warning(variant.head, f"nothing shows the variant {name!r}")
    always: Rule | None = None
    for rule, text in zip(placement.rules, written.rules, strict=True):
        if always is not None:
            problems.warning(text.at("id"), f"the rule {rule.id!r} is never tried: {always.id!r} always decides")
        elif rule.when in (None, _TRUE) and _decides_for_all(rule):
            always = rule


def _decides_for_all(rule: Rule) -> bool:
    """Whether a rule whose condition always holds takes every visitor at any time."""
    limited = (rule.starts, rule.ends, rule.percent, rule.layer, rule.cap)
    return rule.enabled and not rule.purposes and not rule.split and all(limit is None for limit in limited)
