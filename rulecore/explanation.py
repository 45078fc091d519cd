"""What `Engine.explain` answers: the decision, and of every rule why it did or did not hold."""

from __future__ import annotations

import enum

import msgspec


class Truth(enum.StrEnum):
    """The three values of a condition."""

    TRUE = "true"
    FALSE = "false"
    ERROR = "error"


class Outcome(enum.StrEnum):
    """What became of a rule, in the order in which it is tried."""

    DISABLED = "disabled"
    NOT_STARTED = "not started"
    ENDED = "ended"
    NO_CONSENT = "no consent"
    CONDITION = "condition did not hold"
    NO_UNIT = "no unit"
    OUTSIDE_PERCENT = "outside percent"
    OUTSIDE_LAYER = "outside layer range"
    CAP_USED_UP = "cap used up"
    WON = "won"
    NOT_REACHED = "not reached"


class PredicateTrace(msgspec.Struct, frozen=True, omit_defaults=True):
    """One predicate: its text, its value, and for an error or a surprise the reason ("device is absent")."""

    text: str
    value: Truth
    why: str = ""


class FormulaTrace(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node of a rule's condition with negation at the leaves.

    `op` is "all", "any" or "is"; a leaf ("is") holds when its predicate's value is `wanted`.
    """

    op: str
    holds: bool
    predicate: PredicateTrace | None = None
    wanted: Truth = Truth.TRUE
    of: tuple[FormulaTrace, ...] = ()


class RuleTrace(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule of the placement, in order. `detail` gives the figures ("bucket 41.203% of 50%")."""

    rule: str
    outcome: Outcome
    detail: str = ""
    condition: FormulaTrace | None = None


class AttributeTrace(msgspec.Struct, frozen=True, omit_defaults=True):
    """An attribute as the evaluation saw it. `state` is "present", "absent" or "masked"."""

    name: str
    state: str
    value: bool | int | float | str | list[str | int] | None = None


class Explanation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A decision with its grounds. `held_out` has the rule and variant that a holdout kept from the visitor."""

    placement: str
    variant: str
    reason: str
    release: str
    rules: tuple[RuleTrace, ...]
    attributes: tuple[AttributeTrace, ...]
    segments: tuple[str, ...]
    rule: str | None = None
    experiment: str | None = None
    holdout: str | None = None
    held_out: tuple[str, str] | None = None
