"""A context is read alike from a dict and from JSON, and JSON is judged as msgspec judges it.

The differences from msgspec are deliberate: an attribute given twice is an error (msgspec keeps the last), as is what
goes over `rulecore.limits`, a context that is no object, and an int that no double can hold.
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
from hypothesis import example, given
from hypothesis import strategies as st

from rulecore._context import ContextReader
from rulecore.errors import ContextError
from rulecore.limits import LIMITS
from rulecore.model import Type

TYPES: Final[dict[str, Type]] = {
    "age": Type.INT,
    "bot": Type.BOOL,
    "cart.total": Type.DOUBLE,
    "city": Type.STRING,
    "ids": Type.LIST_INT,
    "interests": Type.LIST_STRING,
    "now": Type.TIMESTAMP,
    "session.page_views": Type.INT,
    "session.seconds": Type.DURATION,
    "session.shows.vip": Type.INT,
    "session.shows.a-rule-with-a-longer-name": Type.INT,
    "session.shows.a-rule-with-another-name": Type.INT,
    "url": Type.STRING,
    "url.path": Type.STRING,
    "ünïcode": Type.STRING,
}
READER: Final = ContextReader(tuple(TYPES), tuple(TYPES.values()))
SEED: Final = 20261120


def outcome(context: object) -> dict[str, object] | tuple[str, str | None]:
    """What is read, or what the error is about and says."""
    try:
        return READER.read(context)  # type: ignore[arg-type]
    except ContextError as error:
        return error.what, error.attribute


def refusal(context: object) -> ContextError:
    with pytest.raises(ContextError) as caught:
        READER.read(context)  # type: ignore[arg-type]
    return caught.value


def same(a: object, b: object) -> bool:
    """Equal, and of the same types; NaN is itself, and zeros have their signs."""
    return repr(a) == repr(b)


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


def both_outcomes(context: dict[str, object]) -> list[dict[str, object] | tuple[str, str | None]]:
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


# Malformed JSON


@pytest.mark.parametrize(
    ("body", "what", "offset"),
    [
        (b"", "a context must be an object", 0),
        (b"null", "a context must be an object", 0),
        (b"  []", "a context must be an object", 2),
        (b"\xef\xbb\xbf{}", "a context must be an object", 0),
        (b"{", "expected a string", 1),
        (b'{"age"', "expected a colon", 6),
        (b'{"age" 1}', "expected a colon", 7),
        (b'{"age":', "expected a value", 7),
        (b'{"other":', "expected a value", 9),
        (b'{"age":1', "expected a comma or the end of the object or list", 8),
        (b'{"age":1,}', "expected a string", 9),
        (b'{"age":1 "bot":true}', "expected a comma or the end of the object or list", 9),
        (b'{"age":1}}', "something follows the object", 9),
        (b'{"age":1} {}', "something follows the object", 10),
        (b"{age:1}", "expected a string", 1),
        (b"{'age':1}", "expected a string", 1),
        (b'{"age":01}', "a malformed number", 7),
        (b'{"age":1.}', "a malformed number", 9),
        (b'{"age":1e}', "a malformed number", 9),
        (b'{"age":-}', "a malformed number", 8),
        (b'{"other":1e400}', "a number out of range", 9),
        (b'{"other":-1%s}' % (b"0" * 400), "a number out of range", 9),
        (b'{"cart.total":1e400}', "must be a number that a double can hold", 14),
        (b'{"bot":tru}', "expected a value", 7),
        (b'{"bot":True}', "expected a value", 7),
        (b'{"bot":nul}', "expected a value", 7),
        (b'{"other":NaN}', "expected a value", 9),
        (b'{"ids":[1,]}', "expected a value", 10),
        (b'{"other":[1,]}', "expected a value", 12),
        (b'{"other":[1 2]}', "expected a comma or the end of the object or list", 12),
        (b'{"city":"a', "the JSON ends inside a string", 10),
        (b'{"city":"a\\', "the JSON ends inside a string", 11),
        (b'{"city":"a\nb"}', "a control character in a string", 10),
        (b'{"city":"\\x"}', "an unknown escape in a string", 9),
        (b'{"city":"\\u12g4"}', "\\u must be followed by four hexadecimal digits", 9),
        (b'{"city":"\\ud800"}', "a surrogate without its other half", 9),
        (b'{"city":"\\ud800\\u0041"}', "a surrogate without its other half", 9),
        (b'{"city":"\\udc00\\ud800"}', "a surrogate without its other half", 9),
        (b'{"city":"\xff"}', "not valid UTF-8", 9),
        (b'{"city":"ab\xed\xa0\x80"}', "not valid UTF-8", 11),
        (b'{"\xc3":1}', "not valid UTF-8", 2),
        (b'{"now":"soon"}', "must be a string with an RFC 3339 timestamp, such as 2026-11-20T18:00:00Z", 7),
        (b'{"interests":["a", 1]}', "must be a list of strings", 19),
    ],
)
def test_an_error_says_what_and_at_which_byte(body: bytes, what: str, offset: int) -> None:
    error = refusal(body)
    assert (error.what, error.offset) == (what, offset)


def test_an_error_never_shows_the_value() -> None:
    for context in ({"city": 987654}, {"age": "s3cret"}, b'{"age": "s3cret"}', b'{"now": "s3cret"}', {"now": "s3cret"}):
        assert not {"s3cret", "987654"} & set(str(refusal(context)).split("'"))
        assert "s3cret" not in str(refusal(context))


TEXTS: Final = (
    b'{"age": 41, "city": "a\\u00e9\\ud83d\\ude00\\n\xc3\xa9", "cart": {"total": -1.25e-3}, "ids": [1, 2.0]}',
    b'{"other": [{"a": [true, false, null, "\\"\\\\\\/\\b\\f"]}, 0.5, -0, 1E+2], "interests": ["\xf0\x9f\x98\x80"]}',
)


def judged_like_msgspec(body: bytes) -> None:
    """Refused if msgspec refuses it; read, or refused for what it says, if msgspec reads it."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        assert isinstance(outcome(body), tuple), body
        return
    found = outcome(body)
    if isinstance(decoded, dict) and not (isinstance(found, tuple) and found[0] in DELIBERATE):
        expected = outcome(decoded)
        assert same(found, expected), body
    else:
        assert isinstance(found, tuple)


