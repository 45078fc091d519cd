"""A chain of deltas answers what the newest snapshot does, however it is cut, compacted or read."""

from __future__ import annotations

import io
import math
import stat
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from central.segments import diff as diffing
from central.segments.chain import Chain
from central.segments.diff import DiffStats, compact, diff
from central.segments.errors import InputError
from central.segments.progress import Progress
from central.segments.visitors import visitors_path
from rulecore._delta_table import DeltaTable
from rulecore.errors import LimitError, LinkError
from rulecore.keys import MembershipKeys
from rulecore.limits import Limits
from rulecore.model import Scalar, Type
from tests.central.sites import KEYS, Visitor, write_site

COLUMNS: Final = {"gold": Type.BOOL, "orders": Type.INT, "score": Type.DOUBLE, "tier": Type.STRING}
ANCHOR: Final[Visitor] = ({"a", "c"}, {"gold": True, "orders": 1, "score": 0.5, "tier": "none"})
"""A visitor who keeps each column from being empty."""

VALUES = {
    "gold": st.booleans(),
    "orders": st.integers(-(2**63), 2**63 - 1),
    "score": st.sampled_from([0.0, 0.25, math.inf, math.nan]),
    "tier": st.sampled_from(["", "gold", "silver\0", "é", "\U0001f600"]),
}
VISITORS = st.tuples(st.sets(st.sampled_from("abcdefg")), st.fixed_dictionaries({}, optional=VALUES))
STATES = st.dictionaries(st.sampled_from([f"v{i}" for i in range(12)]), VISITORS)


def make_delta(old: Path, new: Path, out: Path, after: Sequence[Path] = (), keys: MembershipKeys = KEYS) -> DiffStats:
    return diff(Chain(old, after), Chain(new), keys, out, Progress(io.StringIO()))


def answers(base: Mapping[str, Visitor], chain: Chain, visitors: Sequence[str]) -> dict[str, object]:
    """What a lookup gives: the deltas' entry, or else the base's."""
    image = chain.base
    table = DeltaTable(chain.deltas, image.checksum, image.epoch, image.segments, image.columns)
    found: dict[str, object] = {}
    for visitor in visitors:
        key = KEYS.unit_key(visitor, image.epoch)
        try:
            segments = table.lookup(key)
            if segments is not None:
                found[visitor] = (set(segments), plain(table.values(key)))
        except KeyError:
            if visitor in base:
                found[visitor] = (base[visitor][0], plain(base[visitor][1]))
    return found


def plain(values: Mapping[str, Scalar]) -> dict[str, object]:
    return {name: "NaN" if value != value else value for name, value in values.items()}  # noqa: PLR0124


def expected(state: Mapping[str, Visitor]) -> dict[str, object]:
    return {visitor: (segments, plain(values)) for visitor, (segments, values) in state.items()}


CHAINS = st.lists(STATES, min_size=2, max_size=4)


@settings(max_examples=12)
@given(CHAINS)
def test_a_chain_answers_as_the_newest_snapshot(
    tmp_path_factory: pytest.TempPathFactory, states: list[dict[str, Visitor]]
) -> None:
    hold_to_the_newest(tmp_path_factory.mktemp("chain"), states)


@pytest.mark.soak
@settings(max_examples=500)
@given(CHAINS)
def test_many_chains_answer_as_the_newest_snapshot(
    tmp_path_factory: pytest.TempPathFactory, states: list[dict[str, Visitor]]
) -> None:
    hold_to_the_newest(tmp_path_factory.mktemp("chain"), states)


def hold_to_the_newest(folder: Path, states: list[dict[str, Visitor]]) -> None:
    states = [{**state, "anchor": ANCHOR} for state in states]
    names = [f"v{i}" for i in range(12)] + ["anchor"]
    sites = [write_site(folder / f"{i}.snapshot", state, COLUMNS) for i, state in enumerate(states)]
    deltas: list[Path] = []
    for i, (before, state) in enumerate(pairwise(states), 1):
        out = folder / f"{i}.delta"
        stats = make_delta(sites[0], sites[i], out, deltas)
        assert stats.delta.version == i
        assert stats.delta.tombstones == len(before.keys() - state.keys())
        assert stats.added == len(state.keys() - before.keys())
        known = before.keys() & state.keys()
        same = {visitor for visitor in known if expected(before)[visitor] == expected(state)[visitor]}
        assert stats.delta.entries == len(before.keys() | state.keys()) - len(same)
        deltas.append(out)
        assert answers(states[0], Chain(sites[0], deltas), names) == expected(state)

    compact(deltas, folder / "one.delta")
    one = Chain(sites[0], [folder / "one.delta"])
    assert answers(states[0], one, names) == expected(states[-1])
    assert make_delta(sites[0], sites[-1], folder / "nothing", [folder / "one.delta"]).delta.entries == 0
    for chain in Chain(sites[0], deltas), one:
        ids = {name: i for i, name in enumerate(chain.segments)}
        rows = [row for batch in chain.rows(KEYS, ids) for row in batch.to_pylist()]
        read = {
            row["pseudonym"]: (
                {chain.segments[i] for i in row["segments"]},
                plain({name: row[name] for name in COLUMNS if row[name] is not None}),
            )
            for row in rows
        }
        assert read == {KEYS.pseudonym(visitor): found for visitor, found in expected(states[-1]).items()}


