"""An image's file is mapped whole, and whatever is no file is refused at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rulecore.mapping import map_file


def test_a_file_is_mapped_and_an_empty_one_has_no_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a file"
    path.write_bytes(b"content")
    assert bytes(map_file(path)) == b"content"
    path.write_bytes(b"")
    assert map_file(path) == b""


def test_a_pipe_is_refused_though_nobody_writes_to_it(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a regular file") as refused:
        map_file(path)
    assert refused.value.filename == str(path)


def test_a_folder_and_a_file_that_is_not_there_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        map_file(tmp_path)
    with pytest.raises(FileNotFoundError, match="gone"):
        map_file(tmp_path / "gone")
