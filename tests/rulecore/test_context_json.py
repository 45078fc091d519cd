"""JSON is taken as msgspec takes it, and gives what its dict gives: the same slots or the same error, with its byte.

That holds for every body, generated or damaged, but for what is deliberate: a body may not be longer or nest deeper
than `rulecore.limits` says, and an attribute that an object's text names twice is an error, where a dict has lost one.
"""

from __future__ import annotations

import json
import math
import random
import sys
from typing import Final

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rulecore._context import ContextReader
from rulecore.errors import ContextError
from rulecore.limits import LIMITS
from rulecore.model import Type
from tests.rulecore.bodies import Bodies, damaged
from tests.rulecore.readings import TYPES, Reading, outcome, refusal, same

SEED: Final = 20261120


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
        (b'{"other":-1%s}' % (b"0" * 4300), "a number out of range", 9),
        (b'{"other":[{"a":1e999}]}', "a number out of range", 15),
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


# Strings at every distance from the end, which are read many bytes at a time


@pytest.mark.parametrize("piece", ['"', "\\", "\n", "\x7f", "#", "]", "é", "€", "😀", "\x1f", "\x00"])
def test_strings_are_read_whatever_stands_where(piece: str) -> None:
    for before in range(35):
        for after in (*range(18), 31, 32, 33):
            text = "a" * before + piece + "z" * after
            for form in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
                judge(b'{"city":%s}' % form.encode())
                assert outcome(b'{"city":%s}' % form.encode()) == {"city": text}
            judge(b'{"city":"%s"}' % text.encode())
            judge(b'{"city":"%s"' % text.encode())
            judge(b'{"%s' % text.encode())
            judge(b'{"%s":1}' % text.encode())


# Names given twice


class Members(list[tuple[str, object]]):
    """An object as it is written: its members in order, equal names and all."""


def written(body: bytes) -> Members:
    members = json.loads(body.decode(), object_pairs_hook=Members)
    assert isinstance(members, Members)
    return members


def as_dict(value: object) -> object:
    if isinstance(value, Members):
        return {name: as_dict(member) for name, member in value}
    return [as_dict(item) for item in value] if isinstance(value, list) else value


def attributes(members: Members, prefix: str = "") -> list[tuple[str, object]]:
    """Every mention of an attribute, in order."""
    found = []
    for key, value in members:
        if prefix + key in TYPES:
            found.append((prefix + key, as_dict(value)))
        elif isinstance(value, Members):
            found += attributes(value, f"{prefix}{key}.")
    return found


def read_in_order(members: Members) -> Reading:
    """What the dict way says of each attribute by itself, in the order of the text, up to the first that is wrong."""
    read: dict[str, object] = {}
    for name, value in attributes(members):
        if name in read:
            return "is given twice", name
        of_one = outcome({name: value})
        if isinstance(of_one, tuple):
            return of_one
        read |= of_one
    return {name: read[name] for name in TYPES if name in read}


def names_twice(value: object) -> bool:
    if isinstance(value, Members):
        return len({name for name, _ in value}) < len(value) or any(names_twice(member) for _, member in value)
    return isinstance(value, list) and any(names_twice(item) for item in value)


def depth(value: object) -> int:
    inner = [member for _, member in value] if isinstance(value, Members) else value
    return 1 + max(map(depth, inner), default=0) if isinstance(inner, list) else 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"age": 1, "age": 1}', ("is given twice", "age")),
        (b'{"age": null, "\\u0061ge": null}', ("is given twice", "age")),
        (b'{"session": {"page_views": 1}, "session": {"page_views": 1}}', ("is given twice", "session.page_views")),
        (b'{"age": "x", "age": 1}', ("must be an int of 64 bits", "age")),
        # Not attributes: nothing is lost when they come again.
        (b'{"other": 1, "other": 2}', {}),
        (b'{"session": 1, "session": {"page_views": 1}, "session": null}', {"session.page_views": 1}),
        (b'{"cart": {"total": 1}, "cart": {}, "age": 2}', {"age": 2, "cart.total": 1.0}),
    ],
)
def test_an_attribute_is_given_once_in_the_whole_text(body: bytes, expected: Reading) -> None:
    assert outcome(body) == expected
    judge(body)


# Beside msgspec and the dict


