"""`central snapshot diff`, `apply` and `compact` write what they say, and say what they wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rulecore import DeltaImage, Membership
from tests.central.commands import central
from tests.central.sites import KEYS, Visitor, write_site


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Keys and two snapshots: v2 and the segment `b` gone, v1 changed, v3 and the segment `late` new."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "membership.json").write_bytes(KEYS.to_json())
    old: dict[str, Visitor] = {"v0": ({"a"}, {}), "v1": ({"a", "b"}, {}), "v2": ({"b"}, {})}
    new: dict[str, Visitor] = {"v0": ({"a"}, {}), "v1": ({"a", "late"}, {}), "v3": ({"a"}, {})}
    write_site(tmp_path / "old", old)
    write_site(tmp_path / "new", new)
    return tmp_path


def diff(folder: Path, new: str, out: str, *after: str) -> int:
    words: list[str | Path] = ["--after", *(folder / name for name in after)] if after else []
    files = (folder / "old", folder / new, "--keys", folder / "keys", "-o", folder / out)
    return central("snapshot", "diff", *files, *words)


def test_diff_says_what_the_delta_holds_and_which_names_stay(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diff(folder, "new", "1") == 0
    image = DeltaImage.open(folder / "1")
    captured = capsys.readouterr()
    assert captured.out == (
        f"{folder / '1'}\n"
        "  epoch         1\n"
        f"  base          {image.base:016x}\n"
        f"  follows       {image.base:016x}\n"
        "  version       1\n"
        "  entries       3\n"
        "  new visitors  1\n"
        "  tombstones    1\n"
        "  new segments  late\n"
        f"  size          {image.size:,} bytes\n"
        f"  checksum      {image.checksum:016x}\n"
    )
    assert captured.err == f"{folder / 'new'} has no b: kept, without visitors, as names never leave a chain\n"


def test_diff_is_json_for_machines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = (folder / "old", folder / "new", "--keys", folder / "keys", "-o", folder / "1")
    assert central("snapshot", "diff", "--json", *files) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["added"], printed["kept_segments"]) == (1, ["b"])
    assert (printed["delta"]["entries"], printed["delta"]["segments"]) == (3, ["late"])


def test_compact_says_what_it_stands_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diff(folder, "new", "1")
    diff(folder, "old", "2", "1")
    capsys.readouterr()
    assert central("snapshot", "compact", folder / "1", folder / "2", "-o", folder / "one") == 0
    captured = capsys.readouterr()
    assert "  version       1 to 2\n  entries       3\n" in captured.out
    assert captured.err == ""
    (folder / "2.visitors").unlink()
    assert central("snapshot", "compact", folder / "1", folder / "2", "-o", folder / "two") == 0
    assert f"no visitors file beside {folder / '2'}: none is written" in capsys.readouterr().err
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()


def test_apply_writes_a_snapshot_that_answers_as_the_chain(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diff(folder, "new", "1")
    capsys.readouterr()
    files = (folder / "old", folder / "1", "--keys", folder / "keys", "-o", folder / "folded")
    assert central("snapshot", "apply", *files) == 0
    assert capsys.readouterr().out.startswith(f"{folder / 'folded'}\n  visitors       3\n")
    folded = Membership.open(folder / "folded", KEYS)
    assert folded.segments == ("a", "b", "late")
    assert [folded.lookup(f"v{i}") for i in range(4)] == [["a"], ["a", "late"], None, ["a"]]
    assert central("snapshot", "apply", *files, "--json") == 0
    assert json.loads(capsys.readouterr().out)["visitors"] == 3


def test_what_is_missing_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "new.visitors").unlink()
    assert diff(folder, "new", "1") == 1
    assert capsys.readouterr().err == f"central snapshot diff: {folder / 'new.visitors'}: No such file or directory\n"
    assert diff(folder, "none", "1") == 1
    assert f"{folder / 'none'}: No such file or directory" in capsys.readouterr().err
    assert central("snapshot", "compact", folder / "old", "-o", folder / "one") == 1
    assert f"{folder / 'old'}: not a delta image" in capsys.readouterr().err
