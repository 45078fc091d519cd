"""From the node tree to the structs of `source.py`: one reader for every type, made from the types themselves.

A wrong field is reported and left out, so that the rest can still be checked; fields without which a thing makes no
sense take the thing with them. `Located.written` and `Located.names` tell what was written but could not be read.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, Final, TypeVar, cast

import msgspec
from msgspec import inspect

from central.authoring.diagnostics import Position, Problems, nearest
from central.authoring.json_values import BadValueError, json_value
from central.authoring.source import Located
from central.authoring.yaml_nodes import Broken, Mapping, Node, Scalar, Sequence
from central.authoring.yaml_traps import whole_condition

_T = TypeVar("_T")
_INT: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")
_NAMES_SHOWN_MAX: Final = 24


class _Invalid(enum.Enum):
    """What reading gives when a problem was reported."""

    INVALID = enum.auto()


INVALID: Final = _Invalid.INVALID
_Reader = Callable[["Node", Problems], object]


def decode(node: Node, into: type[_T], problems: Problems) -> _T | None:
    """The tree as the struct or list `into`; None when a problem takes all of it."""
    value = _reader(cast(Hashable, into))(node, problems)
    return None if value is INVALID else cast(_T, value)


@cache
def _reader(into: Hashable) -> _Reader:
    return _read(inspect.type_info(into), "")


def _read(kind: inspect.Type, expected: str) -> _Reader:
    """The reader of a type; `expected` says what stands there, if the type has words of its own."""
    while isinstance(kind, inspect.Metadata):
        extra = kind.extra or {}
        expected = extra.get("expected", "") or expected
        kind = kind.type
        if isinstance(kind, inspect.StrType) and "pattern" in extra:
            kind = msgspec.structs.replace(kind, pattern=extra["pattern"])
    words = expected or _words(kind)
    match kind:
        case inspect.StructType(cls=cls):
            return _struct(cls, kind, words)
        case inspect.DictType():
            return _dict(kind, words)
        case inspect.ListType() | inspect.TupleType():
            return _list(kind, words)
        case inspect.UnionType():
            return _union(kind, expected)
        case inspect.AnyType():
            return _any
        case _:
            return _scalar(kind, words)


def _words(kind: inspect.Type) -> str:
    """What is expected, for types that don't say it themselves."""
    match kind:
        case inspect.Metadata():
            return str((kind.extra or {}).get("expected", "")) or _words(kind.type)
        case inspect.IntType(ge=low, le=high):
            return f"a whole number from {low:,} to {high:,}"
        case inspect.FloatType():
            return "a number"
        case inspect.BoolType():
            return "true or false"
        case inspect.StrType():
            return "a text"
        case inspect.LiteralType(values=values):
            return ", ".join(map(str, values[:-1])) + " or " * (len(values) > 1) + str(values[-1])
        case inspect.StructType(fields=fields):
            return f"fields: {_shortened([field.encode_name for field in fields])}"
        case inspect.TupleType(item_types=items):
            return f"a list of {len(items)}, each {_words(items[0])}"
        case inspect.ListType(item_type=item):
            return f"a list, each item {_words(item)}"
        case inspect.DictType():
            return "fields, each `name: value`"
        case _:
            return "a value"


def _shortened(names: list[str]) -> str:
    return ", ".join(names[:_NAMES_SHOWN_MAX]) + ", ..." * (len(names) > _NAMES_SHOWN_MAX)


def _wrong(node: Node, expected: str, problems: Problems, meant: str = "") -> _Invalid:
    """Report a node of the wrong kind."""
    if not isinstance(node, Broken):
        problems.error(node.position, _found(node), expected=expected, nearest=meant)
    return INVALID


def _found(node: Node) -> str:
    if isinstance(node, Mapping):
        return "here are fields" if node.pairs else "here are no fields"
    if isinstance(node, Sequence):
        return "here is a list" if node.items else "here is an empty list"
    text = node.text if isinstance(node, Scalar) else ""
    if isinstance(node, Scalar) and not text and not node.style:
        return "nothing stands here"
    what = "the text " if isinstance(node, Scalar) and node.style else ""
    return f"here is {what}{text if len(text) <= 60 else text[:57] + '...'!r}"


def _scalar(kind: inspect.Type, words: str) -> _Reader:
    accept = _acceptor(kind)
    choice = [str(value) for value in kind.values] if isinstance(kind, inspect.LiteralType) else []

    def read(node: Node, problems: Problems) -> object:
        if not isinstance(node, Scalar) or (not node.text and not node.style):
            return _wrong(node, words, problems)
        value = accept(node)
        return _wrong(node, words, problems, nearest(node.text, choice)) if value is INVALID else value

    return read


def _acceptor(kind: inspect.Type) -> Callable[[Scalar], object]:
    """What a scalar's text stands for, or INVALID. Quoted text is no number and no truth value."""
    match kind:
        case inspect.StrType(pattern=pattern, min_length=shortest, max_length=longest):
            fits = re.compile(pattern or ".*", re.DOTALL)
            low, high = shortest or 0, longest if longest is not None else 1 << 30
            return lambda node: (
                node.text if low <= len(node.text.encode()) <= high and fits.fullmatch(node.text) else INVALID
            )
        case inspect.LiteralType(values=values):
            return lambda node: node.text if node.text in values else INVALID
        case inspect.BoolType():
            return lambda node: INVALID if node.style else {"true": True, "false": False}.get(node.text, INVALID)
        case inspect.IntType(ge=low, le=high):
            return lambda node: _number(node, _INT, int, low, high)
        case inspect.FloatType(ge=low, le=high):
            return lambda node: _number(node, _NUMBER, float, low, high)
        case _:
            raise TypeError(f"no reader for {kind}")


