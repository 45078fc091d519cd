"""The attributes that a bundle's conditions, units and tests may name: provided ones, and those that it declares."""

from __future__ import annotations

from typing import Final

from msgspec import UnsetType

from central.authoring import source
from central.authoring.diagnostics import Problems, nearest
from central.authoring.provided import FAMILIES, PROVIDED, QUERY, VISITOR_ID, provided, session
from central.authoring.purposes import PERSONAL, purposes_of
from central.authoring.scope import KEYWORDS, RESERVED, SEGMENTS, Known
from rulecore.model import Attribute, Source, Type, shows_attribute, sticky_attribute
from rulecore.snapshot import COLUMN_TYPES

UNIT_TYPES: Final = (Type.STRING, Type.INT)
_NARROWED_TYPES: Final = (Type.STRING, Type.LIST_STRING)


class Attributes:
    """Attributes by name. `broken` are names that were declared wrongly: nothing is known of them."""

    def __init__(self, bundle: source.Bundle, problems: Problems) -> None:
        self.all: dict[str, Attribute] = dict(PROVIDED)
        self.values: dict[str, tuple[str, ...]] = {}
        self._problems = problems
        for name, narrowed in bundle.provided.items():
            self._narrow(name, narrowed)
        for name, declared in bundle.attributes.items():
            self._declare(name, declared)
        self.declared = frozenset(bundle.attributes) & self.all.keys()
        written = {*bundle.names("attributes"), *bundle.names("provided")}
        self.broken = frozenset(written - self.all.keys())

    @property
    def known(self) -> dict[str, Known]:
        """The attributes as conditions see them."""
        return {name: Known(one.type, self.values.get(name, ())) for name, one in self.all.items()}

    def unit(self, owner: source.Located, unit: str | UnsetType, default: str = VISITOR_ID) -> str:
        """The attribute that is bucketed, checked; the default when the author left it out."""
        if isinstance(unit, UnsetType):
            return default
        attribute = self.all.get(unit)
        if attribute is None:
            if unit not in self.broken:
                units = [name for name, one in self.all.items() if one.type in UNIT_TYPES]
                self._problems.error(owner.at("unit"), f"there is no attribute {unit!r}", nearest=nearest(unit, units))
        elif attribute.type not in UNIT_TYPES:
            message = f"{unit!r} is a {attribute.type}: it can't be bucketed"
            self._problems.error(owner.at("unit"), message, expected="an attribute that is a string or an int")
        return unit

    def _narrow(self, name: str, narrowed: source.Provided) -> None:
        attribute = PROVIDED.get(name) or (provided(name) if _is_query(name) else None)
        if attribute is None:
            message = f"the edge does not provide {name!r}"
            expected = "what the edge provides, or query.NAME; attributes of your own under attributes"
            self._problems.error(narrowed.head, message, expected=expected, nearest=nearest(name, PROVIDED))
            return
        purposes = purposes_of(narrowed, narrowed.purpose, attribute.purposes, self._problems)
        self.all[name] = Attribute(name, attribute.type, purposes, Source.PROVIDED)
        if isinstance(narrowed.values, UnsetType):
            return
        if attribute.type not in _NARROWED_TYPES:
            message = f"{name!r} is a {attribute.type}: its values can't be listed"
            self._problems.error(narrowed.key_at("values"), message, expected="values of a string only")
        elif not narrowed.values:
            self._problems.error(narrowed.at("values"), "no value is listed", expected="one value or more")
        else:
            self.values[name] = tuple(narrowed.values)

    def _declare(self, name: str, declared: source.Attribute) -> None:
        refused, expected = _refused(name)
        if refused:
            self._problems.error(declared.head, refused, expected=expected)
            if name in self.all:
                return
        type_ = Type(declared.type)
        origin, origin_name = Source.CONTEXT, ""
        if not isinstance(declared.from_, UnsetType):
            kind, origin_name = declared.from_.split(" ", 1)
            origin = Source(kind)
        if origin is Source.SNAPSHOT and type_ not in COLUMN_TYPES:
            message = f"a column of the snapshot can't be a {type_}"
            self._problems.error(declared.at("type"), message, expected="bool, int, double, string or list(string)")
        purposes = purposes_of(declared, declared.purpose, PERSONAL, self._problems)
        self.all[name] = Attribute(name, type_, purposes, origin, origin_name)


def hidden(rule: str) -> tuple[Attribute, Attribute]:
    """The counts of shows and the first variant of a rule, which the session carries; conditions can't name them."""
    return session(shows_attribute(rule), Type.INT), session(sticky_attribute(rule), Type.STRING)


def _is_query(name: str) -> bool:
    return name.startswith(QUERY) and "." not in name.removeprefix(QUERY)


def _refused(name: str) -> tuple[str, str]:
    """Why an attribute can't have this name, and what is expected; empty when it can."""
    first, *others = name.split(".")
    if name in PROVIDED:
        return f"{name!r} is provided by the edge", "nothing; or under provided, to narrow it"
    if name == SEGMENTS:
        return "'segments' is what conditions ask segments by", "another name"
    if first in FAMILIES:
        expected = "under provided: `query.NAME: {}`" if first == "query" else "another name"
        return f"names that begin with `{first}.` are the edge's", expected
    if first in RESERVED or KEYWORDS.intersection(others):
        return f"{name!r} is a reserved word of CEL", "another name"
    return "", ""
