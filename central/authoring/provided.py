"""The attributes that the edge provides to every bundle, with their types and purposes.

How it finds them is the edge's; a bundle can narrow them under `provided:`, and declares `query.NAME` there.
"""

from __future__ import annotations

from typing import Final

from rulecore.model import PERSONALIZATION, Attribute, Source, Type

QUERY: Final = "query."
FAMILIES: Final = frozenset({"query", "referrer", "session", "url", "utm"})
"""What names with a dot can't begin with: those are the edge's."""

VISITOR_ID: Final = "visitor_id"
_PERSONAL: Final = (PERSONALIZATION,)


def provided(name: str, type_: Type = Type.STRING, purposes: tuple[str, ...] = ()) -> Attribute:
    """An attribute that the edge provides."""
    return Attribute(name, type_, purposes, Source.PROVIDED)


def session(name: str, type_: Type) -> Attribute:
    """An attribute that the session cookie will carry."""
    return provided(name, type_, _PERSONAL)


PROVIDED: Final = {
    attribute.name: attribute
    for attribute in (
        provided("bot", Type.BOOL),
        provided("browser"),
        provided("city"),
        provided("consent", Type.LIST_STRING),
        provided("country"),
        provided("device"),
        provided("language"),
        provided("now", Type.TIMESTAMP),
        provided("os"),
        provided("referrer.host"),
        provided("region"),
        provided("timezone"),
        provided("url.host"),
        provided("url.path"),
        provided("utm.campaign"),
        provided("utm.content"),
        provided("utm.medium"),
        provided("utm.source"),
        provided("utm.term"),
        provided(VISITOR_ID, purposes=_PERSONAL),
        session("session.new_visitor", Type.BOOL),
        session("session.page_views", Type.INT),
        session("session.seconds", Type.INT),
        session("session.tags", Type.LIST_STRING),
    )
}