@pytest.fixture
def sites(tmp_path: Path) -> tuple[Path, Path]:
    """An old and a new snapshot: v2 and the segment `b` gone, v1 changed, v3 and the segment `late` new."""
    old: dict[str, Visitor] = {"v0": ({"a"}, {}), "v1": ({"a", "b"}, {}), "v2": ({"b"}, {})}
    new: dict[str, Visitor] = {"v0": ({"a"}, {}), "v1": ({"a", "late"}, {}), "v3": ({"a"}, {})}
    return write_site(tmp_path / "old", old), write_site(tmp_path / "new", new)


def test_a_delta_says_what_it_holds_and_names_that_stay(sites: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "delta"
    stats = make_delta(*sites, out)
    assert (stats.delta.entries, stats.delta.tombstones, stats.added) == (3, 1, 1)
    assert (stats.delta.segments, stats.kept_segments) == (["late"], ["b"])
    assert stats.delta.size_bytes == out.stat().st_size
    assert stat.S_IMODE(visitors_path(out).stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "delta", "delta.visitors", "new", "new.visitors", "old", "old.visitors"
    ]  # fmt: skip


def test_the_same_snapshots_give_the_same_bytes(sites: tuple[Path, Path], tmp_path: Path) -> None:
    for name in "first", "second":
        make_delta(*sites, tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    assert (tmp_path / "first.visitors").read_bytes() == (tmp_path / "second.visitors").read_bytes()


def test_unlike_snapshots_are_refused(sites: tuple[Path, Path], tmp_path: Path) -> None:
    other_epoch = write_site(tmp_path / "epoch", {"v0": ({"a"}, {})}, epoch=2)
    with pytest.raises(LinkError, match=r"is of epoch 1, .*/epoch of epoch 2: publish the new snapshot itself"):
        make_delta(sites[0], other_epoch, tmp_path / "delta")
    other_columns = write_site(tmp_path / "columns", {"v0": ({"a"}, {"tier": "x"})}, {"tier": Type.STRING})
    with pytest.raises(LinkError, match=r"has the columns none, .*/columns has tier \(string\)"):
        make_delta(sites[0], other_columns, tmp_path / "delta")
    assert not (tmp_path / "delta").exists()


def test_keys_other_than_the_snapshots_are_refused(tmp_path: Path) -> None:
    site = write_site(tmp_path / "many", {f"v{i}": ({"a"}, {}) for i in range(20)})
    with pytest.raises(InputError, match="not in order of unit key: the key of epoch 1 is not the one"):
        make_delta(site, site, tmp_path / "delta", keys=MembershipKeys(bytes(16), {1: bytes(16)}))


def test_a_visitors_file_of_another_snapshot_is_refused(sites: tuple[Path, Path], tmp_path: Path) -> None:
    visitors_path(sites[0]).replace(visitors_path(sites[1]))
    with pytest.raises(FileNotFoundError, match=r"old\.visitors"):
        make_delta(*sites, tmp_path / "delta")
    with pytest.raises(InputError, match=r"new\.visitors: belongs to an image with checksum [0-9a-f]{16}"):
        make_delta(sites[1], sites[1], tmp_path / "delta")


def test_deltas_out_of_order_are_refused(sites: tuple[Path, Path], tmp_path: Path) -> None:
    make_delta(*sites, tmp_path / "1")
    make_delta(*sites, tmp_path / "2", [tmp_path / "1"])
    with pytest.raises(LinkError):
        Chain(sites[0], [tmp_path / "2", tmp_path / "1"])
    with pytest.raises(LinkError):
        Chain(sites[1], [tmp_path / "1"])
    with pytest.raises(LinkError):
        compact([tmp_path / "2", tmp_path / "1"], tmp_path / "one")


def test_too_many_changes_or_deltas_ask_for_a_new_base(
    sites: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_delta(*sites, tmp_path / "1")
    monkeypatch.setattr(diffing, "LIMITS", Limits(delta_entries_max=2))
    with pytest.raises(LimitError, match=r"more than 2 visitors differ, which .* publish the new snapshot itself"):
        make_delta(*sites, tmp_path / "delta")
    monkeypatch.setattr(diffing, "LIMITS", Limits(delta_entries_max=4))
    back = write_site(tmp_path / "back", {"v0": ({"a"}, {})})
    with pytest.raises(LimitError, match="more than 4 visitors differ, with the 3 entries of the deltas before"):
        make_delta(sites[0], back, tmp_path / "delta", [tmp_path / "1"])
    monkeypatch.setattr(diffing, "LIMITS", Limits(deltas_max=1))
    with pytest.raises(LimitError, match=r"1 deltas lie on .*/old, and at most 1 may: make them one"):
        make_delta(*sites, tmp_path / "delta", [tmp_path / "1"])
    monkeypatch.setattr(diffing, "LIMITS", Limits(segments_max=2))
    with pytest.raises(LimitError, match="there would be 3 segments, and at most 2 are allowed: publish"):
        make_delta(*sites, tmp_path / "delta")


def test_deltas_without_visitors_files_are_compacted_without(sites: tuple[Path, Path], tmp_path: Path) -> None:
    make_delta(*sites, tmp_path / "1")
    make_delta(sites[0], sites[0], tmp_path / "2", [tmp_path / "1"])
    visitors_path(tmp_path / "1").unlink()
    stats = compact([tmp_path / "1", tmp_path / "2"], tmp_path / "one")
    assert (stats.first_version, stats.version) == (1, 2)
    assert not visitors_path(tmp_path / "one").exists()
