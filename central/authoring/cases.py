"""The tests beside the rules, resolved: contexts typed by the bundle's attributes, expectations checked for names.

How they are run, and what they reach, is `testing.py`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

import msgspec
from msgspec import UnsetType

from central.authoring import source
from central.authoring.attributes import Attributes, hidden
from central.authoring.constants import ConstantError, check_duration, check_timestamp
from central.authoring.diagnostics import Position, Problems, nearest
from central.authoring.json_values import BadValueError, scalar_value
from central.authoring.literals import INT_MAX
from central.authoring.scope import SEGMENTS
from central.authoring.yaml_nodes import Broken, Node, Scalar, Sequence
from central.authoring.yaml_nodes import Mapping as Fields
from rulecore.model import NO_VARIANT, Bundle, Placement, Segment, Type

_INT: Final = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_WORDS: Final = {
    Type.BOOL: "true or false",
    Type.INT: "a whole number of 64 bits",
    Type.DOUBLE: "a number",
    Type.TIMESTAMP: "an instant such as 2026-11-20T18:00:00Z",
    Type.DURATION: "a duration such as 1h30m",
}

_TIMES: Final = {Type.TIMESTAMP: check_timestamp, Type.DURATION: check_duration}


class Expectation(msgspec.Struct, frozen=True):
    """What one placement shall decide. None: the test does not say. `rule` may be `none`."""

    placement: str
    place: Position
    variant: str
    reason: str | None = None
    rule: str | None = None


class Case(msgspec.Struct, frozen=True):
    """One test. `places` says where each attribute of the context was written."""

    name: str
    place: Position
    context: dict[str, object]
    places: dict[str, Position]
    expect: tuple[Expectation, ...]


class Written(msgspec.Struct, frozen=True):
    """What the author gave: the placements that could be read, and the names of all. Not `complete`: a file of the
    bundle could not be read. So tests don't complain again of what was reported where it stands.
    """

    placements: Mapping[str, source.Placement]
    names: frozenset[str]
    complete: bool

    def all_rules(self, placement: Placement) -> bool:
        """Whether every rule of the placement could be read."""
        node = self.placements[placement.name].value("rules")
        return (len(node.items) if isinstance(node, Sequence) else 0) == len(placement.rules)


def resolve_tests(
    tests: Collection[source.Test], bundle: Bundle, written: Written, attributes: Attributes, problems: Problems
) -> tuple[Case, ...]:
    """The tests in the order written; what is wrong with them is reported."""
    if not tests:
        return ()
    placements = {placement.name: _expectable(placement, written) for placement in bundle.placements}
    types = {name: attribute.type for name, attribute in attributes.all.items()}
    for placement in bundle.placements:
        for rule in placement.rules:
            types.update((one.name, one.type) for one in hidden(rule.id))
    contexts = _Contexts(types, attributes, bundle.segments, problems)
    return tuple(_case(test, placements, written, contexts, problems) for test in tests)


class _Expectable(msgspec.Struct, frozen=True):
    """What tests may expect of a placement. Not `whole`: rules are missing that could not be read."""

    variants: frozenset[str]
    rules: frozenset[str]
    whole: bool


def _expectable(placement: Placement, written: Written) -> _Expectable:
    return _Expectable(
        frozenset({one.name for one in placement.variants} | {NO_VARIANT}),
        frozenset({one.id for one in placement.rules} | {NO_VARIANT}),
        written.all_rules(placement),
    )


def _case(
    test: source.Test,
    placements: Mapping[str, _Expectable],
    written: Written,
    contexts: _Contexts,
    problems: Problems,
) -> Case:
    expect = []
    for name, wanted in test.expect.items():
        placement = placements.get(name)
        if placement is None:
            if written.complete and name not in written.names:
                near = nearest(name, placements)
                problems.error(test.key_at("expect", name), f"there is no placement {name!r}", nearest=near)
            continue
        detail = None if isinstance(wanted, str) else wanted
        variant = wanted if isinstance(wanted, str) else wanted.variant
        place = test.at("expect", name) if detail is None else detail.at("variant")
        known = placement.variants
        if variant not in known and variant not in written.placements[name].names("variants"):
            message = f"{name!r} has no variant {variant!r}"
            expected = f"a variant of the placement: {', '.join([*sorted(known - {NO_VARIANT}), NO_VARIANT])}"
            problems.error(place, message, expected=expected, nearest=nearest(variant, known))
        rule = None if detail is None else _text(detail.rule)
        if detail is not None and rule is not None and rule not in placement.rules and placement.whole:
            near = nearest(rule, placement.rules - {NO_VARIANT})
            problems.error(detail.at("rule"), f"{name!r} has no rule {rule!r}", nearest=near)
        expect.append(Expectation(name, place, variant, _text(detail.reason) if detail else None, rule))
    context, places = contexts.read(test)
    return Case(test.name, test.at("name"), context, places, tuple(expect))


def _text(value: str | UnsetType) -> str | None:
    return None if isinstance(value, UnsetType) else value


class _Contexts:
    """Reads contexts. A scalar is typed by its attribute: `city: no` and `visitor_id: 007` are texts."""

    def __init__(
        self, types: Mapping[str, Type], attributes: Attributes, segments: Iterable[Segment], problems: Problems
    ) -> None:
        self._types = types
        self._attributes = attributes
        self._parents = _parents(types)
        self._conditions = {segment.name for segment in segments if segment.when is not None}
        self._precomputed = {segment.name for segment in segments if segment.when is None}
        self._problems = problems
        self._sound = not problems.error_count  # else a condition may be missing that asks for a segment

    def read(self, test: source.Test) -> tuple[dict[str, object], dict[str, Position]]:
        """The context by dotted names, and where each was written."""
        context: dict[str, object] = {}
        places: dict[str, Position] = {}
        node = test.value("context")
        pending = [("", node)] if isinstance(node, Fields) else []
        while pending:
            prefix, fields = pending.pop()
            for key, pair in fields.pairs.items():
                name = f"{prefix}{key}"
                place = pair.key.position
                if name in places:
                    expected = "each attribute once, nested or dotted"
                    self._problems.error(place, f"{name!r} is given twice", expected=expected)
                elif name == SEGMENTS:
                    context[name], places[name] = self._segments(pair.value), place
                elif name in self._types:
                    context[name], places[name] = self._typed(pair.value, name), place
                elif name in self._parents and isinstance(pair.value, Fields):
                    pending.append((f"{name}.", pair.value))
                elif name not in self._attributes.broken:
                    self._unknown(name, place)
        return context, places

    def _unknown(self, name: str, place: Position) -> None:
        near = nearest(name, [*self._types, SEGMENTS])
        self._problems.error(place, f"there is no attribute {name!r}", nearest=near)

    def _segments(self, node: Node) -> list[str]:
        if not isinstance(node, Sequence):
            self._wrong(node, SEGMENTS, "a list of precomputed segments")
            return []
        names = []
        for item in node.items:
            name = item.text if isinstance(item, Scalar) else ""
            if name in self._conditions:
                message = f"{name!r} is a segment by condition: who belongs to it is not stated, but computed"
                self._problems.error(item.position, message, expected="what its condition asks for")
            elif name not in self._precomputed and self._sound:
                near = nearest(name, self._precomputed)
                self._problems.error(item.position, f"no rule asks for a segment {name!r}", nearest=near)
            names.append(name)
        return names

    def _typed(self, node: Node, name: str) -> object:
        type_ = self._types[name]
        if isinstance(node, Scalar) and node.text == "null" and not node.style:
            return None
        if type_ not in (Type.LIST_STRING, Type.LIST_INT):
            return self._scalar(node, name, type_)
        if not isinstance(node, Sequence):
            self._wrong(node, name, f"a {type_}")
            return None
        item_type = Type.STRING if type_ is Type.LIST_STRING else Type.INT
        return [self._scalar(item, name, item_type) for item in node.items]

    def _scalar(self, node: Node, name: str, type_: Type) -> object:
        if not isinstance(node, Scalar) or (not node.text and not node.style):
            self._wrong(node, name, _WORDS.get(type_, "a text"))
            return None
        if type_ is Type.STRING:
            self._check_listed(node, name)
            return node.text
        if type_ in _TIMES:
            self._check_time(node, _TIMES[type_])
            return node.text
        value = self._number(node, type_)
        if value is None:
            self._wrong(node, name, _WORDS[type_])
        return value

    def _check_time(self, node: Scalar, check: Callable[[str], object]) -> None:
        try:
            check(node.text)
        except ConstantError as error:
            self._problems.error(node.position, error.message, expected=error.expected, nearest=error.nearest)

    def _number(self, node: Scalar, type_: Type) -> bool | int | float | None:
        """The value of a bool, int or double; None if it is none."""
        if type_ is Type.INT and not node.style and _INT.fullmatch(node.text):
            number = int(node.text)
            return number if -INT_MAX - 1 <= number <= INT_MAX else None
        try:
            value = scalar_value(node)
        except BadValueError:
            return None
        if type_ is Type.BOOL:
            return value if isinstance(value, bool) else None
        return (
            value if type_ is Type.DOUBLE and isinstance(value, int | float) and not isinstance(value, bool) else None
        )

    def _check_listed(self, node: Scalar, name: str) -> None:
        values = self._attributes.values.get(name)
        if values and node.text not in values:
            expected = f"one of {', '.join(values)}"
            message = f"{name!r} is never {node.text!r}"
            self._problems.error(node.position, message, expected=expected, nearest=nearest(node.text, values))

    def _wrong(self, node: Node, name: str, expected: str) -> None:
        if not isinstance(node, Broken):
            this = "a text in quotes" if isinstance(node, Scalar) and node.style else "this"
            self._problems.error(node.position, f"{name!r} can't be {this}", expected=expected)


def _parents(names: Iterable[str]) -> set[str]:
    """The names of the objects that dotted names lie in."""
    parents: set[str] = set()
    for name in names:
        parent = name.rpartition(".")[0]
        while parent and parent not in parents:
            parents.add(parent)
            parent = parent.rpartition(".")[0]
    return parents
