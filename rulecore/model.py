"""The checked bundle: what authoring hands over and the image writer takes.

Names are resolved, types are checked, dates are instants, defaults are filled in. Nothing here is optional
for convenience: an absent value means that the author left it out and that this has a meaning of its own.
How it is parsed belongs to `central.authoring`; how it is laid out in bytes to `rulecore.image`.

Times are microseconds since 1970-01-01T00:00:00Z, durations are microseconds, shares are thousandths of a percent.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

PERCENT_STEPS: Final = 100_000
"""Thousandths of a percent in a whole: what `percent`, `range` and holdouts count in."""

NO_VARIANT: Final = "none"
"""The reserved variant: no content, the caller uses its own."""

PERSONALIZATION: Final = "personalization"
STORAGE: Final = "storage"


class Type(enum.StrEnum):
    """The type of an expression. Attributes have any but `SEMVER` and `LIST_DOUBLE`, which no context carries."""

    BOOL = "bool"
    INT = "int"
    DOUBLE = "double"
    STRING = "string"
    TIMESTAMP = "timestamp"
    DURATION = "duration"
    LIST_STRING = "list(string)"
    LIST_INT = "list(int)"
    SEMVER = "semver"


Scalar = bool | int | float | str


class Const(msgspec.Struct, frozen=True, tag_field="node", tag="const"):
    """A constant. Timestamps and durations are ints (microseconds), lists are tuples."""

    type: Type
    value: bool | int | float | str | tuple[int, ...] | tuple[str, ...]


class Attr(msgspec.Struct, frozen=True, tag_field="node", tag="attr"):
    """The value of an attribute; an error value when it is absent or masked."""

    name: str
    type: Type


class Var(msgspec.Struct, frozen=True, tag_field="node", tag="var"):
    """The element that a quantifier is at. `depth` is 0 for the outermost quantifier, 1 for one inside it."""

    name: str
    depth: int
    type: Type


class Has(msgspec.Struct, frozen=True, tag_field="node", tag="has"):
    """Whether an attribute is present and not masked: true or false, never an error."""

    name: str


class InSegment(msgspec.Struct, frozen=True, tag_field="node", tag="in_segment"):
    """Whether the visitor is in a segment of the bundle's `segments`, precomputed or by condition."""

    name: str


class Call(msgspec.Struct, frozen=True, tag_field="node", tag="call"):
    """An operator or function. `op` is one of `OPERATORS`, `type` what it gives."""

    op: str
    args: tuple[Expr, ...]
    type: Type


class Quantifier(msgspec.Struct, frozen=True, tag_field="node", tag="quantifier"):
    """`items.exists(var, body)` (`kind` "exists") or `items.all(var, body)` (`kind` "all")."""

    kind: str
    items: Expr
    var: Var
    body: Expr


Expr = Const | Attr | Var | Has | InSegment | Call | Quantifier

OPERATORS: Final[dict[str, str]] = {
    # Three-valued logic on bools: a side that decides absorbs an error on the other.
    "and": "bool, bool, ... -> bool",
    "or": "bool, bool, ... -> bool",
    "not": "bool -> bool",
    "cond": "bool, bool, bool -> bool; `c ? a : b`, an error if c is one",
    # Comparison of two of one type, or of an int with a double (exactly, no rounding).
    "eq": "T, T -> bool; T any but a list",
    "ne": "T, T -> bool; T any but a list",
    "lt": "T, T -> bool; T any but a bool or a list; strings by code point, semver by precedence",
    "le": "T, T -> bool",
    "gt": "T, T -> bool",
    "ge": "T, T -> bool",
    # Arithmetic: int overflow, int division by zero and int modulus by zero are error values; doubles are IEEE 754.
    "add": "N, N -> N; timestamp, duration -> timestamp; duration, timestamp -> timestamp; duration, duration",
    "sub": "N, N -> N; timestamp, timestamp -> duration; timestamp, duration -> timestamp; duration, duration",
    "mul": "N, N -> N",
    "div": "N, N -> N; ints truncate towards zero",
    "mod": "int, int -> int; the sign of the dividend",
    "neg": "N -> N",
    "in": "string, list(string) -> bool; int, list(int) -> bool",
    "size": "string -> int (code points); list -> int",
    "starts_with": "string, string -> bool",
    "ends_with": "string, string -> bool",
    "contains": "string, string -> bool",
    "matches": "string, constant string -> bool; RE2 syntax, found anywhere in the text",
    "lower_ascii": "string -> string",
    "intersects": "list, list of the same type -> bool; sets.intersects",
    "contains_all": "list, list of the same type -> bool; sets.contains: the first has all of the second",
    "semver": "string -> semver; an error value when it is not a semantic version 2.0.0",
    "contains_ip": "constant string (canonical CIDR), string -> bool; an error value when it is no IP address",
    # Of an instant in a time zone (IANA name or +hh:mm); an unknown zone is an error value. Months, days of month
    # (not dates) and days of year count from 0, days of week from Sunday = 0.
    "get_full_year": "timestamp, string -> int",
    "get_month": "timestamp, string -> int",
    "get_date": "timestamp, string -> int",
    "get_day_of_month": "timestamp, string -> int",
    "get_day_of_week": "timestamp, string -> int",
    "get_day_of_year": "timestamp, string -> int",
    "get_hours": "timestamp, string -> int; duration -> int, whole hours",
    "get_minutes": "timestamp, string -> int; duration -> int, whole minutes",
    "get_seconds": "timestamp, string -> int; duration -> int, whole seconds",
    "get_milliseconds": "timestamp, string -> int; duration -> int, the milliseconds of its second",
}


