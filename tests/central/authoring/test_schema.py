"""The schema that editors check by is that of the structs: it takes what they take, and refuses what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from jsonschema import Draft202012Validator

from central.authoring import source
from central.authoring.decode import decode
from central.authoring.diagnostics import Problems
from central.authoring.json_values import json_value
from central.authoring.schema import DRAFT, KINDS, json_schema
from central.authoring.yaml_tree import read_tree

STOREFRONT: Final = Path(__file__).parents[3] / "rules" / "storefront"
PARTS: Final = sorted(
    path for path in STOREFRONT.glob("*.yaml") if path.name != "bundle.yaml" and ".test." not in path.name
)
FILES: Final = [
    ("bundle", STOREFRONT / "bundle.yaml"),
    *(("part", path) for path in PARTS),
    *(("tests", path) for path in sorted(STOREFRONT.glob("*.test.yaml"))),
]
RULE: Final = "bundle: shop\nplacements: {hero: {default: none, rules: [{id: a, serve: none, %s}]}}\n"
STRUCTS: Final = sorted(
    (
        one
        for one in vars(source).values()
        if isinstance(one, type) and issubclass(one, source.Located) and one is not source.Located
    ),
    key=lambda one: one.__name__,
)


def valid(kind: str, text: str) -> bool:
    """Whether the schema takes a file, typed as editors type it: plain numbers and truth values, all else text."""
    root = read_tree("a.yaml", text.encode(), Problems())
    assert root is not None
    return bool(Draft202012Validator(json_schema(kind)).is_valid(json_value(root)))


def decoded(kind: str, text: str) -> bool:
    problems = Problems()
    root = read_tree("a.yaml", text.encode(), problems)
    assert root is not None
    into, _ = KINDS[kind]
    return decode(root, into, problems) is not None and not problems.error_count


def definitions() -> dict[str, dict[str, Any]]:
    return {name: one for kind in KINDS for name, one in json_schema(kind)["$defs"].items()}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_valid_schema_of_draft_2020_12(kind: str) -> None:
    schema = json_schema(kind)
    assert schema["$schema"] == DRAFT
    assert schema["title"]
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("kind", KINDS)
def test_every_reference_in_it_leads_somewhere(kind: str) -> None:
    schema = json_schema(kind)
    assert {one.removeprefix("#/$defs/") for one in _references(schema)} <= schema["$defs"].keys()


def test_every_thing_and_every_field_is_described() -> None:
    for name, definition in definitions().items():
        assert definition["description"].endswith("."), name
        for field, schema in definition["properties"].items():
            assert schema.get("description", "").endswith("."), f"{name}.{field}"


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_it_names_the_fields_of_the_structs_and_requires_the_same(struct: type[source.Located]) -> None:
    fields = msgspec.structs.fields(struct)
    definition = definitions()[struct.__name__]
    assert list(definition["properties"]) == [field.encode_name for field in fields]
    assert definition["required"] == [field.encode_name for field in fields if field.required]
    assert definition["additionalProperties"] is False


def test_every_pattern_means_the_same_to_editors() -> None:
    """ECMAScript's patterns have no \\A and \\Z, and no inline flags."""
    patterns = set(_values(definitions(), "pattern"))
    assert patterns
    assert all(one.startswith("^") and one.endswith("$") and "\\Z" not in one and "(?" not in one for one in patterns)


@pytest.mark.parametrize(("kind", "path"), FILES, ids=lambda value: getattr(value, "name", value))
def test_it_takes_the_files_of_the_storefront(kind: str, path: Path) -> None:
    text = path.read_text("utf-8")
    assert valid(kind, text)
    assert decoded(kind, text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("bundle", "timezone: UTC\n"),
        ("bundle", "bundle: Shop\n"),
        ("bundle", "bundle: [shop]\n"),
        ("bundle", "bundle: shop\nplacement: {}\n"),
        ("bundle", "bundle: shop\nattributes: {age: {type: integer}}\n"),
        ("bundle", "bundle: shop\nattributes: {age: {type: int, from: form age}}\n"),
        ("bundle", "bundle: shop\nattributes: {Age: {type: int}}\n"),
        ("bundle", "bundle: shop\nholdouts: {all: {salt: s}}\n"),
        ("bundle", "bundle: shop\nplacements: {hero: {}}\n"),
        ("bundle", RULE % "enabled: maybe"),
        ("bundle", RULE % "enabled: 'true'"),
        ("bundle", RULE % "percent: 101"),
        ("bundle", RULE % "percent: '10'"),
        ("bundle", RULE % "cap: 3"),
        ("bundle", RULE % "cap: {shows: 0, per: day}"),
        ("bundle", RULE % "cap: {shows: 1, per: week}"),
        ("bundle", RULE % "starts: tomorrow"),
        ("bundle", RULE % "when: {a: b}"),
        ("bundle", RULE % "when: []"),
        ("bundle", RULE % "purpose: Marketing"),
        ("bundle", RULE % "purpose: [Marketing]"),
        ("bundle", RULE % "salt: ''"),
        ("bundle", RULE % "sticky: session"),
        ("bundle", RULE % "split: [a, b]"),
        ("bundle", RULE % "split: {a: -1}"),
        ("bundle", RULE % "split: {a: 1.5}"),
        ("bundle", RULE % "experiment: winter"),
        ("bundle", RULE % "experiment: {id: e, layer: l, range: [0]}"),
        ("bundle", RULE % "experiment: {id: e, layer: l, range: [0, 101]}"),
        ("bundle", "bundle: shop\nplacements: {hero: {default: none, variants: {a: {block: ''}}}}\n"),
        ("part", "bundle: shop\n"),
        ("part", "attributes: {}\n"),
        ("tests", "tests: []\n"),
        ("tests", "- {name: a}\n"),
        ("tests", "- {name: '', expect: {hero: none}}\n"),
        ("tests", "- {name: a, expect: {}}\n"),
        ("tests", "- {name: a, expect: {hero: {reason: DEFAULT}}}\n"),
        ("tests", "- {name: a, expect: {hero: {variant: a, reason: ERROR}}}\n"),
    ],
)
def test_what_is_wrong_for_the_structs_is_wrong_for_the_schema(kind: str, text: str) -> None:
    assert not decoded(kind, text)
    assert not valid(kind, text)


@pytest.mark.parametrize("name", ["shop\\n", "\\nshop", "shop shop"])
def test_a_name_is_the_whole_text(name: str) -> None:
    assert not decoded("bundle", f'bundle: "{name}"\n')


@pytest.mark.parametrize(
    "fields",
    [
        "percent: 0", "percent: 12.345", "when: bot", "when: [bot, bot]", "purpose: none", "purpose: [a, b]",
        "starts: 2026-11-20", "ends: '2026-11-20T18:00'", "starts: 2026-11-20T18:00:00.123456+01:00", "enabled: false",
        "cap: {shows: 3, per: day}", "experiment: {id: e, layer: l, range: [0, 12.5]}", "split: {a: 0, b: 1}",
        "unit: account.id", "sticky: cookie", "description: yes",
    ],
)  # fmt: skip
def test_what_is_right_for_the_structs_is_right_for_the_schema(fields: str) -> None:
    assert decoded("bundle", RULE % fields)
    assert valid("bundle", RULE % fields)


def _references(schema: object) -> Iterator[str]:
    return (one for one in _values(schema, "$ref") if isinstance(one, str))


def _values(schema: object, key: str) -> Iterator[Any]:
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name == key and isinstance(value, str):
                yield value
            else:
                yield from _values(value, key)
    elif isinstance(schema, list):
        for item in schema:
            yield from _values(item, key)
