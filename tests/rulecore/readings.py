"""What a context reads as, for the tests of both ways in: a reader with attributes of every type and shape of name."""

from __future__ import annotations

from typing import Final

import pytest

from rulecore._context import ContextReader
from rulecore.errors import ContextError
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

Reading = dict[str, object] | tuple[str, str | None]
"""What is read, or what an error says and which attribute it is about."""


def outcome(context: object) -> Reading:
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
