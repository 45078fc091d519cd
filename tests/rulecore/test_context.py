"""A context is read alike from a dict and from JSON, strictly, whatever mixture of nesting and dots it is written in.

What JSON is taken and how it is judged beside msgspec is held by `test_context_json`.
"""

from __future__ import annotations

import collections
import enum
import json
import math
import random
import sys
import threading
from typing import Final

import msgspec
import pytest

from rulecore._context import ContextReader
from rulecore.limits import LIMITS
from rulecore.model import Type
from tests.rulecore.readings import READER, TYPES, Reading, outcome, refusal, same

SEED: Final = 20261120


# Ordinary contexts


def test_every_type_is_read() -> None:
    context = {
        "age": 41,
        "bot": False,
        "cart.total": 12.5,
        "city": "São Paulo",
        "ids": [1, -2],
        "interests": ["shoes", ""],
        "now": "1970-01-01T00:00:01.5Z",
        "session.page_views": 3,
        "session.seconds": "1m30s",
        "session.shows.vip": 0,
        "url": "https://example.com/",
        "ünïcode": "😀",
    }
    expected = {**context, "now": 1_500_000, "session.seconds": 90_000_000}
    assert same(READER.read(context), expected)
    assert same(READER.read(msgspec.json.encode(context)), expected)
    assert same(READER.read(json.dumps(context, indent=1).encode()), expected)


@pytest.mark.parametrize(
    "context",
    [
        {"session.shows.vip": 1, "session.page_views": 2},
        {"session": {"shows.vip": 1, "page_views": 2}},
        {"session": {"shows": {"vip": 1}, "page_views": 2}},
        {"session.shows": {"vip": 1}, "session": {"page_views": 2}},
    ],
)
def test_names_may_be_nested_or_dotted_in_any_mixture(context: dict[str, object]) -> None:
    expected = {"session.page_views": 2, "session.shows.vip": 1}
    assert READER.read(context) == expected
    assert READER.read(msgspec.json.encode(context)) == expected


@pytest.mark.parametrize(
    "context",
    [
        {"session.shows.vip": 1, "session": {"shows": {"vip": 1}}},
        {"session": {"shows.vip": None, "shows": {"vip": None}}},
        {"session.shows": {"vip": None}, "session.shows.vip": 1},
    ],
)
def test_an_attribute_given_twice_is_an_error_even_as_null(context: dict[str, object]) -> None:
    assert outcome(context) == ("is given twice", "session.shows.vip")
    assert outcome(msgspec.json.encode(context)) == ("is given twice", "session.shows.vip")


def test_a_name_given_twice_in_one_object_is_an_error_if_it_is_an_attribute() -> None:
    assert outcome(b'{"age": 1, "age": 1}') == ("is given twice", "age")
    assert outcome(b'{"other": 1, "other": 2}') == {}
    assert outcome(b'{"session": {"page_views": 1}, "session": {"seconds": null}}') == {
        "session.page_views": 1,
        "session.seconds": None,
    }


@pytest.mark.parametrize("unknown", [{}, {"age": 5}, [{"age": 5}], "text", 1, 1.5, True, None])
def test_unknown_names_are_left_alone(unknown: object) -> None:
    contexts_of_it: list[dict[str, object]] = [
        {"other": unknown, "ag": unknown, "": unknown},
        {"session": {"other": unknown}},
    ]
    for context in contexts_of_it:
        assert READER.read(context) == {}
        assert READER.read(msgspec.json.encode(context)) == {}


def test_what_stands_where_longer_names_go_on_is_unknown_unless_it_is_an_object() -> None:
    for value in (1, "text", None, [1], True):
        assert outcome({"session": value}) == {}
        assert outcome(msgspec.json.encode({"session": value})) == {}


def test_an_attribute_goes_before_longer_names_that_begin_with_it() -> None:
    assert outcome({"url": "/a", "url.path": "/b"}) == {"url": "/a", "url.path": "/b"}
    nested: tuple[object, object] = ({"url": {"path": "/b"}}, b'{"url": {"path": "/b"}}')
    for context in nested:
        assert outcome(context) == ("must be a string", "url")


