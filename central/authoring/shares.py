"""Percent as authors write it, in thousandths of a percent as the core counts."""

from __future__ import annotations

from decimal import Decimal

from central.authoring.diagnostics import Problems
from central.authoring.source import Located
from rulecore.model import PERCENT_STEPS


def thousandths(owner: Located, percent: float, problems: Problems, *path: str | int) -> int:
    """The share in thousandths of a percent; one that is finer is reported at `path` and cut off."""
    exact = Decimal(repr(percent)) * PERCENT_STEPS / 100
    share = int(exact)
    if share != exact:
        problems.error(owner.at(*path), f"{percent} is finer than 0.001", expected="percent in steps of 0.001")
    return share


def percent_text(share: int) -> str:
    """A share as an author would write it."""
    return f"{Decimal(share) * 100 / PERCENT_STEPS:.3f}".rstrip("0").rstrip(".")
