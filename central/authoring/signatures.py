"""The one table of what conditions can do: operators, functions and methods with their types.

The checker (`conditions.py`) goes by it, its messages quote it, and `rules/LANGUAGE.md` prints it. The forms at the
end (`in`, `has`, quantifiers, logic) have rules of their own in the checker; here they only have their words.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from rulecore.model import Type


class Inner(enum.StrEnum):
    """Types that exist only while a condition is checked."""

    NETWORK = "network"
    UNKNOWN = "unknown"


Kind = Type | Inner


class Param(msgspec.Struct, frozen=True):
    """One argument. `role` names the check of a constant one (`constants.CHECKS`); `constant` demands one."""

    kind: Kind
    role: str = ""
    constant: bool = False

    def __str__(self) -> str:
        return " ".join(filter(None, ("constant" if self.constant else "", self.kind, self.role)))


class Overload(msgspec.Struct, frozen=True):
    """One way to call a function.

    `op` is the model's, or empty when a constant comes of it; `implied` constants are added behind the arguments.
    """

    op: str
    params: tuple[Param, ...]
    result: Kind
    receiver: Kind | None = None
    implied: tuple[str, ...] = ()


class Function(msgspec.Struct, frozen=True):
    """A function, or a method when its overloads have a receiver."""

    name: str
    summary: str
    overloads: tuple[Overload, ...]
    extension: bool = False

    def signature(self, overload: Overload) -> str:
        receiver = f"{overload.receiver}." if overload.receiver else ""
        return f"{receiver}{self.name}({', '.join(map(str, overload.params))}) -> {overload.result}"

    @property
    def signatures(self) -> tuple[str, ...]:
        return tuple(self.signature(overload) for overload in self.overloads)


class Form(msgspec.Struct, frozen=True):
    """Something with rules of its own, as documented."""

    name: str
    signature: str
    summary: str
    extension: bool = False


_STRING: Final = Param(Type.STRING)
_ZONE: Final = Param(Type.STRING, "zone")
_LISTS: Final = (Type.LIST_STRING, Type.LIST_INT)


def _on_string(name: str, op: str, summary: str) -> Function:
    return Function(name, summary, (Overload(op, (_STRING,), Type.BOOL, Type.STRING),))


def _sets(name: str, op: str, summary: str) -> Function:
    overloads = tuple(Overload(op, (Param(kind), Param(kind)), Type.BOOL) for kind in _LISTS)
    return Function(name, summary, overloads, extension=True)


def _calendar(name: str, op: str, summary: str, *, elapsed: bool = False) -> Function:
    overloads = (
        Overload(op, (_ZONE,), Type.INT, Type.TIMESTAMP),
        Overload(op, (), Type.INT, Type.TIMESTAMP, implied=("UTC",)),
    )
    return Function(name, summary, overloads + ((Overload(op, (), Type.INT, Type.DURATION),) if elapsed else ()))


def _by_name(*functions: Function) -> dict[str, Function]:
    return {function.name: function for function in functions}


FUNCTIONS: Final = _by_name(
    Function(
        "size",
        "characters (code points) of a string, items of a list",
        tuple(Overload("size", (Param(kind),), Type.INT) for kind in (Type.STRING, *_LISTS)),
    ),
    Function(
        "duration",
        "a length of time: '90m', '1h30m', '1.5s'; units h m s ms us ns",
        (Overload("", (Param(Type.STRING, "duration", constant=True),), Type.DURATION),),
    ),
    Function(
        "timestamp",
        "an instant in RFC 3339, such as '2026-11-20T18:00:00Z'",
        (Overload("", (Param(Type.STRING, "timestamp", constant=True),), Type.TIMESTAMP),),
    ),
    Function(
        "semver",
        "a semantic version 2.0.0, to compare with another; an error value if it is none",
        (Overload("semver", (Param(Type.STRING, "version"),), Type.SEMVER),),
        extension=True,
    ),
    Function(
        "cidr",
        "a network such as '10.0.0.0/8'; only to ask containsIP of",
        (Overload("", (Param(Type.STRING, "network", constant=True),), Inner.NETWORK),),
        extension=True,
    ),
    _sets("sets.intersects", "intersects", "whether the lists have an item in common"),
    _sets("sets.contains", "contains_all", "whether the first list has every item of the second"),
)

METHODS: Final = _by_name(
    _on_string("startsWith", "starts_with", "whether the text begins so"),
    _on_string("endsWith", "ends_with", "whether the text ends so"),
    _on_string("contains", "contains", "whether the text holds this part"),
    Function(
        "matches",
        "whether the pattern (RE2 syntax) is found anywhere in the text; ^ and $ tie it to the ends",
        (Overload("matches", (Param(Type.STRING, "pattern", constant=True),), Type.BOOL, Type.STRING),),
    ),
    Function(
        "lowerAscii",
        "the text with A to Z in lower case",
        (Overload("lower_ascii", (), Type.STRING, Type.STRING),),
    ),
    Function(
        "containsIP",
        "whether the address lies in the network; an error value if it is no IP address",
        (Overload("contains_ip", (Param(Type.STRING, "address"),), Type.BOOL, Inner.NETWORK),),
        extension=True,
    ),
    _calendar("getFullYear", "get_full_year", "the year"),
    _calendar("getMonth", "get_month", "the month, from 0 for January"),
    _calendar("getDate", "get_date", "the day of the month, from 1"),
    _calendar("getDayOfMonth", "get_day_of_month", "the day of the month, from 0"),
    _calendar("getDayOfWeek", "get_day_of_week", "the day of the week, from 0 for Sunday"),
    _calendar("getDayOfYear", "get_day_of_year", "the day of the year, from 0"),
    _calendar("getHours", "get_hours", "the hour of the day; of a duration, its whole hours", elapsed=True),
    _calendar("getMinutes", "get_minutes", "the minute of the hour; of a duration, its whole minutes", elapsed=True),
    _calendar("getSeconds", "get_seconds", "the second of the minute; of a duration, its whole seconds", elapsed=True),
    _calendar("getMilliseconds", "get_milliseconds", "the milliseconds of the second", elapsed=True),
)

COMPARISONS: Final = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
NUMBERS: Final = frozenset({Type.INT, Type.DOUBLE})
EQUAL: Final = frozenset({Type.BOOL, Type.INT, Type.DOUBLE, Type.STRING, Type.TIMESTAMP, Type.DURATION, Type.SEMVER})
"""Types with `==` and `!=`; all of them but bool have an order as well."""

ELEMENTS: Final[dict[Kind, Type]] = {Type.LIST_STRING: Type.STRING, Type.LIST_INT: Type.INT}
"""What lists hold."""

ARITHMETIC: Final[dict[str, tuple[str, dict[tuple[Kind, ...], Type]]]] = {
    "+": (
        "add",
        {
            (Type.INT, Type.INT): Type.INT,
            (Type.DOUBLE, Type.DOUBLE): Type.DOUBLE,
            (Type.TIMESTAMP, Type.DURATION): Type.TIMESTAMP,
            (Type.DURATION, Type.TIMESTAMP): Type.TIMESTAMP,
            (Type.DURATION, Type.DURATION): Type.DURATION,
        },
    ),
    "-": (
        "sub",
        {
            (Type.INT, Type.INT): Type.INT,
            (Type.DOUBLE, Type.DOUBLE): Type.DOUBLE,
            (Type.TIMESTAMP, Type.TIMESTAMP): Type.DURATION,
            (Type.TIMESTAMP, Type.DURATION): Type.TIMESTAMP,
            (Type.DURATION, Type.DURATION): Type.DURATION,
        },
    ),
    "*": ("mul", {(Type.INT, Type.INT): Type.INT, (Type.DOUBLE, Type.DOUBLE): Type.DOUBLE}),
    "/": ("div", {(Type.INT, Type.INT): Type.INT, (Type.DOUBLE, Type.DOUBLE): Type.DOUBLE}),
    "%": ("mod", {(Type.INT, Type.INT): Type.INT}),
}
NEGATION: Final[tuple[str, dict[tuple[Kind, ...], Type]]] = (
    "neg",
    {(Type.INT,): Type.INT, (Type.DOUBLE,): Type.DOUBLE},
)

FORMS: Final = {
    form.name: form
    for form in (
        Form("&&", "bool && bool -> bool", "both hold"),
        Form("||", "bool || bool -> bool", "at least one holds"),
        Form("!", "!bool -> bool", "it does not hold"),
        Form("? :", "bool ? bool : bool -> bool", "the second if the first holds, else the third"),
        Form("== !=", "T == T -> bool", "equal or not: two of one type, but not two lists"),
        Form("< <= > >=", "T < T -> bool", "order: two of one type, but not bools or lists"),
        Form(
            "mixed", "int < double -> bool", "an int compared with a double (any comparison), exactly", extension=True
        ),
        Form("+ - * /", "int + int -> int, double + double -> double", "arithmetic on two numbers of one type"),
        Form("%", "int % int -> int", "the remainder, with the sign of the first"),
        Form("- x", "-int -> int, -double -> double", "the number with the other sign"),
        Form("t + d", "timestamp + duration -> timestamp", "an instant moved by a duration; with - backwards"),
        Form("t - t", "timestamp - timestamp -> duration", "the time between two instants"),
        Form("d + d", "duration + duration -> duration", "the sum of two durations; with - the difference"),
        Form(
            "in", "T in list(T) -> bool", "whether a list holds the value; a list may be written [a, b] with constants"
        ),
        Form("segments", "constant string in segments -> bool", "whether the visitor is in the segment"),
        Form("has", "has(attribute) -> bool", "whether the attribute is present (and consented to)", extension=True),
        Form("exists", "list.exists(i, bool) -> bool", "whether it holds for some item i of the list"),
        Form("all", "list.all(i, bool) -> bool", "whether it holds for every item i of the list"),
    )
}


def reference() -> str:
    """The table in Markdown, as `rules/LANGUAGE.md` has it."""
    rows = [_row((form.signature,), form.summary, form.extension) for form in FORMS.values()]
    for function in (*FUNCTIONS.values(), *METHODS.values()):
        # What is implied is said in the text.
        shown = tuple(function.signature(overload) for overload in function.overloads if not overload.implied)
        rows.append(_row(shown, function.summary, function.extension))
    return "\n".join(["| form | gives | |", "| --- | --- | --- |", *rows, ""])


def _row(signatures: tuple[str, ...], summary: str, extension: bool) -> str:
    # A bar inside a Markdown table needs a backslash, in code too.
    shown = "<br>".join(f"`{signature}`" for signature in signatures).replace("|", "\\|")
    return f"| {shown} | {summary} | {'extension' if extension else ''} |"
