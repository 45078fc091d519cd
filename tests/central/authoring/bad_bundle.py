"""Reads a case of `bad_bundles/`: a bundle's files in one text, and what is said of them.

    A sentence on the case, if it needs one.
    --- bundle.yaml
    bundle: shop
    --- blocks/sale.html -> ../bundle.yaml      a link
    --- expected
    bundle.yaml:1:1: error: ...

`<<70 x a>>` stands for 70 times `a`, `<<byte e9>>` for one byte.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

FOLDER: Final = Path(__file__).with_name("bad_bundles")
_SECTION: Final = re.compile(rb"^--- ([\w./-]+)(?: -> (\S+))?\n", re.MULTILINE)
_TIMES: Final = re.compile(rb"<<(\d+) x ([^>\s]+)>>")
_BYTE: Final = re.compile(rb"<<byte ([0-9a-f]{2})>>")
_EXPECTED: Final = "expected"


class BadBundle(msgspec.Struct, frozen=True):
    """A bundle's files by path, its links by path with where they lead, and the whole message."""

    files: dict[str, bytes]
    links: dict[str, str]
    expected: str

    @classmethod
    def read(cls, case: Path) -> BadBundle:
        files: dict[str, bytes] = {}
        links: dict[str, str] = {}
        # The text before the first section is for the reader.
        _, *sections = _SECTION.split(case.read_bytes())
        for name, target, content in zip(sections[::3], sections[1::3], sections[2::3], strict=True):
            if target is None:
                files[name.decode()] = _spelt_out(content)
            else:
                links[name.decode()] = target.decode()
        return cls(files, links, files.pop(_EXPECTED).decode())

    def write(self, directory: Path) -> None:
        """Write the bundle into an empty directory."""
        for name, content in self.files.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(content)
        for name, target in self.links.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).symlink_to(target)


def _spelt_out(content: bytes) -> bytes:
    content = _TIMES.sub(lambda match: match[2] * int(match[1]), content)
    return _BYTE.sub(lambda match: bytes.fromhex(match[1].decode()), content)
