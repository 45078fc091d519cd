"""Contexts that matter to a bundle, and JSON bodies that say the same as a context in all the ways JSON allows.

Values are drawn from the constants that the bundle compares the attribute's type with, from their neighbours and from
the edges of the type, so that either side of a comparison comes up; now and then one is of a wrong type.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from rulecore.model import Bundle, Const, Type
from tests.oracle_values import EPOCH, YEAR_1, YEAR_10000, Value
from tests.strategies import walk
from tests.strategies_values import DRAWN, INSTANTS, ODD_DOUBLES, PURPOSES, UNKNOWN_ZONES, ZONES, chance, neighbours

VISITORS: Final = ("v1", "v2", "v3", "v4", "v5", "v6", "😀", "x" * 256, "x" * 257, "é" * 129, "")
WRONG: Final[tuple[object, ...]] = (
    *(True, 1, 1.5, "text", "2026-13-01T00:00:00Z", "1 day", 2**63),
    *([], [1, "a"], [None], ["a", 2**70], {"x": 1}),
)
BUILT_IN: Final = {
    "consent": Type.LIST_STRING,
    "now": Type.TIMESTAMP,
    "segments": Type.LIST_STRING,
    "timezone": Type.STRING,
    "visitor_id": Type.STRING,
}


def constants(bundle: Bundle) -> dict[Type, list[Value]]:
    """The constants in a bundle's conditions, by type; those of lists by their elements' type too."""
    rules = [rule for placement in bundle.placements for rule in placement.rules]
    tops = [*(rule.when for rule in rules), *(segment.when for segment in bundle.segments)]
    found: dict[Type, list[Value]] = {kind: [] for kind in Type}
    for part in (part for top in tops if top is not None for part in walk(top)):
        if isinstance(part, Const):
            found[part.type].append(part.value)
            if isinstance(part.value, tuple):
                found[Type.STRING if part.type is Type.LIST_STRING else Type.INT] += part.value
    # An int is often compared with a double, and the other way round.
    found[Type.DOUBLE] += [float(value) for value in found[Type.INT] if isinstance(value, int)]
    found[Type.INT] += [int(value) for value in found[Type.DOUBLE] if isinstance(value, float) and abs(value) < 2**62]
    found[Type.TIMESTAMP] += [moment for rule in rules for moment in (rule.starts, rule.ends) if moment is not None]
    return found


def instant_text(micros: int, minutes: int = 0, digits: int = 6) -> str:
    """RFC 3339 of an instant, as seen at an offset from UTC where its year still has four digits there."""
    local = micros + minutes * 60_000_000
    if minutes == 0 or not YEAR_1 <= local < YEAR_10000:
        local, minutes = micros, 0
    at = (EPOCH + timedelta(microseconds=local)).replace(tzinfo=None)
    fraction = f".{at.microsecond:06}{'0' * (digits - 6)}" if at.microsecond or digits > 6 else ""
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    zone = f"{sign}{size // 60:02}:{size % 60:02}" if minutes else "Z"
    return at.replace(microsecond=0).isoformat() + fraction + zone


def duration_text(micros: int, parts: bool = False) -> str:
    """A duration as Go writes it, in seconds or in parts."""
    sign, size = "-" if micros < 0 else "", abs(micros)
    if not parts:
        return f"{sign}{size // 1_000_000}.{size % 1_000_000:06}s"
    return f"{sign}{size // 3_600_000_000}h{size // 60_000_000 % 60}m{size // 1_000_000 % 60}s{size % 1_000_000}us"


def said(draw: DrawFn, kind: Type, value: Value) -> object:
    """How a context gives a value."""
    match kind, value:
        case Type.TIMESTAMP, int():
            return instant_text(value, draw(st.sampled_from((0, 0, 330, -300))), draw(st.sampled_from((6, 6, 9))))
        case Type.DURATION, int():
            return duration_text(value, draw(st.booleans()))
        case Type.INT, int() if abs(value) <= 2**53 and chance(draw, 8):
            return float(value)
        case Type.DOUBLE, float() if value.is_integer() and abs(value) < 1e30 and chance(draw, 4):
            return int(value)
        case _, tuple():
            return list(value)
    return value


def drawn_value(draw: DrawFn, kind: Type, known: list[Value]) -> Value:
    """A value of a type, near the constants it meets."""
    near = [other for value in known for other in (value, *neighbours(kind, value))]
    way = draw(st.integers(0, 9))
    if near and way < 6:
        return draw(st.sampled_from(near))
    if kind is Type.DOUBLE and way == 9:
        return draw(st.sampled_from(ODD_DOUBLES))
    return draw(DRAWN[kind])


@st.composite
def contexts(draw: DrawFn, bundle: Bundle, segments: Iterable[str] = ("bargain_hunter", "vip")) -> dict[str, object]:
    """A context for a bundle: its attributes given, left out or null, nested or dotted, seldom of a wrong type."""
    known = constants(bundle)
    types = BUILT_IN | {attribute.name: attribute.type for attribute in bundle.attributes}
    given: dict[str, object] = {}
    absent_one_in = draw(st.sampled_from((8, 8, 3)))
    for name, kind in types.items():
        if name not in BUILT_IN and not chance(draw, absent_one_in):
            given[name] = said(draw, kind, drawn_value(draw, kind, known[kind]))
    agreed = draw(st.sampled_from((PURPOSES, PURPOSES, PURPOSES, PURPOSES[:1], PURPOSES[1:], (), None)))
    given["consent"] = None if agreed is None else list(agreed)
    given["visitor_id"] = draw(st.sampled_from((*VISITORS, None)))
    for rule in (rule for placement in bundle.placements for rule in placement.rules):
        if rule.sticky and draw(st.booleans()):
            given[f"session.sticky.{rule.id}"] = draw(st.sampled_from(("red", "green", "none", "gone")))
        if rule.cap and draw(st.booleans()):
            given[f"session.shows.{rule.id}"] = draw(st.integers(-1, rule.cap.shows + 1))
    if draw(st.booleans()):
        given["segments"] = draw(st.lists(st.sampled_from((*segments, "alpha", "no_such")), max_size=3))
    if draw(st.booleans()):
        given["timezone"] = draw(st.sampled_from(ZONES + UNKNOWN_ZONES))
    if chance(draw, 5):
        given["now"] = instant_text(draw(moments(bundle)))
    if chance(draw, 25):
        given[draw(st.sampled_from(sorted(types)))] = draw(st.sampled_from(WRONG))
    if chance(draw, 10):
        given["not_ours"] = draw(st.sampled_from((1, None, [{"a": [1]}], {"b": {"c": 2}})))
    return nested(draw, given)


def nested(draw: DrawFn, given: dict[str, object]) -> dict[str, object]:
    """Some of the dotted names spelled as objects in objects, and seldom one of them twice."""
    out: dict[str, object] = {}
    for name, value in given.items():
        first, _, rest = name.partition(".")
        twice = bool(rest) and chance(draw, 200)
        if rest and (twice or draw(st.booleans())):
            inner = out.setdefault(first, {})
            assert isinstance(inner, dict)
            head, _, tail = rest.partition(".")
            inner |= {head: {tail: value}} if tail and head not in inner and draw(st.booleans()) else {rest: value}
        if not rest or (name not in out and (twice or (rest and not _named(out, name)))):
            out[name] = value
    keys = draw(st.permutations(list(out))) if chance(draw, 4) else list(out)
    return {key: out[key] for key in keys}


def _named(out: dict[str, object], name: str) -> bool:
    first, _, rest = name.partition(".")
    inner = out.get(first)
    return isinstance(inner, dict) and (rest in inner or _named(inner, rest))


def moments(bundle: Bundle) -> st.SearchStrategy[int]:
    """Instants on the edges that a bundle has, and to the microsecond beside them."""
    edges = [value for value in constants(bundle)[Type.TIMESTAMP] if isinstance(value, int)]
    near = [value + step for value in (*edges, *INSTANTS) for step in (0, -1, 1) if YEAR_1 <= value + step < YEAR_10000]
    return st.sampled_from(near)


def json_body(context: dict[str, object], seed: int) -> bytes:
    """JSON of a context, with its whitespace, escapes and numbers written in ways drawn from a seed."""
    return _json(context, random.Random(seed)).encode()


def _json(value: object, chance: random.Random) -> str:
    space = chance.choice(("", "", " ", "\n\t", "\r\n  "))
    match value:
        case dict():
            pairs = [f"{_json(key, chance)}{space}:{_json(item, chance)}" for key, item in value.items()]
            return space + "{" + f"{space},{space}".join(pairs) + space + "}"
        case list():
            return f"[{space}{f',{space}'.join(_json(item, chance) for item in value)}{space}]{space}"
        case str():
            return _json_string(value, chance)
        case float() if value.is_integer() and abs(value) < 2**53 and value and chance.random() < 0.5:
            return space + chance.choice((f"{value:.1f}", f"{value:.17e}", f"{int(value)}.000", f"{int(value)}0e-1"))
    return space + json.dumps(value)


def _json_string(text: str, chance: random.Random) -> str:
    if chance.random() < 0.5:
        return json.dumps(text, ensure_ascii=chance.random() < 0.5)
    short = {"/": "\\/", '"': '\\"', "\\": "\\\\", "\n": "\\n"}
    written = (short.get(c) or (_escaped(c, chance) if c < " " or chance.random() < 0.3 else c) for c in text)
    return '"' + "".join(written) + '"'


def _escaped(char: str, chance: random.Random) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    pairs = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
    return "".join("\\u" + (pair.upper() if chance.random() < 0.5 else pair) for pair in pairs)
