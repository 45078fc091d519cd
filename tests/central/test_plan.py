"""What a plan says of a build is what the build then takes, within the bounds that a sample allows."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from central.segments import InputError, build_snapshot, plan_snapshot
from central.segments.spool import Spool
from central.segments.visitors import visitors_path
from rulecore.keys import MembershipKeys

KEYS = MembershipKeys(bytes(range(16)), {1: bytes(range(16, 32))})


def some_files(folder: Path, visitors: int, *, lists: bool) -> tuple[Path, Path]:
    """Most visitors have one of some popular sets, others one of their own."""
    numbers = random.Random(11)
    sets = [[f"s{i}" for i in numbers.sample(range(60), numbers.randint(1, 9))] for _ in range(visitors // 20)]
    of = [
        sets[int(len(sets) * numbers.random() ** 3)]
        if numbers.random() < 0.8
        else [f"s{i}" for i in numbers.sample(range(60), 7)]
        for _ in range(visitors)
    ]
    ids = [f"visitor-{i}" for i in range(visitors)]
    if lists:
        members = pa.table({"visitor_id": ids, "segments": of})
    else:
        pairs = [(visitor, name) for visitor, names in zip(ids, of, strict=True) for name in names]
        numbers.shuffle(pairs)
        members = pa.table({"visitor_id": [visitor for visitor, _ in pairs], "segment": [name for _, name in pairs]})
    pq.write_table(members, folder / "m.parquet")
    scores = pa.array(numbers.randrange(1_000) for _ in range(visitors // 2))
    pq.write_table(pa.table({"visitor_id": ids[::2], "score": scores}), folder / "c.parquet")
    return folder / "m.parquet", folder / "c.parquet"


@pytest.mark.parametrize("lists", [True, False])
def test_a_plan_from_a_sample_holds_when_the_snapshot_is_built(
    lists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members, columns = some_files(tmp_path, 40_000, lists=lists)
    out = tmp_path / "out"
    monkeypatch.setattr("central.segments.plan.SAMPLE_ROWS", 15_000 if lists else 60_000)
    plan = plan_snapshot([members], [columns], KEYS, 1, out)
    assert {path.name for path in tmp_path.iterdir()} == {"m.parquet", "c.parquet"}

    disk_bytes = []
    remove = Spool.remove

    def removed(spool: Spool) -> None:
        disk_bytes.append(sum(path.stat().st_size for path in tmp_path.glob(".out-*/*")))
        remove(spool)

    monkeypatch.setattr(Spool, "remove", removed)
    stats = build_snapshot([members], [columns], KEYS, 1, out)
    assert (plan.member_rows, plan.column_rows) == (stats.member_rows, stats.column_rows)
    assert 9_000 < plan.sampled_visitors < 11_000
    assert plan.visitors == pytest.approx(stats.visitors, rel=0.05)
    assert plan.sets == pytest.approx(stats.sets, rel=0.25)
    assert plan.image_bytes == pytest.approx(stats.size_bytes, rel=0.15)
    visitors_file_bytes = visitors_path(out).stat().st_size
    assert plan.visitors_file_bytes == pytest.approx(visitors_file_bytes, rel=0.1)
    disk_bytes_max = max(disk_bytes) + visitors_file_bytes  # of so few visitors it is written last
    assert plan.disk_bytes == pytest.approx(disk_bytes_max, rel=0.15)
    assert plan.memory_bytes > plan.image_bytes
    assert plan.seconds > 0


def test_a_plan_of_few_visitors_is_what_is_built(tmp_path: Path) -> None:
    members, columns = some_files(tmp_path, 200, lists=True)
    plan = plan_snapshot([members], [columns], KEYS, 1, tmp_path / "out")
    stats = build_snapshot([members], [columns], KEYS, 1, tmp_path / "out")
    assert (plan.visitors, plan.sets) == (stats.visitors, stats.sets)
    assert plan.image_bytes == stats.size_bytes
    assert plan.sampled_visitors == 200


def test_one_visitor_in_more_rows_than_a_sample_has_can_be_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("central.segments.plan.SAMPLE_ROWS", 10)
    pq.write_table(pa.table({"visitor_id": ["a"] * 500, "segment": ["x"] * 500}), tmp_path / "m.parquet")
    assert plan_snapshot([tmp_path / "m.parquet"], [], KEYS, 1, tmp_path / "out").visitors in {0, 64}


def test_a_visitors_file_can_be_planned_from(tmp_path: Path) -> None:
    members, columns = some_files(tmp_path, 300, lists=True)
    built = build_snapshot([members], [columns], KEYS, 1, tmp_path / "out")
    plan = plan_snapshot([tmp_path / "out.visitors"], [], KEYS, 1, tmp_path / "again")
    assert (plan.visitors, plan.image_bytes) == (300, built.size_bytes)


def test_a_plan_says_what_is_wrong_with_the_input(tmp_path: Path) -> None:
    pq.write_table(pa.table({"visitor_id": ["a", None], "segment": ["x", "x"]}), tmp_path / "m.parquet")
    with pytest.raises(InputError, match="row 2: null in place of a visitor id"):
        plan_snapshot([tmp_path / "m.parquet"], [], KEYS, 1, tmp_path / "out")
    with pytest.raises(KeyError, match="no membership key of epoch 9"):
        plan_snapshot([tmp_path / "m.parquet"], [], KEYS, 9, tmp_path / "out")
