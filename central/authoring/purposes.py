"""What a visitor must consent to before something is used: the `purpose` fields, and their defaults."""

from __future__ import annotations

from typing import Final

from msgspec import UnsetType

from central.authoring.diagnostics import Problems, nearest
from central.authoring.source import Located
from rulecore.model import PERSONALIZATION, STORAGE

NONE: Final = "none"
PERSONAL: Final = (PERSONALIZATION,)
_USUAL: Final = (PERSONALIZATION, STORAGE, "analytics")


def purposes_of(
    owner: Located, purpose: str | list[str] | UnsetType, default: tuple[str, ...], problems: Problems
) -> tuple[str, ...]:
    """The purposes, each once, in order of name; `default` when the author gave none."""
    if isinstance(purpose, UnsetType):
        return default
    names = [purpose] if isinstance(purpose, str) else purpose
    if names == [NONE]:
        return ()
    for i, name in enumerate(names):
        place = owner.at("purpose") if isinstance(purpose, str) else owner.at("purpose", i)
        if name == NONE:
            problems.error(place, "none stands beside other purposes", expected="none alone, or purposes")
        elif name not in _USUAL and (near := nearest(name, _USUAL)):
            problems.warning(place, f"the purpose {name!r} is unusual", nearest=near)
    return tuple(sorted(set(names)))
