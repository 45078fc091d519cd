"""Files appear whole or not at all, and what was there before stays until then."""

from __future__ import annotations

from pathlib import Path

import pytest

from central.segments import InputError
from central.segments.files import drafts, put_in_place, refuse_to_overwrite


def test_drafts_are_moved_and_their_folder_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with drafts(tmp_path / "a") as folder:
        (folder / "1").write_text("new")
        (folder / "2").write_text("beside")
        assert (tmp_path / "a").read_text() == "old"
        put_in_place({folder / "2": tmp_path / "b", folder / "1": tmp_path / "a"})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "new", "b": "beside"}


def write_and_fail(out: Path) -> None:
    with drafts(out) as folder:
        (folder / "1").write_text("half")
        raise ValueError("no more")


def test_nothing_is_left_of_what_failed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no more"):
        write_and_fail(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_who_died_left_is_removed_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    (tmp_path / ".a-dead0001").mkdir()
    (tmp_path / ".a-dead0001" / "half").write_text("pseudonyms")
    (tmp_path / ".b-dead0001").mkdir()
    (tmp_path / ".a-kept").mkdir()
    (tmp_path / ".a-file0001").write_text("somebody's")
    (tmp_path / ".a-link0001").symlink_to(tmp_path / ".b-dead0001")
    others = {".b-dead0001", ".a-kept", ".a-file0001", ".a-link0001"}
    with drafts(tmp_path / "a") as first, drafts(tmp_path / "a") as second:
        assert first.is_dir()
        assert second.is_dir()
        assert {path.name for path in tmp_path.iterdir()} == {*others, first.name, second.name}
    assert {path.name for path in tmp_path.iterdir()} == others


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder to write to"):
        write_and_fail(tmp_path / "none" / "a")


def test_what_is_read_is_not_written_over_by_whatever_name(tmp_path: Path) -> None:
    kept, other = tmp_path / "kept", tmp_path / "other"
    kept.write_bytes(b"kept")
    (tmp_path / "link").symlink_to(kept)
    refuse_to_overwrite([kept, tmp_path / "gone"], other)
    for name in (kept, tmp_path / "link", tmp_path / "." / "kept"):
        with pytest.raises(InputError, match="is read here, and would be lost: write to another file"):
            refuse_to_overwrite([other, kept], name)
