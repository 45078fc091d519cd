"""A build that is killed leaves what was there before it, whole, whatever it was about to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from central.segments import InputError, build_snapshot
from central.segments.chain import visitors_of
from central.segments.visitors import visitors_path
from rulecore import Membership, SnapshotImage
from rulecore.keys import MembershipKeys

KEYS: Final = MembershipKeys(bytes(range(16)), {1: bytes(range(16, 32))})
STAGES: Final = ["reading members", "reading columns", "sorting visitors", "numbering values", "writing", "verifying"]
KILLED: Final = """
import os, signal, sys
from pathlib import Path
from central.segments import build, build_snapshot
from tests.central.test_killed_builds import KEYS, STAGES

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def killed(change):  # in a child of its own
    child = os.fork()
    if child == 0:
        change()
        build_snapshot([members], [columns], KEYS, 1, out)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL

def at(stage):
    begin = build.Progress.stage
    build.Progress.stage = lambda self, name, *total: die() if name == stage else begin(self, name, *total)

def while_writing():
    def write_half(file, parts):
        file.write(b"EWSNAP\\r\\n")
        file.flush()
        die()
    build.write_image = write_half

def before_the_image_is_in_place():
    replace = Path.replace
    Path.replace = lambda self, target: die() if target == out else replace(self, target)

members, columns, out = map(Path, sys.argv[1:4])
if sys.argv[4] == "building":
    for stage in STAGES:
        killed(lambda: at(stage))
    killed(while_writing)
else:
    killed(before_the_image_is_in_place)
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An older snapshot in its place, beside the files of a newer one."""
    for name, visitors in (("old", 50), ("new", 3_000)):
        ids = pa.array([f"visitor-{number}" for number in range(visitors)])
        pq.write_table(pa.table({"visitor_id": ids, "segment": pa.array([name] * visitors)}), tmp_path / name)
        pq.write_table(pa.table({"visitor_id": ids, "tier": pa.array([name] * visitors)}), tmp_path / f"{name}-columns")
    build_snapshot([tmp_path / "old"], [tmp_path / "old-columns"], KEYS, 1, tmp_path / "site.snapshot")
    return tmp_path


def kill(site: Path, when: str) -> None:
    inputs = [site / "new", site / "new-columns", site / "site.snapshot"]
    subprocess.run([sys.executable, "-c", KILLED, *inputs, when], check=True)


def test_nothing_half_written_takes_a_place(site: Path) -> None:
    image, visitors = site / "site.snapshot", visitors_path(site / "site.snapshot")
    before = image.read_bytes(), visitors.read_bytes()
    kill(site, "building")
    assert (image.read_bytes(), visitors.read_bytes()) == before
    build_snapshot([site / "new"], [], KEYS, 1, image)
    assert not list(site.glob(".*")), "nor is anything left of them after the next build"


def test_a_new_visitors_file_does_not_pass_for_that_of_the_older_image(site: Path) -> None:
    out = site / "site.snapshot"
    before = out.read_bytes()
    kill(site, "before the image is in place")
    assert out.read_bytes() == before
    with pytest.raises(InputError, match="belongs to an image with checksum"):
        visitors_of(out, SnapshotImage.open(out).checksum)
    build_snapshot([site / "new"], [site / "new-columns"], KEYS, 1, out)
    assert visitors_of(out, SnapshotImage.open(out).checksum).visitors == 3_000
    assert Membership.open(out, KEYS).lookup("visitor-2999") == ["new"]
