"""`central snapshot overlap` tells the same in a table, JSON, CSV and a picture."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.central.commands import central
from tests.central.sites import write_site


@pytest.fixture
def site(tmp_path: Path) -> Path:
    visitors = {"v0": {"a", "b", "c"}, "v1": {"a", "b"}, "v2": {"a"}, "v3": {"d"}, "v4": set[str]()}
    return write_site(tmp_path / "site", {visitor: (segments, {}) for visitor, segments in visitors.items()})


def test_the_most_alike_come_first(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert central("snapshot", "overlap", site) == 0
    assert capsys.readouterr().out == (
        "SEGMENT  OTHER  VISITORS  OTHER'S  SHARED  OF EITHER  OF SMALLER\n"
        "a        b             3        2       2     66.67%     100.00%\n"
        "b        c             2        1       1     50.00%     100.00%\n"
        "a        c             3        1       1     33.33%     100.00%\n"
    )
    assert central("snapshot", "overlap", site, "--by", "smaller", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["visitors"] == 5
    assert printed["segments"] == {"a": 3, "b": 2, "c": 1, "d": 1}
    assert [(pair["segment"], pair["other"]) for pair in printed["pairs"]] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_twenty_pairs_are_printed_unless_all_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = write_site(tmp_path / "site", {"v": ([f"s{i}" for i in range(8)], {})})
    assert central("snapshot", "overlap", site) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 20
    assert central("snapshot", "overlap", site, "--all") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 28


def test_csv_and_picture_are_written(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, picture = tmp_path / "pairs.csv", tmp_path / "pairs.png"
    assert central("snapshot", "overlap", site, "--csv", table, "--png", picture) == 0
    capsys.readouterr()
    with table.open(newline="") as file:
        pairs = {(row["segment"], row["other"]): int(row["shared"]) for row in csv.DictReader(file)}
    assert len(pairs) == 6
    assert pairs["a", "b"] == 2
    assert pairs["a", "d"] == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_segments_can_be_chosen(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert central("snapshot", "overlap", site, "--segment", "d", "c") == 0
    assert capsys.readouterr().out == "none of the 2 segments share visitors\n"
    assert central("snapshot", "overlap", site, "--segment", "c", "nobody") == 1
    assert capsys.readouterr().err == f"central snapshot overlap: {site} has no segment nobody\n"
    assert central("snapshot", "overlap", site, "--segment", "c") == 1
    assert "there is no pair in 1 segment\n" in capsys.readouterr().err
