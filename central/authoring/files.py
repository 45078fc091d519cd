"""The files of a bundle's directory: which there are, what each is, and their bytes.

bundle.yaml     the bundle itself
*.yaml          further placements and segments
*.test.yaml     tests
blocks/**.html  content blocks, read by `blocks.py`
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from central.authoring.diagnostics import Position, Problems
from central.config import LIMITS

BUNDLE: Final = "bundle.yaml"
BLOCKS: Final = "blocks"
_TESTS: Final = ".test.yaml"


class File(msgspec.Struct, frozen=True):
    """A file as the author names it (below the directory as it was given), and its bytes."""

    name: str
    data: bytes


class Files(msgspec.Struct, frozen=True):
    """What a directory holds; each list in order of name. `bundle` is None when it has no bundle.yaml."""

    directory: Path
    bundle: File | None
    parts: tuple[File, ...]
    tests: tuple[File, ...]


def read_files(directory: Path, problems: Problems) -> Files:
    """Read the YAML files of a directory. What is missing or can't be read is reported."""
    if not directory.is_dir():
        what = "not a directory" if directory.exists() else "there is no such directory"
        problems.error(Position(str(directory), 0, 0), what, expected=f"a directory with a {BUNDLE}")
        return Files(directory, None, (), ())
    paths = sorted(path for path in directory.iterdir() if path.suffix == ".yaml")
    for path in sorted(directory.glob("*.yml")):
        problems.warning(Position(str(path), 0, 0), "this file is not read", expected="the ending .yaml")
    if len(paths) > LIMITS.source_files_max:
        expected = f"at most {LIMITS.source_files_max:,}"
        problems.error(Position(str(directory), 0, 0), f"{len(paths):,} YAML files", expected=expected)
        paths = []
    read = [file for path in paths if (file := _read(path, problems))]
    bundle = next((file for file in read if Path(file.name).name == BUNDLE), None)
    if directory / BUNDLE not in paths:
        problems.error(Position(str(directory / BUNDLE), 0, 0), "there is no such file", expected="the bundle's YAML")
    tests = tuple(file for file in read if file.name.endswith(_TESTS))
    parts = tuple(file for file in read if file is not bundle and file not in tests)
    return Files(directory, bundle, parts, tests)


def _read(path: Path, problems: Problems) -> File | None:
    try:
        with path.open("rb") as file:
            return File(str(path), file.read(LIMITS.source_bytes_max + 1))
    except OSError as error:
        problems.error(Position(str(path), 0, 0), f"can't be read: {error.strerror}")
        return None