def _number(node: Scalar, form: re.Pattern[str], make: Callable[[str], float], low: Any, high: Any) -> object:
    if node.style or not form.fullmatch(node.text):
        return INVALID
    value = make(node.text)
    return value if low <= value <= high else INVALID


def _any(node: Node, problems: Problems) -> object:
    try:
        return json_value(node)
    except BadValueError as error:
        if not isinstance(error.node, Broken):
            problems.error(error.node.position, error.message, expected=error.expected)
        return INVALID


def _union(kind: inspect.UnionType, expected: str) -> _Reader:
    """One type for scalars and one for the rest: which is meant can be seen from the node."""
    readers = {isinstance(_bare(one), (inspect.StrType, inspect.FloatType)): _read(one, expected) for one in kind.types}
    words = expected or _words(kind)

    def read(node: Node, problems: Problems) -> object:
        if isinstance(node, Scalar) and (node.text or node.style):
            return readers[True](node, problems)
        if isinstance(node, Scalar | Broken):
            return _wrong(node, words, problems)
        return readers[False](node, problems)

    return read


def _bare(kind: inspect.Type) -> inspect.Type:
    return _bare(kind.type) if isinstance(kind, inspect.Metadata) else kind


def _list(kind: inspect.ListType | inspect.TupleType, words: str) -> _Reader:
    if isinstance(kind, inspect.TupleType):
        item, shortest, longest = kind.item_types[0], len(kind.item_types), len(kind.item_types)
    else:
        item, shortest, longest = kind.item_type, kind.min_length or 0, 1 << 30
    read_item = _read(item, "")
    make: Callable[[list[object]], object] = tuple if isinstance(kind, inspect.TupleType) else list

    def read(node: Node, problems: Problems) -> object:
        if not isinstance(node, Sequence) or not shortest <= len(node.items) <= longest:
            return _wrong(node, words, problems)
        values = [read_item(each, problems) for each in node.items]
        values = [value for value in values if value is not INVALID]
        return make(values) if len(values) >= shortest else INVALID

    return read


def _dict(kind: inspect.DictType, words: str) -> _Reader:
    read_key, read_value = _read(kind.key_type, ""), _read(kind.value_type, "")

    def read(node: Node, problems: Problems) -> object:
        if not isinstance(node, Mapping) or len(node.pairs) < (kind.min_length or 0):
            return _wrong(node, words, problems)
        values: dict[object, object] = {}
        for pair in node.pairs.values():
            key, value = read_key(pair.key, problems), read_value(pair.value, problems)
            if isinstance(value, Located):
                value.located(value.node, pair.key.position)
            if key is not INVALID and value is not INVALID:
                values[key] = value
        return values

    return read


class _Field(msgspec.Struct, frozen=True):
    """How one field of a struct is read."""

    name: str
    read: _Reader
    required: bool
    condition: bool
    expected: str


def _fields(kind: inspect.StructType) -> dict[str, _Field]:
    return {
        field.encode_name: _Field(
            field.name, _read(field.type, ""), field.required, _is_condition(field.type), _words(field.type)
        )
        for field in kind.fields
    }


def _is_condition(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.Metadata) and (
        bool((kind.extra or {}).get("condition")) or _is_condition(kind.type)
    )


def _struct(cls: type, kind: inspect.StructType, words: str) -> _Reader:
    fields = _fields(kind)
    required = [name for name, field in fields.items() if field.required]
    cls = cast("type[Located]", cls)

    def read(node: Node, problems: Problems) -> object:
        if not isinstance(node, Mapping):
            return _wrong(node, words, problems)
        values: dict[str, Any] = {}
        for name, pair in node.pairs.items():
            field = fields.get(name)
            if field is None:
                _unknown(pair.key.position, name, list(fields), problems)
                continue
            if field.condition:
                _mend(pair, problems)
            value = field.read(pair.value, problems)
            if value is not INVALID:
                values[field.name] = value
        missing = [name for name in required if fields[name].name not in values]
        for name in missing:
            if name not in node.pairs:
                expected = f"`{name}:` with {fields[name].expected}"
                problems.error(node.position, f"the field {name!r} is missing", expected=expected)
        if missing:
            return INVALID
        made = cls(**values)
        made.located(node, node.position)
        return made

    return read


def _mend(pair: Any, problems: Problems) -> None:
    """Make whole, in the tree, conditions that YAML cut in two."""
    pair.value = whole_condition(pair.value, problems)
    if isinstance(pair.value, Sequence):
        pair.value.items = [whole_condition(item, problems) for item in pair.value.items]


def _unknown(place: Position, name: str, known: list[str], problems: Problems) -> None:
    field, colon, _ = name.partition(":")
    if colon and field in known:
        problems.error(place, f"no space follows the colon of {field!r}", expected=f"`{field}: `, then the value")
        return
    meant = nearest(name, known)
    problems.error(place, f"unknown field {name!r}", expected=f"one of {_shortened(sorted(known))}", nearest=meant)
