"""JSON values written as YAML: payloads and the contexts of tests.

Plain `true`, `false`, `null` and numbers in JSON's canonical form are typed. All else is text: `no`, `1.10`, `007` and
whatever is quoted.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from central.authoring.yaml_nodes import Mapping, Node, Scalar, Sequence

_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")


class BadValueError(Exception):
    """A node that is no JSON value, and why."""

    def __init__(self, node: Node, message: str, expected: str) -> None:
        super().__init__(message)
        self.node = node
        self.message = message
        self.expected = expected


def json_value(node: Node) -> object:
    """The value. Raises BadValueError for a value that is missing or was reported already."""
    if isinstance(node, Scalar):
        return scalar_value(node)
    if isinstance(node, Sequence):
        return [json_value(item) for item in node.items]
    if isinstance(node, Mapping):
        return {name: json_value(pair.value) for name, pair in node.pairs.items()}
    raise BadValueError(node, "", "")


def scalar_value(node: Scalar) -> str | int | float | bool | None:
    """A scalar's value. Raises BadValueError when nothing was written."""
    text = node.text
    if node.style:
        return text
    if not text:
        raise BadValueError(node, "nothing stands here", 'a value; null, or "" for an empty text')
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text):
        try:
            number = orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
        if isinstance(number, int | float) and orjson.dumps(number).decode() == text:
            return number
    return text
