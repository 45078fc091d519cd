"""Floors: the least that Python can do with a call or with the same context. What decides can hardly be faster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import orjson

from benches.generator import ATTRIBUTES, NOW, PLACEMENT, Facts, flat
from benches.timing import Case
from rulecore import murmur3_32

FLOOR: Final = "no-op call"
"""What others are compared with: a Python function of three arguments that does nothing."""

DECODE: Final = "msgspec decodes the bytes"


def no_op(_placement: str, _context: object, _now: int) -> None:
    """What `FLOOR` calls."""


def bodies(contexts: Sequence[Facts]) -> list[bytes]:
    """The contexts as requests bring them."""
    return [msgspec.json.encode(context) for context in contexts]


def floors(contexts: Sequence[Facts]) -> list[Case]:
    """All of them, on contexts of the generator's."""
    visitors = [str(context["visitor_id"]).encode() for context in contexts]
    return [
        Case(FLOOR, f"no_op({PLACEMENT!r}, item, {NOW})", contexts, {"no_op": no_op}),
        dict_gets([flat(context) for context in contexts]),
        Case("murmur3 of a visitor id", "murmur(item, 0)", visitors, {"murmur": murmur3_32}),
        Case(DECODE, "decode(item)", bodies(contexts), {"decode": msgspec.json.decode}),
        Case("orjson decodes the bytes", "decode(item)", bodies(contexts), {"decode": orjson.loads}),
    ]


def dict_gets(items: Sequence[object], **names: object) -> Case:
    """A lookup for each attribute, in flat contexts."""
    attributes = sorted({*ATTRIBUTES, "segments"})
    gets = "; ".join(f"get({name!r})" for name in attributes)
    return Case(f"{len(attributes)} dict gets", f"get = item.get; {gets}", items, names)
