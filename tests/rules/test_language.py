"""The language reference tells the truth: its conditions compile, its tables are what the code holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from central.authoring.conditions import compile_condition
from central.authoring.diagnostics import Position, Problems, TextOrigin
from central.authoring.load import load_bundle
from central.authoring.provided import PROVIDED
from central.authoring.schema import json_schema
from central.authoring.scope import RESERVED, Known, Scope
from central.authoring.signatures import reference
from rulecore.limits import LIMITS
from rulecore.model import Type

DOCUMENT = Path(__file__).parents[2].joinpath("rules", "LANGUAGE.md").read_text("utf-8")
CONDITIONS = [
    line
    for block in re.findall(r"^```cel\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
ATTRIBUTES = {
    "age": Type.INT,
    "app_version": Type.STRING,
    "cart.items": Type.INT,
    "cart.updated": Type.TIMESTAMP,
    "city": Type.STRING,
    "country": Type.STRING,
    "device": Type.STRING,
    "interests": Type.LIST_STRING,
    "ip": Type.STRING,
    "loyalty_tier": Type.STRING,
    "now": Type.TIMESTAMP,
    "order_sizes": Type.LIST_INT,
    "orders": Type.INT,
    "query.color": Type.STRING,
    "score": Type.DOUBLE,
    "session.page_views": Type.INT,
    "session.seconds": Type.INT,
    "timezone": Type.STRING,
    "url.path": Type.STRING,
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_each_example_compiles(condition: str) -> None:
    problems = Problems()
    scope = Scope({name: Known(kind) for name, kind in ATTRIBUTES.items()}, frozenset(), problems)
    expr = compile_condition(condition, scope, TextOrigin(condition, Position("LANGUAGE.md", 1, 1)))
    assert expr is not None, problems.render()


def test_there_are_examples() -> None:
    assert len(CONDITIONS) > 20


def test_the_table_of_functions_is_the_one_that_the_checker_goes_by() -> None:
    (table,) = re.findall(r"<!-- signatures -->\n(.*?)<!-- /signatures -->", DOCUMENT, re.DOTALL)
    assert table == reference()


def test_every_reserved_word_is_named() -> None:
    (words,) = re.findall(r"CEL's words\n`(.*?)` are never names", DOCUMENT, re.DOTALL)
    assert set(words.split()) == RESERVED


def test_the_limits_are_those_in_force() -> None:
    said = (
        f"nests at most {LIMITS.expression_depth_max} deep, has at most {LIMITS.formula_nodes_per_rule_max:,} terms, "
        f"{LIMITS.list_items_max:,} items in a list and {LIMITS.string_bytes_max >> 10} KiB in a string"
    )
    assert said in " ".join(DOCUMENT.split())
    assert f"at most {LIMITS.pattern_chars_max:,} characters" in DOCUMENT
    assert f"{('no', 'one', 'two')[LIMITS.expression_loops_max]} deep" in DOCUMENT


def test_every_type_of_attributes_is_explained() -> None:
    rows = re.findall(r"^\| (`.*?) \|", DOCUMENT, re.MULTILINE)
    assert all(any(f"`{kind}`" in row for row in rows) for kind in Type if kind is not Type.SEMVER)


def test_the_attributes_that_the_edge_provides_are_listed_with_their_types() -> None:
    (table,) = re.findall(r"^The edge provides:\n\n(.*?)\n\n", DOCUMENT, re.MULTILINE | re.DOTALL)
    listed = {}
    for row in table.splitlines()[2:]:
        _, names, kind, *_ = row.split("|")
        listed.update(dict.fromkeys(re.findall(r"`(.*?)`", names), kind.strip()))
    assert listed == {"query.NAME": "string", **{name: str(one.type) for name, one in PROVIDED.items()}}


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_in_yaml_is_part_of_a_bundle(example: str, tmp_path: Path) -> None:
    (tmp_path / "bundle.yaml").write_text(f"bundle: shop\n{example}", "utf-8")
    assert load_bundle(tmp_path).problems.render() == ""


def test_the_fields_of_a_rule_are_those_that_the_schema_knows() -> None:
    (table,) = re.findall(r"^\| field \| means \|\n\| --- \| --- \|\n(.*?)\n\n", DOCUMENT, re.MULTILINE | re.DOTALL)
    fields = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(fields) == sorted(json_schema("bundle")["$defs"]["Rule"]["properties"])
