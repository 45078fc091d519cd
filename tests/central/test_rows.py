"""Rows keep what visitors files say under other ids, and streams of them are cut at the same keys."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import hypothesis.strategies as st
import pyarrow as pa
from hypothesis import given

from central.segments.chain import Chain
from central.segments.rows import UNIT_KEY, Renumbering, aligned, rows_schema
from central.segments.visitors import PSEUDONYM, SEGMENTS
from rulecore.model import Type
from tests.central.sites import KEYS as SITE_KEYS
from tests.central.sites import write_site

SCHEMA = rows_schema({})


@given(
    st.permutations(range(6)),
    st.lists(st.sets(st.integers(0, 5)).map(sorted)),
    st.integers(0, 3),
)
def test_sets_mean_the_same_under_new_ids_and_are_ascending(order: list[int], sets: list[list[int]], cut: int) -> None:
    names = list("abcdef")
    id_of = {name: order[i] for i, name in enumerate(names)}
    kind = SCHEMA.field(SEGMENTS).type
    renumbered = Renumbering(names, id_of).apply(pa.array(sets, kind)[cut:])
    assert renumbered.type == kind
    assert renumbered.to_pylist() == [sorted(order[i] for i in members) for members in sets[cut:]]


def stream(keys: list[int], cuts: list[int]) -> list[pa.RecordBatch]:
    values = [pa.array(keys, pa.uint64()), [bytes(16)] * len(keys), [[]] * len(keys)]
    arrays = [pa.array(column, field.type) for column, field in zip(values, SCHEMA, strict=True)]
    rows = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
    bounds = [0, *sorted(cut % (len(keys) + 1) for cut in cuts), len(keys)]
    return [rows.slice(start, end - start) for start, end in pairwise(bounds)]


KEYS = st.sets(st.integers(0, 30) | st.integers(2**64 - 3, 2**64 - 1)).map(sorted)
CUTS = st.lists(st.integers(0, 40), max_size=4)


@given(KEYS, CUTS, KEYS, CUTS)
def test_streams_are_cut_at_the_same_keys(a: list[int], a_cuts: list[int], b: list[int], b_cuts: list[int]) -> None:
    steps = [
        [batch.column(UNIT_KEY).to_pylist() for batch in step]
        for step in aligned(SCHEMA, stream(a, a_cuts), stream(b, b_cuts))
    ]
    assert [key for first, _ in steps for key in first] == a
    assert [key for _, second in steps for key in second] == b
    together = [sorted(first + second) for first, second in steps]
    assert all(before[-1] < after[0] for before, after in pairwise(together))


def test_a_row_begins_with_its_key() -> None:
    assert SCHEMA.names == [UNIT_KEY, PSEUDONYM, SEGMENTS]


def test_a_column_may_be_called_anything_that_the_key_could_be(tmp_path: Path) -> None:
    path = write_site(tmp_path / "site", {"v": (["vip"], {"unit_key": 7})}, {"unit_key": Type.INT})
    [batch] = Chain(path).rows(SITE_KEYS, {"vip": 0})
    assert batch.column("unit_key").to_pylist() == [7]
