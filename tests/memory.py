"""What the kernel says of a process's memory."""

from __future__ import annotations

import re
from pathlib import Path


def resident(path: Path, pid: int | str = "self") -> int:
    """Bytes of a mapped file that the process has at hand: in its page tables, with no fault to come."""
    smaps = Path(f"/proc/{pid}/smaps").read_text()
    mapping = re.search(rf"{re.escape(str(path))}\n(?:\w+: .*\n)*?Rss: +(\d+) kB", smaps)
    assert mapping is not None, f"process {pid} does not map {path}"
    return int(mapping[1]) << 10


def private(pid: int) -> int:
    """Bytes that no other process shares, page tables among them."""
    smaps = Path(f"/proc/{pid}/smaps_rollup").read_text()
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.findall(r"^(?:Private_\w+|VmPTE): +(\d+) kB", smaps + status, re.MULTILINE)
    return sum(map(int, found)) << 10


def replaced_mappings(pid: int, directory: Path) -> list[str]:
    """Files of a directory that the process still maps though they are no longer there."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    return re.findall(rf"{re.escape(str(directory))}\S+(?= \(deleted\)$)", maps, re.MULTILINE)
