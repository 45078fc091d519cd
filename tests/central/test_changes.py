"""Rows differ when a value does; a null equals a null, a NaN a NaN, and lists are compared by content."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from central.segments.changes import Changes, compared, laid_upon
from central.segments.rows import UNIT_KEY, rows_schema
from rulecore.model import Type

FIELDS = {"b": pa.bool_(), "i": pa.int64(), "d": pa.float64(), "s": pa.string(), "l": pa.list_(pa.string())}
SCHEMA = pa.schema([*rows_schema({}), *(pa.field(name, kind) for name, kind in FIELDS.items())])


def rows(*of: tuple[int, list[int], dict[str, object]]) -> pa.RecordBatch:
    found = [{UNIT_KEY: key, "pseudonym": bytes(16), "segments": segments, **values} for key, segments, values in of]
    return pa.RecordBatch.from_pylist(found, SCHEMA)


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("b", False, None),
        ("i", 0, None),
        ("i", -1, 1),
        ("d", math.nan, 0.0),
        ("d", math.nan, None),
        ("s", "", None),
        ("s", "a", "b"),
        ("l", [], None),
        ("l", ["a", "b"], ["b", "a"]),
        ("l", ["ab"], ["a", "b"]),
    ],
)
def test_values_that_are_not_the_same_differ(name: str, first: object, second: object) -> None:
    for before, after in (first, second), (second, first):
        old, new = rows((1, [], {name: before})), rows((1, [], {name: after}))
        changes, added = compared(old, new)
        assert (changes.rows.column(UNIT_KEY).to_pylist(), len(changes.gone), added) == ([1], 0, 0)
        assert len(compared(old, old)[0]) == 0


def test_sets_differ_by_size_and_by_content() -> None:
    old = rows((1, [1, 2], {}), (2, [1, 2], {}), (3, [], {}), (4, [7], {}), (5, [], {}))
    new = rows((1, [1, 2], {}), (2, [1, 3], {}), (3, [1], {}), (4, [], {}), (6, [], {}))
    changes, added = compared(old, new)
    assert changes.rows.column(UNIT_KEY).to_pylist() == [2, 3, 4, 6]
    assert changes.gone.to_pylist() == [5]
    assert changes.keys.to_pylist() == [2, 3, 4, 5, 6]
    assert added == 1


def test_the_newest_of_a_key_counts() -> None:
    older = Changes(rows((1, [1], {}), (2, [1], {})), pa.array([3], pa.uint64()))
    newer = Changes(rows((2, [2], {}), (3, [2], {})), pa.array([1], pa.uint64()))
    schema_columns: dict[str, Type] = {}
    plain = [Changes(part.rows.select([0, 1, 2]), part.gone) for part in (older, newer)]
    folded = Changes.folded(schema_columns, plain)
    assert folded.rows.select([UNIT_KEY, "segments"]).to_pylist() == [
        {UNIT_KEY: 2, "segments": [2]},
        {UNIT_KEY: 3, "segments": [2]},
    ]
    assert folded.gone.to_pylist() == [1]
    base = plain[0].rows
    laid = [key for batch in laid_upon([base], folded) for key in batch.column(UNIT_KEY).to_pylist()]
    assert laid == [2, 3]
