"""JSON of doubtful origin: `decide_json` takes what msgspec and the dict's way take, and says the same of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import msgspec

from rulecore import BundleImage, ContextError, Engine, write_bundle
from tests.samples import CONTEXTS, sample_bundle

NOW: Final = 1_795_000_000_000_000
ENGINE: Final = Engine(BundleImage(write_bundle(sample_bundle())))
STRICTER: Final = ("is given twice", "nested too deep", "a number out of range")
"""What msgspec takes and a context may not hold."""

WORDS: Final = (
    *(f'"{attribute.name}"' for attribute in ENGINE.bundle.attributes),
    *('"session"', '"2026-11-20T18:00:00Z"', '"1h30m"', '"10.0.0.1"', '"2.3.0-rc.1"', "9223372036854775807", "1e308"),
    *("true", "false", "null", "\\ud83d", "\\ude00", "\\u0041", "\\n", "-0.0", "[[", "]]", '{"', '"}', '":', ',"'),
)
"""Pieces for the fuzzer to put together."""


def seeds() -> Iterator[bytes]:
    """Contexts of the sample, plain and with what is awkward in JSON."""
    for context in CONTEXTS:
        yield msgspec.json.encode(context)
    yield b'{"city": "a\\u00e9\\ud83d\\ude00\\n\xc3\xa9", "score": -1.25e-3, "sizes": [1, 2.0], "other": [{"a": [0]}]}'
    yield b' {"session": {"length": "1h30m"}, "session.shows.rule-73": 3, "age": 9223372036854775808} '


def run(data: bytes) -> None:
    """Anything but agreement raises."""
    found = answers(data)
    try:
        context = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        assert isinstance(found, ContextError), found
        return
    if not isinstance(context, dict):
        assert isinstance(found, ContextError), found
        return
    if isinstance(found, ContextError):
        assert found.offset is not None
        assert found.offset <= len(data)
        if found.what in STRICTER:
            return
    expected = answers(context)
    assert said(found) == said(expected) or repeats_a_name(data), (found, expected)


def said(answer: list[str] | ContextError) -> object:
    """An answer but for the byte that only JSON's errors have."""
    return (answer.what, answer.attribute) if isinstance(answer, ContextError) else answer


def repeats_a_name(data: bytes) -> bool:
    """Whether an object has a name twice: the dict has lost the first, which both may answer otherwise for."""
    repeated = False

    def pairs(members: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeated
        repeated = repeated or len(dict(members)) < len(members)
        return dict(members)

    json.loads(data, object_pairs_hook=pairs)
    return repeated


def answers(context: dict[str, object] | bytes) -> list[str] | ContextError:
    """All that the engine says of it, with every value that it has read."""
    try:
        answer = [repr(decision) for decision in ENGINE.decide_all(context, NOW)]
        answer += [repr(ENGINE.explain(placement, context, NOW)) for placement in ENGINE.bundle.placements]
    except ContextError as error:
        return error
    return answer