DELIBERATE: Final = ("is given twice", "nested too deep", "a number out of range")


def test_every_truncation_is_judged_as_msgspec_judges_it() -> None:
    for body in TEXTS:
        for size in range(len(body) + 1):
            judged_like_msgspec(body[:size])


def test_every_changed_byte_is_judged_as_msgspec_judges_it() -> None:
    for body in TEXTS:
        for at in range(len(body)):
            for value in (*b'"\\{}[],:-+.eE0u \t', 0, 0x1F, 0x7F, 0x80, 0xFF):
                judged_like_msgspec(body[:at] + bytes([value]) + body[at + 1 :])


def test_random_damage_is_judged_as_msgspec_judges_it() -> None:
    chooser = random.Random(SEED)
    pieces = (b'"', b"\\", b"\\u", b"d83d", b"\xc3", b"{", b"}", b"[", b"]", b",", b":", b"1", b"e9", b"-", b".", b" ")
    for _ in range(3000):
        body = bytearray(chooser.choice(TEXTS))
        for _ in range(chooser.randrange(1, 4)):
            at = chooser.randrange(len(body))
            body[at : at + chooser.randrange(3)] = chooser.choice(pieces)
        judged_like_msgspec(bytes(body))


# Both ways agree

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-5, 5).map(float),
    st.text(),
    st.sampled_from(("2026-11-20T18:00:00Z", "1h30m", "-0s", "0001-01-01T00:00:00+00:01", 'q"\\\n')),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(("a", "vip", "shows")), inner, max_size=3)
    ),
    max_leaves=6,
)
TYPICAL: Final[dict[Type, st.SearchStrategy[object]]] = {
    Type.BOOL: st.booleans(),
    Type.INT: st.integers(-(2**63), 2**63 - 1),
    Type.DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    Type.STRING: st.text(),
    Type.TIMESTAMP: st.datetimes().map(lambda at: f"{at.isoformat()}Z"),
    Type.DURATION: st.integers(-(10**12), 10**12).map(lambda ms: f"{ms}ms"),
    Type.LIST_STRING: st.lists(st.text(), max_size=4),
    Type.LIST_INT: st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
}


@st.composite
def contexts(draw: st.DrawFn) -> dict[str, object]:
    """Attributes, mostly of their types, nested at random."""
    context: dict[str, object] = draw(
        st.dictionaries(st.text(max_size=3) | st.sampled_from(("cart", "session")), values, max_size=2)
    )
    for name in draw(st.lists(st.sampled_from(sorted(TYPES)), max_size=6, unique=True)):
        value = draw(TYPICAL[TYPES[name]] if draw(st.integers(0, 9)) else values)
        place = context
        parts = name.split(".")
        while len(parts) > 1:
            taken = draw(st.integers(1, len(parts)))
            inner = place.setdefault(".".join(parts[:taken]), {}) if taken < len(parts) else None
            if not isinstance(inner, dict):
                break
            place, parts = inner, parts[taken:]
        place[".".join(parts)] = value
    return context


@given(contexts(), st.sampled_from(("msgspec", "ascii", "spaced")))
@example({"age": 2**63}, "msgspec")
@example({"cart.total": 5e-324}, "ascii")
def test_json_gives_what_its_dict_gives(context: dict[str, object], form: str) -> None:
    if form == "msgspec" and all_fit(context):
        body = msgspec.json.encode(context)
    else:
        body = json.dumps(context, ensure_ascii=form == "ascii", indent=2 if form == "spaced" else None).encode()
    assert same(outcome(body), outcome(msgspec.json.decode(body)))


def all_fit(value: object) -> bool:
    """Whether msgspec can write it: no int beyond 64 bits."""
    if isinstance(value, dict | list):
        return all(all_fit(each) for each in (value.values() if isinstance(value, dict) else value))
    return not isinstance(value, int) or -(2**63) <= value < 2**64


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
@example("9007199254740993")
@example("9007199254740993.0")
@example("2.2250738585072011e-308")
@example("1.7976931348623158e308")
@example("1.7976931348623159e308")
@example(
    "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880"
)
@example("0." + "0" * 400 + "1e401")
@example(f"{int(sys.float_info.max)}")
@example(f"{int(sys.float_info.max)}.0")
@example("4.35e22")
@example("123456789012345678e-22")
def test_numbers_are_read_to_the_nearest_double(token: str) -> None:
    token = token.translate({ord(char): None for char in token if not char.isascii()})
    expected = float(token)
    found = outcome(b'{"cart.total": %s}' % token.encode())
    if math.isinf(expected):
        assert found == ("must be a number that a double can hold", "cart.total")
    elif token.lstrip("-").isdigit():
        assert same(found, {"cart.total": float(int(token))})
    else:
        assert same(found, {"cart.total": expected})


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
