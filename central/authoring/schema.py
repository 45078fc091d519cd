"""The JSON Schemas of the source's files, made from the very structs that read them (`source.py`)."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from central.authoring import source

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

KINDS: Final[dict[str, tuple[Any, str]]] = {
    "bundle": (source.Bundle, "bundle.yaml of an Edgewise bundle"),
    "part": (source.Part, "a further file of an Edgewise bundle: placements and segments"),
    "tests": (source.Tests, "tests of an Edgewise bundle"),
}
"""The kinds of files, each with its type and title."""


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of a kind of file, JSON Schema draft 2020-12."""
    into, title = KINDS[kind]
    schema = msgspec.json.schema(into)
    return {"$schema": DRAFT, "title": title, **schema}
