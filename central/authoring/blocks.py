"""Content blocks: the files under `blocks/` that variants name, read as they are."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from central.authoring.diagnostics import Position, Problems, nearest
from central.authoring.files import BLOCKS
from rulecore.limits import LIMITS
from rulecore.model import Block


class Blocks:
    """The blocks of one bundle; each is read once."""

    def __init__(self, directory: Path, problems: Problems) -> None:
        self._root = directory / BLOCKS
        self._problems = problems
        self._read: dict[str, Block | None] = {}
        files = (path for path in self._root.rglob("*.html") if path.is_file())
        self._there = {path.relative_to(self._root).as_posix() for path in files}

    def block(self, path: str, place: Position) -> Block | None:
        """The block of this path below `blocks/`; None when there is a problem, which is reported."""
        fault, expected, near = self._fault(path)
        if fault:
            self._problems.error(place, fault, expected=expected, nearest=near)
            self._read[path] = None
        elif path not in self._read:
            self._read[path] = self._content(path, place)
        return self._read[path]

    def warn_of_unused(self) -> None:
        """Report the blocks that no variant has shown until now."""
        for path in sorted(self._there - self._read.keys()):
            self._problems.warning(Position(str(self._root / path), 0, 0), "no variant shows this block")

    def _fault(self, path: str) -> tuple[str, str, str]:
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or "\\" in path or str(pure) != path:
            return f"{path!r} is no path below {BLOCKS}/", "a path such as hero/flash.html", ""
        if pure.suffix != ".html":
            return f"{path!r} is not HTML", "a file that ends in .html", nearest(path, self._there)
        if path not in self._there:
            return f"there is no {BLOCKS}/{path}", "", nearest(path, self._there)
        if not (self._root / path).resolve().is_relative_to(self._root.resolve()):
            return f"{BLOCKS}/{path} is a link that leaves {BLOCKS}/", f"a file below {BLOCKS}/", ""
        return "", "", ""

    def _content(self, path: str, place: Position) -> Block | None:
        try:
            with (self._root / path).open("rb") as file:
                content = file.read(LIMITS.block_bytes_max + 1)
        except OSError as error:
            self._problems.error(place, f"{BLOCKS}/{path} can't be read: {error.strerror}")
            return None
        if len(content) > LIMITS.block_bytes_max:
            expected = f"at most {LIMITS.block_bytes_max:,} bytes"
            self._problems.error(place, f"{BLOCKS}/{path} is too large", expected=expected)
            return None
        return Block(path, content)