def test_null_is_given_but_absent() -> None:
    nothing = dict.fromkeys(TYPES)
    assert READER.read(nothing) == nothing
    assert READER.read(msgspec.json.encode(nothing)) == nothing
    assert READER.read({}) == READER.read(b"{}") == READER.read(b" \t\r\n{ \n} ") == {}


# Types

VALUES: Final = [
    True, 0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 2**64, 10**30, -(10**300),
    0.0, -0.0, 1.0, 1.5, -3.0, 2.0**53, 2.0**53 + 2, -(2.0**53), 1e300, 5e-324, 1e-400,
    "", "text", "2026-11-20T18:00:00Z", "1h30m", "-5s", "0", [], [1], [1.0], [1.5], ["a"], ["a", 1], [1, "a"], [None],
    [True], [2**63], [[1]], [[]], {}, {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("name", [*TYPES])
def test_each_type_takes_the_same_values_from_a_dict_and_from_json(name: str) -> None:
    for value in VALUES:
        body = msgspec.json.encode({name: value}) if value != 10**30 else b'{"%s": 1%s}' % (name.encode(), b"0" * 30)
        assert same(outcome({name: value}), outcome(body)), value


TAKEN: Final[dict[str, list[object]]] = {
    "bot": [True],
    "age": [0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 0.0, -0.0, 1.0, -3.0, 2.0**53, -(2.0**53)],
    "city": ["", "text", "2026-11-20T18:00:00Z", "1h30m", "-5s", "0"],
    "now": ["2026-11-20T18:00:00Z"],
    "session.seconds": ["1h30m", "-5s", "0"],
    "ids": [[], [1], [1.0]],
    "interests": [[], ["a"]],
    "cart.total": [value for value in VALUES if isinstance(value, int | float) and not isinstance(value, bool)],
}


@pytest.mark.parametrize("name", [*TAKEN])
def test_each_type_takes_its_own_values_only(name: str) -> None:
    taken = [value for value in VALUES if isinstance(outcome({name: value}), dict)]
    assert same(taken, [value for value in VALUES if any(same(value, each) for each in TAKEN[name])])
    for value in VALUES:
        if value not in taken:
            assert refusal({name: value}).attribute == name


def test_numbers_become_what_the_attribute_holds() -> None:
    assert same(READER.read({"age": 3.0, "cart.total": 3}), {"age": 3, "cart.total": 3.0})
    assert same(READER.read(b'{"age": 3e2, "cart.total": -0}'), {"age": 300, "cart.total": 0.0})
    assert same(READER.read({"cart.total": 2**53 + 1}), {"cart.total": float(2**53 + 1)})
    assert same(READER.read({"cart.total": math.inf}), {"cart.total": math.inf})
    assert same(READER.read({"cart.total": math.nan}), {"cart.total": math.nan})
    for value in (math.inf, -math.inf, math.nan, 10**400):
        assert refusal({"age": value}).attribute == "age"
    assert refusal({"cart.total": 10**400}).attribute == "cart.total"
    assert refusal(b'{"cart.total": 1%s}' % (b"0" * 400)).attribute == "cart.total"


def test_subclasses_of_the_plain_types_are_taken_without_running_their_code() -> None:
    class Loud(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return super().__hash__()

        def __eq__(self, other: object) -> bool:
            raise AssertionError

        def encode(self, *_: object) -> bytes:
            raise AssertionError

    class Level(enum.IntEnum):
        HIGH = 3

    class Chatty(dict[str, object]):
        def __getitem__(self, key: str) -> object:
            raise AssertionError

        def items(self) -> object:  # type: ignore[override]
            raise AssertionError

    class Items(list[object]):
        def __iter__(self) -> object:  # type: ignore[override]
            raise AssertionError

    class Price(float):
        def __float__(self) -> float:
            raise AssertionError

    context = Chatty()
    dict.update(context, {"city": Loud("Łódź"), "age": Level.HIGH, "cart": Chatty(total=Price(1.5)), "ids": Items([1])})
    assert READER.read(context) == {"city": "Łódź", "age": 3, "cart.total": 1.5, "ids": [1]}
    assert READER.read(collections.OrderedDict(interests=("a", Loud("b")))) == {"interests": ["a", "b"]}
    assert READER.read({1: 2, None: 3, "age": 1}) == {"age": 1}  # type: ignore[dict-item]


def test_a_dict_may_be_of_any_inner_layout() -> None:
    class Visitor:
        def __init__(self) -> None:
            self.age = 1
            self.city = "Paris"

    known: dict[str, object] = {"age": 1, "city": "Paris"}
    with_others: dict[str, object] = {0: 1, **known, ("a",): 2}  # type: ignore[dict-item]
    with_gaps: dict[str, object] = {"x": 0, "age": 1, "y": 0, "bot": True, "city": "Paris", "z": 0}
    for name in ("x", "y", "bot", "z"):
        del with_gaps[name]
    emptied: dict[str, object] = {"age": 1}
    emptied.clear()
    visitor = Visitor()
    many: dict[str, object] = {f"other-{number}": number for number in range(70_000)} | known
    assert [READER.read(each) for each in (vars(visitor), with_others, with_gaps, many)] == [known] * 4
    del visitor.age
    assert READER.read(vars(visitor)) == {"city": "Paris"}
    assert READER.read(emptied) == {}
    assert READER.read({"cart": collections.defaultdict(int, total=2)}) == {"cart.total": 2.0}


def test_keys_are_found_by_what_they_say() -> None:
    class Odd(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return 7

    class Plain(str):
        __slots__ = ()

    for kind in (Odd, Plain, lambda text: "".join(list(text))):
        assert READER.read({kind("age"): 1, kind("ünïcode"): "ü", kind("other"): 2}) == {"age": 1, "ünïcode": "ü"}
        assert READER.read({kind("session"): {kind("shows"): {kind("a-rule-with-another-name"): 1}}}) == {
            "session.shows.a-rule-with-another-name": 1
        }
    assert refusal({Odd("\ud800"): 1}).what == "a name is not valid Unicode"


@pytest.mark.parametrize("value", [object(), b"text", bytearray(b"1"), {1}, 1j, range(3), iter(())])
def test_what_json_has_no_value_for_is_of_a_wrong_type(value: object) -> None:
    for name in TYPES:
        assert refusal({name: value}).attribute == name
    assert READER.read({"other": value}) == {}


@pytest.mark.parametrize("context", [None, [], "{}", 1, bytearray(b"{}")])
def test_only_a_dict_or_bytes_are_a_context(context: object) -> None:
    with pytest.raises(TypeError, match="a context is a dict, or JSON as bytes"):
        READER.read(context)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\udc00\ud800"])
def test_a_string_with_half_a_surrogate_pair_is_an_error(text: str) -> None:
    assert refusal({"city": text}).attribute == "city"
    assert refusal({"interests": ["a", text]}).attribute == "interests"
    assert refusal({text: 1}).attribute is None
    assert refusal(json.dumps({"city": text}).encode()).attribute is None
    assert refusal(json.dumps({"other": [{text: 1}]}).encode()).attribute is None


# Limits


def both_outcomes(context: dict[str, object]) -> list[Reading]:
    return [outcome(context), outcome(msgspec.json.encode(context))]


def test_what_is_within_the_limits_is_read_and_what_is_over_them_is_not() -> None:
    string = "é" * (LIMITS.string_bytes_max // 2)
    assert both_outcomes({"city": string}) == [{"city": string}] * 2
    assert all(found[1] == "city" for found in both_outcomes({"city": string + "x"}) if isinstance(found, tuple))
    assert [type(found) for found in both_outcomes({"interests": [string + "x"]})] == [tuple, tuple]
    items = [1] * LIMITS.list_items_max
    assert both_outcomes({"ids": items}) == [{"ids": items}] * 2
    assert [type(found) for found in both_outcomes({"ids": [*items, 1]})] == [tuple, tuple]
    assert refusal({"ids": [*items, 1]}).attribute == "ids"


def test_a_body_over_the_limit_is_refused_unread() -> None:
    body = b'{"age": 1}' + b" " * (LIMITS.context_bytes_max - 10)
    assert READER.read(body) == {"age": 1}
    assert refusal(body + b" ").offset == LIMITS.context_bytes_max


def test_a_body_may_nest_as_deep_as_the_limit() -> None:
    for opening, closing in ((b'{"a":', b"}"), (b"[", b"]")):
        depth = LIMITS.context_depth_max - 1
        assert READER.read(b'{"other":' + opening * depth + b"1" + closing * depth + b"}") == {}
        error = refusal(b'{"other":' + opening * (depth + 1) + b"1" + closing * (depth + 1) + b"}")
        assert error.what == "nested too deep"
    assert refusal(b'{"other":' + b"[" * 60_000).what == "nested too deep"


def test_a_list_below_the_deepest_name_is_within_the_limit() -> None:
    parts = ["p"] * (LIMITS.context_depth_max - 1)
    reader = ContextReader((".".join(parts),), (Type.LIST_INT,))
    context: object = [1]
    for part in parts:
        context = {part: context}
    assert isinstance(context, dict)
    assert reader.read(context) == reader.read(msgspec.json.encode(context)) == {".".join(parts): [1]}


def test_a_dict_that_holds_itself_ends() -> None:
    context: dict[str, object] = {}
    context["session"] = context["shows"] = context
    assert READER.read(context) == {}


# The reader itself


def test_names_of_any_shape_are_found() -> None:
    chooser = random.Random(SEED)
    names = {"", ".", "a..b", ".a", "a.", "session.shows." + "x" * 64}
    while len(names) < 500:
        names.add(
            ".".join(
                chooser.choice(
                    ("a", "ab", f"same-prefix-and-{chooser.randrange(99)}-same-suffix", "é" * chooser.randrange(9))
                )
                for _ in range(chooser.randrange(1, 6))
            )
        )
    ordered = tuple(sorted(names))
    reader = ContextReader(ordered, (Type.INT,) * len(ordered))
    context: dict[str, object] = {name: i for i, name in enumerate(ordered)}
    assert reader.names == ordered
    assert reader.read(context) == reader.read(msgspec.json.encode(context)) == context
    for i, name in enumerate(ordered):
        nested: object = i
        for part in reversed(name.split(".")):
            nested = {part: nested}
        prefixes = {name[:at] for at, char in enumerate(name) if char == "."}
        if not prefixes & names:
            assert reader.read(nested) == {name: i}  # type: ignore[arg-type]


def test_a_reader_of_nothing_reads_nothing() -> None:
    assert ContextReader((), ()).read({"a": 1}) == ContextReader((), ()).read(b'{"a": {"b": 1}}') == {}


@pytest.mark.parametrize(
    ("names", "types", "message"),
    [
        (("a", "a"), (Type.INT, Type.INT), "named twice"),
        (("a",), (), "a type for each name"),
        (("a",), (Type.SEMVER,), "no attribute can be a semver"),
        ((".".join("p" * LIMITS.context_depth_max),), (Type.INT,), "has more than 15 parts"),
    ],
)
def test_a_reader_of_impossible_names_is_not_made(
    names: tuple[str, ...], types: tuple[Type, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ContextReader(names, types)


def test_threads_share_a_reader() -> None:
    wrong: list[object] = []

    def read(number: int) -> None:
        body = msgspec.json.encode({"age": number, "city": "\n" * number, "ids": [number] * number})
        expected = {"age": number, "city": "\n" * number, "ids": [number] * number}
        wrong.extend(found for _ in range(200) if (found := READER.read(body)) != expected)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_reading_keeps_no_references() -> None:
    text = str(SEED)
    context: dict[str, object] = {"city": text, "interests": [text], "session": {"other": text}}
    before = sys.getrefcount(text)
    for _ in range(100):
        READER.read(context)
        outcome({**context, "age": text})
    assert sys.getrefcount(text) == before
