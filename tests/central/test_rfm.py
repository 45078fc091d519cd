"""Segments from purchases, held against a plain computation over the same log, row by row."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from central import segments_cli
from central.segments import InputError
from central.segments.rfm import SEGMENTS, write_segments

PURCHASES = Path(__file__).parents[2] / "rules" / "storefront" / "purchases.parquet"


def expected(log: pa.Table) -> tuple[set[tuple[str, str]], dict[str, tuple[str, int]]]:
    """Members and columns as anybody would compute them by hand."""
    bought = defaultdict(list)
    for row in log.to_pylist():
        bought[row["customer_id"]].append(row)
    last_day = max(row["date"] for row in log.to_pylist())
    members = set()
    columns = {}
    for visitor, rows in bought.items():
        days = (last_day - max(row["date"] for row in rows)).days
        orders = len(rows)
        items = sum(row["quantity"] for row in rows)
        money = sum((row["amount"] for row in rows), Decimal(0))
        belongs = {
            "champions": orders > 4 and days < 91,
            "high_value": money >= Decimal("300.00"),
            "repeat_buyers": orders > 1,
            "one_time_buyers": orders == 1,
            "lapsing": orders > 1 and 180 < days < 366,
            "lapsed": days >= 366,
            "bargain_hunters": money / items < 11,
            "luxury_purchasers": money / orders >= 75,
        }
        assert set(belongs) == set(SEGMENTS)
        members |= {(visitor, segment) for segment, belongs_to_it in belongs.items() if belongs_to_it}
        columns[visitor] = ("gold" if money >= 500 else "silver" if money >= 100 else "bronze", orders)
    return members, columns


def log_of(*rows: tuple[str | None, dt.date, int, str]) -> pa.Table:
    names = ("customer_id", "date", "quantity", "amount")
    return pa.table({name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)})


def test_the_real_log_gives_what_a_plain_computation_gives(tmp_path: Path) -> None:
    summary = write_segments(PURCHASES, tmp_path / "members.parquet", tmp_path / "columns.parquet")
    members, columns = expected(pq.read_table(PURCHASES))
    written = pq.read_table(tmp_path / "members.parquet")
    rows = list(zip(written["visitor_id"].to_pylist(), written["segment"].to_pylist(), strict=True))
    assert rows == sorted(members)
    assert {row["visitor_id"]: (row["tier"], row["orders"]) for row in _rows(tmp_path / "columns.parquet")} == columns
    assert summary.as_of == dt.date(1998, 6, 30)
    assert summary.customers == 23_570
    assert summary.segments == {name: sum(segment == name for _, segment in members) for name in SEGMENTS}
    assert all(summary.segments.values())


def test_the_same_log_gives_the_same_bytes(tmp_path: Path) -> None:
    for run in ("one", "two"):
        write_segments(PURCHASES, tmp_path / f"members-{run}", tmp_path / f"columns-{run}")
    for name in ("members", "columns"):
        assert (tmp_path / f"{name}-one").read_bytes() == (tmp_path / f"{name}-two").read_bytes()


def test_sums_do_not_round_at_a_threshold(tmp_path: Path) -> None:
    day = dt.date(2026, 1, 1)
    rows = [("exact", day, 1, "0.10")] * 3_000 + [("short", day, 1, "0.10")] * 2_999 + [("short", day, 1, "0.09")]
    pq.write_table(
        pa.table(
            {
                "customer_id": [row[0] for row in rows],
                "date": [row[1] for row in rows],
                "quantity": [row[2] for row in rows],
                "amount": [float(row[3]) for row in rows],
            }
        ),
        tmp_path / "log.parquet",
    )
    write_segments(tmp_path / "log.parquet", tmp_path / "members.parquet")
    assert [row["visitor_id"] for row in _rows(tmp_path / "members.parquet") if row["segment"] == "high_value"] == [
        "exact"
    ]


def test_purchases_without_a_customer_are_nobodys(tmp_path: Path) -> None:
    day = dt.date(2026, 1, 1)
    log = log_of((None, day, 1, "900"), (None, day, 1, "900"), ("v1", day, 1, "20"))
    pq.write_table(log, tmp_path / "log.parquet")
    assert write_segments(tmp_path / "log.parquet", tmp_path / "members.parquet").customers == 1
    assert _rows(tmp_path / "members.parquet") == [{"visitor_id": "v1", "segment": "one_time_buyers"}]


def test_a_file_that_is_no_purchase_log_says_what_is_missing(tmp_path: Path) -> None:
    pq.write_table(pa.table({"customer_id": ["v1"], "when": ["today"]}), tmp_path / "log.parquet")
    with pytest.raises(InputError, match="has no date, quantity, amount; its columns are"):
        write_segments(tmp_path / "log.parquet", tmp_path / "members.parquet")
    assert not (tmp_path / "members.parquet").exists()


def test_days_that_depend_on_a_time_zone_are_refused(tmp_path: Path) -> None:
    log = pq.read_table(PURCHASES).slice(0, 10)
    pq.write_table(
        log.set_column(1, "date", log["date"].cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="America/New_York"))),
        tmp_path / "log.parquet",
    )
    with pytest.raises(InputError, match="column date: is TIMESTAMP WITH TIME ZONE; it must be DATE or TIMESTAMP"):
        write_segments(tmp_path / "log.parquet", tmp_path / "members.parquet")


def test_an_empty_log_is_refused(tmp_path: Path) -> None:
    pq.write_table(pq.read_table(PURCHASES).slice(0, 0), tmp_path / "log.parquet")
    with pytest.raises(InputError, match="has no purchases"):
        write_segments(tmp_path / "log.parquet", tmp_path / "members.parquet")


def test_the_command_writes_both_files_and_tells_the_size_of_each_segment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members, columns = tmp_path / "members.parquet", tmp_path / "columns.parquet"
    assert _run("segments", "rfm", str(PURCHASES), "-o", str(members), "--columns", str(columns)) == 0
    assert members.exists()
    assert columns.exists()
    assert capsys.readouterr().out.splitlines() == [
        "23,570 customers as of 1998-06-30",
        "  champions              2,174",
        "  high_value             1,747",
        "  repeat_buyers         11,662",
        "  one_time_buyers       11,908",
        "  lapsing                2,976",
        "  lapsed                15,220",
        "  bargain_hunters        2,276",
        "  luxury_purchasers      1,418",
    ]


def test_the_command_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("segments", "rfm", str(PURCHASES), "-o", str(tmp_path / "members.parquet"), "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["as_of"] == "1998-06-30"
    assert summary["customers"] == 23_570
    assert list(summary["segments"]) == list(SEGMENTS)


def test_the_command_fails_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("segments", "rfm", str(tmp_path / "nothing.parquet"), "-o", str(tmp_path / "members.parquet")) == 1
    assert "nothing.parquet" in capsys.readouterr().err


def _rows(path: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pq.read_table(path).to_pylist()
    return rows


def _run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    segments_cli.add_commands(parser.add_subparsers())
    arguments = parser.parse_args(words)
    code = arguments.run(arguments)
    assert isinstance(code, int)
    return code
