"""An explanation as a readable tree: the decision, each rule with what became of it, each predicate with its value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rulecore.explanation import AttributeTrace, Explanation, FormulaTrace, Outcome, RuleTrace, Truth
from rulecore.render import quote

_GREEN, _RED, _YELLOW, _DIM, _BOLD, _OFF = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m"
_TINTS: Final = {Truth.TRUE: _GREEN, Truth.FALSE: _RED, Truth.ERROR: _YELLOW}
_NEGATED: Final = {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE, Truth.ERROR: Truth.ERROR}
_INSTANT: Final = re.compile(r"(?:timestamp|duration)\('[^']*'\)")
_GROUPS: Final = {"all": "all of", "any": "any of"}


def render_explanation(explanation: Explanation, colour: bool = False) -> str:
    """The explanation as text of several lines."""
    paint = _Paint(colour)
    lines = [_decision(explanation, paint)]
    for rule in explanation.rules:
        lines += _rule(rule, paint)
    if explanation.attributes:
        lines.append("  attributes")
        width = max(len(attribute.name) for attribute in explanation.attributes)
        lines += [_attribute(attribute, width, paint) for attribute in explanation.attributes]
    if explanation.segments:
        lines.append(f"  segments: {', '.join(explanation.segments)}")
    return "\n".join(lines)


class _Paint:
    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, tint: str) -> str:
        return f"{tint}{text}{_OFF}" if self._colour else text


def _decision(explanation: Explanation, paint: _Paint) -> str:
    parts = [f"{explanation.placement}: {paint(explanation.variant, _BOLD)}", f"reason {explanation.reason}"]
    if explanation.rule is not None:
        parts.append(f"rule {explanation.rule}")
    if explanation.experiment is not None:
        parts.append(f"experiment {explanation.experiment}")
    if explanation.held_out is not None:
        rule, variant = explanation.held_out
        parts.append(f"held out by {explanation.holdout} from {variant} of {rule}")
    return ", ".join(parts)


def _rule(rule: RuleTrace, paint: _Paint) -> Iterator[str]:
    tint = {Outcome.WON: _GREEN, Outcome.NOT_REACHED: _DIM}.get(rule.outcome, _RED)
    detail = f" ({rule.detail})" if rule.detail else ""
    yield f"  {paint(rule.rule, _BOLD)}: {paint(rule.outcome, tint)}{detail}"
    if rule.condition is not None:
        yield from _formula(rule.condition, 4, paint)


def _formula(formula: FormulaTrace, indent: int, paint: _Paint) -> Iterator[str]:
    if formula.predicate is None:
        yield " " * indent + _GROUPS[formula.op]
        for part in formula.of:
            yield from _formula(part, indent + 2, paint)
        return
    text, value = formula.predicate.text, formula.predicate.value
    if formula.wanted is Truth.FALSE:
        text, value = f"!({text})", _NEGATED[value]
    grounds = paint(f"  ({formula.predicate.why})", _DIM) if formula.predicate.why else ""
    yield " " * indent + paint(f"{value:<5}", _TINTS[value]) + f"  {text}{grounds}"


def _attribute(attribute: AttributeTrace, width: int, paint: _Paint) -> str:
    shown = _value(attribute.value) if attribute.state == "present" else paint(attribute.state, _DIM)
    return f"    {attribute.name:<{width}}  {shown}"


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return quote(value) if isinstance(value, str) and not _INSTANT.fullmatch(value) else str(value)
