"""`central snapshot` and `central keys` do what they say, in text and JSON, with the exit codes they document."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rulecore import SnapshotImage
from rulecore._membership import Membership
from rulecore.keys import MembershipKeys
from tests.central.commands import central

KEYS = MembershipKeys(bytes(range(16)), {1: bytes(range(16, 32))})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with keys, members and columns."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "membership.json").write_bytes(KEYS.to_json())
    members = {"visitor_id": ["v1", "v2", "v1"], "segment": ["vip", "vip", "new"]}
    pq.write_table(pa.table(members), tmp_path / "members.parquet")
    pq.write_table(pa.table({"visitor_id": ["v1", "v3"], "tier": ["gold\n", None]}), tmp_path / "columns.parquet")
    return tmp_path


def build(folder: Path, *more: str | os.PathLike[str]) -> int:
    files = ("--members", folder / "members.parquet", "--keys", folder / "keys", "-o", folder / "out")
    return central("snapshot", "build", *files, *(more or ("--epoch", "1")))


def test_build_writes_a_snapshot_and_says_what_is_in_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(folder, "--epoch", "1", "--columns", folder / "columns.parquet") == 0
    membership = Membership.open(folder / "out", KEYS)
    assert membership.lookup("v1") == ["new", "vip"]
    checksum = f"{membership.checksum:016x}"
    size = f"{(folder / 'out').stat().st_size:,}"
    assert capsys.readouterr().out == (
        f"{folder / 'out'}\n"
        "  member rows    3\n"
        "  column rows    2\n"
        "  epoch          1\n"
        "  visitors       3\n"
        "  distinct sets  3\n"
        f"  size           {size} bytes\n"
        f"  checksum       {checksum}\n"
        "segments\n"
        "  new  1\n"
        "  vip  2\n"
        "columns\n"
        "  tier  string\n"
    )


def test_fingerprints_are_as_wide_as_it_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(folder, "--epoch", "1") == build(folder, "--epoch", "1", "--fingerprint-bits", "11", "--plan") == 0
    assert SnapshotImage.open(folder / "out").fingerprint_bits == 16
    assert build(folder, "--epoch", "1", "--fingerprint-bits", "11") == 0
    assert SnapshotImage.open(folder / "out").fingerprint_bits == 11
    capsys.readouterr()
    with pytest.raises(SystemExit, match="2"):
        build(folder, "--epoch", "1", "--fingerprint-bits", "25")
    assert "a fingerprint has 1 to 24 bits, not '25'" in capsys.readouterr().err


def test_build_says_beforehand_what_it_would_take(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(folder, "--epoch", "1", "--columns", folder / "columns.parquet", "--plan") == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{folder / 'out'}: not built, but planned\n  member rows    3\n  column rows    2\n")
    assert "  visitors       about 3, from a sample of 3\n" in shown
    assert not (folder / "out").exists()
    assert build(folder, "--epoch", "1", "--plan", "--json") == 0
    assert json.loads(capsys.readouterr().out)["visitors"] == 2


def test_build_takes_a_visitors_file_for_members_and_columns(folder: Path) -> None:
    build(folder, "--epoch", "1", "--columns", folder / "columns.parquet")
    words = ("--members", folder / "out.visitors", "--keys", folder / "keys", "--epoch", "1", "-o", folder / "again")
    assert central("snapshot", "build", *words) == 0
    assert (folder / "again").read_bytes() == (folder / "out").read_bytes()


def test_build_takes_several_files_of_members(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(pa.table({"visitor_id": ["v9"], "segment": ["late"]}), folder / "more.parquet")
    files = ("--members", folder / "members.parquet", folder / "more.parquet", "--keys", folder / "keys")
    assert central("snapshot", "build", *files, "--epoch", "1", "-o", folder / "out", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["member_rows"] == 4
    assert printed["visitors"] == 3
    assert printed["segments"] == {"late": 1, "new": 1, "vip": 2}


def test_errors_name_the_file_and_exit_with_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def error_of(*words: str | os.PathLike[str]) -> str:
        assert central(*words) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        return captured.err

    keys = ("--keys", folder / "keys")
    members = ("--members", folder / "members.parquet")
    out = ("-o", folder / "out")
    none = folder / "none"
    key_file = folder / "keys" / "membership.json"
    assert error_of("snapshot", "info", none) == f"central snapshot info: {none}: No such file or directory\n"
    assert f"{folder / 'members.parquet'}: not a snapshot image" in error_of("snapshot", "info", members[1])
    assert f"central snapshot build: {none}: No such file" in error_of(
        "snapshot", "build", "--members", none, *keys, "--epoch", "1", *out
    )
    assert f"{key_file}: no membership key of epoch 2" in error_of(
        "snapshot", "build", *members, *keys, "--epoch", "2", *out
    )
    assert f"{none / 'membership.json'} is not there; `central keys new {none}` makes one" in error_of(
        "snapshot", "build", *members, "--keys", none, "--epoch", "1", *out
    )
    build(folder)
    capsys.readouterr()
    assert r"'\udcff' is not valid UTF-8" in error_of("snapshot", "lookup", folder / "out", *keys, "\udcff")
    key_file.write_bytes(MembershipKeys(bytes(16), {5: bytes(16)}).to_json())
    assert f"{key_file}: no membership key of epoch 1" in error_of("snapshot", "lookup", folder / "out", *keys, "v1")
    key_file.write_bytes(b"{}")
    assert f"{key_file}: membership keys: Object missing" in error_of("snapshot", "lookup", folder / "out", *keys, "v1")


@pytest.mark.parametrize(
    "words",
    [
        ["snapshot"],
        ["snapshot", "build"],
        ["snapshot", "lookup", "file", "--keys", "dir"],
        ["snapshot", "diff", "old", "new", "-o", "delta"],
        ["snapshot", "apply", "snapshot", "--keys", "dir", "-o", "new"],
        ["snapshot", "compact", "-o", "delta"],
        ["snapshot", "overlap", "snapshot", "--by", "size"],
        ["snapshot", "build", "--members", "m", "--keys", "k", "--epoch", "-1", "-o", "o"],
        ["keys", "new", "dir", "--epoch", "4294967296"],
    ],
)
def test_a_wrong_command_line_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        central(*words)
    assert exited.value.code == 2
    assert "usage: central" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        *(["snapshot", name] for name in ("build", "info", "lookup", "verify", "overlap", "diff", "apply", "compact")),
        ["keys", "new"],
    ],
)
def test_help_documents_the_exit_codes(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        central(*words, "--help")
    assert exited.value.code == 0
    assert "Exit codes: 0 " in capsys.readouterr().out


def test_keys_new_makes_keys_that_only_their_owner_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "made" / "keys"
    assert central("keys", "new", folder) == 0
    file = folder / "membership.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == ["membership.json"]
    keys = MembershipKeys.from_json(file.read_bytes())
    assert keys.epochs == (1,)
    out = capsys.readouterr().out
    assert keys.site_secret.hex() not in out
    assert keys.epoch_key(1).hex() not in out
    assert out.startswith(f"{file}: a site secret and the key of epoch 1")


def test_keys_add_keeps_the_keys_that_there_are_and_adds_one_of_another_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "membership.json"
    assert central("keys", "new", tmp_path) == central("keys", "add", tmp_path) == 0
    before = MembershipKeys.from_json(file.read_bytes())
    capsys.readouterr()
    assert central("keys", "add", "--json", tmp_path, "--epoch", "9") == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(file), "epochs": [1, 2, 9]}
    after = MembershipKeys.from_json(file.read_bytes())
    assert after.site_secret == before.site_secret
    assert [after.epoch_key(epoch) for epoch in (1, 2)] == [before.epoch_key(epoch) for epoch in (1, 2)]
    assert len({after.epoch_key(epoch) for epoch in after.epochs}) == 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["membership.json"]
    assert central("keys", "add", tmp_path, "--epoch", "2") == 1
    assert "has a key of epoch 2: with another, its snapshots would know nobody" in capsys.readouterr().err
    assert central("keys", "add", tmp_path, "--epoch", str(2**32 - 1)) == 0
    assert central("keys", "add", tmp_path) == 1
    assert "there is no epoch after 4294967295" in capsys.readouterr().err


def test_keys_new_makes_other_keys_each_time_and_never_overwrites(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert central("keys", "new", "--json", tmp_path / "a", "--epoch", "7") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == {"file": str(tmp_path / "a" / "membership.json"), "epochs": [7]}
    central("keys", "new", tmp_path / "b")
    first, second = ((tmp_path / name / "membership.json").read_bytes() for name in "ab")
    assert MembershipKeys.from_json(first).site_secret != MembershipKeys.from_json(second).site_secret
    capsys.readouterr()
    assert central("keys", "new", tmp_path / "a") == 1
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "a" / "membership.json").read_bytes() == first
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["membership.json"]