def judge(body: bytes) -> None:
    """Hold the reading of a body to msgspec's judgement of it and to the reading of its dict."""
    found = outcome(body)
    if isinstance(found, tuple):
        judge_offset(body)
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        assert isinstance(found, tuple), body
        return
    if not isinstance(decoded, dict):
        assert found == ("a context must be an object", None), body
        return
    members = written(body)
    if found == ("nested too deep", None):
        assert depth(members) > LIMITS.context_depth_max, body
        return
    assert same(found, read_in_order(members)), body
    if not names_twice(members):
        assert same(found, outcome(decoded)), body


def judge_offset(body: bytes) -> None:
    """What stands before the byte of an error is right: cut off there, a text is refused for its end."""
    error = refusal(body)
    assert error.offset is not None
    assert 0 <= error.offset <= len(body), body
    if error.what != "something follows the object":
        assert refusal(body[: error.offset]).offset == error.offset, body


TEXTS: Final = (
    b'{"age": 41, "city": "a\\u00e9\\ud83d\\ude00\\n\xc3\xa9", "cart": {"total": -1.25e-3}, "ids": [1, 2.0]}',
    b'{"other": [{"a": [true, false, null, "\\"\\\\\\/\\b\\f"]}, 0.5, -0, 1E+2], "interests": ["\xf0\x9f\x98\x80"]}',
    b'{"session":{"shows.vip":null,"seconds":"1m30s"},"bot":false,"now":"2026-11-20T18:00:00Z","url":"/"}',
)


def test_every_truncation_is_judged_as_msgspec_judges_it() -> None:
    for body in TEXTS:
        for size in range(len(body) + 1):
            judge(body[:size])


def test_every_changed_byte_is_judged_as_msgspec_judges_it() -> None:
    for body in TEXTS:
        for at in range(len(body)):
            for value in (*b'"\\{}[],:-+.eE0u \t', 0, 0x1F, 0x7F, 0x80, 0xFF):
                judge(body[:at] + bytes([value]) + body[at + 1 :])


@given(st.randoms(use_true_random=False))
def test_a_body_gives_what_its_dict_gives(chooser: random.Random) -> None:
    judge(Bodies(chooser, TYPES).body())


@given(st.randoms(use_true_random=False))
def test_a_damaged_body_is_judged_as_msgspec_judges_it(chooser: random.Random) -> None:
    bodies = Bodies(chooser, TYPES)
    judge(damaged(chooser, bodies.body(), bodies.body()))


@pytest.mark.parametrize("count", [1_500, pytest.param(150_000, marks=pytest.mark.soak)])
def test_many_bodies_whole_and_damaged_are_judged_alike(count: int) -> None:
    chooser = random.Random(SEED)
    bodies = Bodies(chooser, TYPES)
    last = b"{}"
    for _ in range(count):
        body = bodies.body()
        judge(body)
        judge(damaged(chooser, body, last))
        last = body


def test_a_list_is_judged_item_by_item_up_to_the_limit() -> None:
    most = LIMITS.list_items_max
    for items in ([1] * (most + 1), [1] * (most - 1) + ["x", 1], [1] * most + ["x"], ["x"] * (most + 1)):
        context: dict[str, object] = {"ids": items, "age": "x"}
        assert outcome(context) == outcome(msgspec.json.encode(context))
    assert outcome({"ids": [1] * most + ["x"]}) == (f"must not have more than {most} items", "ids")


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


# Names that come in an order that was not expected


def test_names_are_found_in_any_order() -> None:
    chooser = random.Random(SEED)
    names = (
        "a",
        "ab",
        'a"',
        "a\\",
        'a":1,"ab',
        "a\n",
        "",
        "long-names-of-the-same-length-1",
        "long-names-of-the-same-length-2",
    )
    reader = ContextReader(names, (Type.INT,) * len(names))
    for _ in range(500):
        context = {name: chooser.randrange(9) for name in chooser.sample((*names, "other"), 6)}
        known = {name: context[name] for name in names if name in context}
        assert reader.read(msgspec.json.encode(context)) == reader.read(dict(context)) == known
    assert reader.read(b'{"a\\"":1}') == {'a"': 1}
    for body in (b'{"a"":1}', b'{"a\\":1}', b'{"a\n":1}'):
        with pytest.raises(ContextError):
            reader.read(body)