class Source(enum.StrEnum):
    """Where the edge finds an attribute's value."""

    CONTEXT = "context"
    PROVIDED = "provided"
    HEADER = "header"
    COOKIE = "cookie"
    QUERY = "query"
    SNAPSHOT = "snapshot"


class Attribute(msgspec.Struct, frozen=True):
    """A typed fact. `source_name` is the header, cookie, query parameter or column; empty for the other sources."""

    name: str
    type: Type
    purposes: tuple[str, ...]
    source: Source
    source_name: str = ""


class Segment(msgspec.Struct, frozen=True):
    """A named set of visitors: by condition when `when` is given, else precomputed in a snapshot."""

    name: str
    purposes: tuple[str, ...]
    when: Expr | None = None


class Holdout(msgspec.Struct, frozen=True):
    """Units kept out of the placements that name it. `unit` is an attribute's name."""

    name: str
    share: int
    salt: str
    unit: str
    purposes: tuple[str, ...]


class Layer(msgspec.Struct, frozen=True):
    """Experiments that exclude each other share a layer."""

    name: str
    salt: str
    unit: str


class Block(msgspec.Struct, frozen=True):
    """A content block: its path under `blocks/` and its bytes, served verbatim."""

    path: str
    content: bytes


class Variant(msgspec.Struct, frozen=True):
    """One content of a placement. `payload` is canonical JSON, or None."""

    name: str
    payload: bytes | None = None
    block: Block | None = None


class Cap(msgspec.Struct, frozen=True):
    """At most `shows` of the rule per `per` ("session" or "day"), counted in `session.shows`."""

    shows: int
    per: str


class Rule(msgspec.Struct, frozen=True):
    """One line of a decision list. Either `serve` names a variant, or `split` has (variant, weight) in order.

    `starts` and `ends` are half-open; `percent` and the layer's `range` count in thousandths of a percent.
    `salt` buckets `percent` and `split`. A rule with `layer` has `layer_range`.
    """

    id: str
    when: Expr | None
    purposes: tuple[str, ...]
    unit: str
    salt: str
    enabled: bool = True
    starts: int | None = None
    ends: int | None = None
    percent: int | None = None
    layer: str | None = None
    layer_range: tuple[int, int] | None = None
    experiment: str | None = None
    serve: str | None = None
    split: tuple[tuple[str, int], ...] = ()
    sticky: bool = False
    cap: Cap | None = None


class Placement(msgspec.Struct, frozen=True):
    """A spot on a page: its variants (the reserved `none` among them, if used) and its rules, tried in order."""

    name: str
    variants: tuple[Variant, ...]
    default: str
    rules: tuple[Rule, ...]
    holdout: str | None = None
    enabled: bool = True


class Bundle(msgspec.Struct, frozen=True):
    """One site's rules. Attributes and segments are all that its conditions and units name, sorted by name;
    placements are sorted by name, rules in the author's order.

    For every rule with a cap there is an int attribute `session.shows.<rule id>`, for every sticky one a string
    attribute `session.sticky.<rule id>`; both have the purposes of `session.*`.
    """

    name: str
    timezone: str
    attributes: tuple[Attribute, ...]
    segments: tuple[Segment, ...]
    holdouts: tuple[Holdout, ...]
    layers: tuple[Layer, ...]
    placements: tuple[Placement, ...]


def shows_attribute(rule_id: str) -> str:
    """The attribute that counts how often a capped rule was shown in its period."""
    return f"session.shows.{rule_id}"


def sticky_attribute(rule_id: str) -> str:
    """The attribute that holds the variant that a sticky rule first assigned."""
    return f"session.sticky.{rule_id}"
