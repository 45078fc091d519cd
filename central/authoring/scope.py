"""What a condition may name, and where its problems go.

The bundle's schema says which attributes and segments there are; here they are as conditions see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from central.authoring.diagnostics import Problems
from rulecore.model import Type

SEGMENTS: Final = "segments"
"""The name that segments are asked by: `'vip' in segments`. No attribute can have it."""

KEYWORDS: Final = frozenset({"false", "in", "null", "true"})
RESERVED: Final = KEYWORDS | {
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
    "namespace", "return", "var", "void", "while",
}  # fmt: skip
"""CEL's reserved words. None is a name; behind a dot all but the keywords may stand."""


class Known(msgspec.Struct, frozen=True):
    """An attribute, as conditions see it. `values`, unless empty, are all that it (or an element of it) can be."""

    type: Type
    values: tuple[str, ...] | tuple[int, ...] = ()


class Scope(msgspec.Struct, frozen=True):
    """The attributes by their dotted names, the declared segments, and the collector of problems."""

    attributes: Mapping[str, Known]
    segments: frozenset[str]
    problems: Problems
