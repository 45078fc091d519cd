"""`central snapshot info`, `lookup` and `verify` say what is in the files, with the exit codes they document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from central.segments.visitors import visitors_path
from rulecore import DeltaImage, SnapshotImage
from rulecore.model import Type
from tests.central.commands import central
from tests.central.sites import KEYS, Visitor, write_site

COLUMNS = {"tier": Type.STRING}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Keys, two snapshots, and the delta that leads from the first to the second."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "membership.json").write_bytes(KEYS.to_json())
    old: dict[str, Visitor] = {"v1": ({"vip", "new"}, {"tier": "gold\n"}), "v2": ({"vip"}, {}), "v3": ((), {})}
    new: dict[str, Visitor] = {"v1": ({"late", "vip"}, {"tier": "gold\n"}), "v2": ({"vip"}, {}), "v4": ((), {})}
    write_site(tmp_path / "old", old, COLUMNS)
    write_site(tmp_path / "new", new, COLUMNS)
    files = (tmp_path / "old", tmp_path / "new", "--keys", tmp_path / "keys", "-o", tmp_path / "delta")
    assert central("snapshot", "diff", *files) == 0
    return tmp_path


@pytest.fixture(autouse=True)
def _forget_what_the_fixture_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert folder.is_dir()
    capsys.readouterr()


def test_info_needs_no_keys(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert central("snapshot", "info", folder / "old") == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{folder / 'old'}: a snapshot, format 2\n  epoch          1\n  visitors       3\n")
    assert "16 bits: of unknown visitors, 1 in 65,536 is taken for a member\n" in out
    assert "segments\n  new  1\n  vip  2\ncolumns\n  tier  string\n" in out


def test_info_is_json_for_machines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, delta = SnapshotImage.open(folder / "old"), DeltaImage.open(folder / "delta")
    assert central("snapshot", "info", "--json", folder / "old", folder / "delta") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["parts"] == dict(image.parts)
    assert list(printed["bound"]) == ["set ids", "fingerprints", "set records", "column tier"]
    assert printed["deltas"] == [
        {
            "epoch": 1,
            "base": f"{image.checksum:016x}",
            "follows": f"{image.checksum:016x}",
            "first_version": 1,
            "version": 1,
            "entries": 3,
            "tombstones": 1,
            "segments": ["late"],
            "size_bytes": delta.size,
            "checksum": f"{delta.checksum:016x}",
        }
    ]
    assert printed | {"parts": {}, "bound": None, "deltas": []} == {
        "format_version": 2,
        "epoch": 1,
        "visitors": 3,
        "sets": 3,
        "fingerprint_bits": 16,
        "segments": {"new": 1, "vip": 2},
        "columns": {"tier": "string"},
        "size_bytes": image.size,
        "checksum": f"{image.checksum:016x}",
        "parts": {},
        "bound": None,
        "deltas": [],
    }


def test_info_does_without_the_visitors_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    visitors_path(folder / "old").unlink()
    assert central("snapshot", "info", "--json", folder / "old") == 0
    assert json.loads(capsys.readouterr().out)["bound"] is None
    assert central("snapshot", "info", folder / "old") == 0
    assert "set ids, fingerprints" in capsys.readouterr().out


def test_info_of_a_delta_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert central("snapshot", "info", folder / "delta") == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{folder / 'delta'}: a delta\n")
    assert "  entries       3\n  tombstones    1\n  new segments  late\n" in out
    assert central("snapshot", "info", "--json", folder / "delta") == 0
    assert json.loads(capsys.readouterr().out)["version"] == 1


def test_info_refuses_deltas_of_another_snapshot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert central("snapshot", "info", folder / "new", folder / "delta") == 1
    assert "belongs to snapshot" in capsys.readouterr().err


def test_lookup_shows_segments_and_columns_on_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert central("snapshot", "lookup", folder / "old", "--keys", folder / "keys", "v1", "v3") == 0
    assert capsys.readouterr().out == ("VISITOR  SEGMENTS  COLUMNS\nv1       new, vip  tier='gold\\n'\nv3\n")


def test_lookup_asks_the_deltas_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--delta", folder / "delta", "--keys", folder / "keys", "v1", "v3", "v4", "--json")
    assert central("snapshot", "lookup", folder / "old", *words) == 1
    assert json.loads(capsys.readouterr().out) == [
        {"visitor_id": "v1", "known": True, "segments": ["vip", "late"], "columns": {"tier": "gold\n"}},
        {"visitor_id": "v3", "known": False, "segments": [], "columns": {}},
        {"visitor_id": "v4", "known": True, "segments": [], "columns": {}},
    ]


def test_lookup_of_an_unknown_visitor_exits_with_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert central("snapshot", "lookup", folder / "old", "--keys", folder / "keys", "v4") == 1
    assert "v4       (unknown)\n" in capsys.readouterr().out


def test_verify_lists_each_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert central("snapshot", "verify", folder / "old", folder / "delta", "--keys", folder / "keys") == 0
    assert capsys.readouterr().out == (
        f"{folder / 'old'}: sound: 3 visitors, 2 segments, 3 sets\n"
        f"{folder / 'old.visitors'}: sound: 3 visitors\n"
        f"{folder / 'delta'}: sound: version 1, 3 entries, 1 tombstones\n"
        f"{folder / 'delta.visitors'}: sound: 2 visitors\n"
    )


def test_verify_exits_with_1_for_what_is_not_sound(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert central("snapshot", "verify", "--json", folder / "new", folder / "delta") == 1
    printed = json.loads(capsys.readouterr().out)
    assert not printed["sound"]
    assert [(finding["file"], finding["sound"]) for finding in printed["files"]] == [
        (str(folder / "new"), True),
        (str(folder / "new.visitors"), True),
        (str(folder / "delta"), True),
        (str(folder / "delta.visitors"), True),
        (str(folder / "delta"), False),
    ]
