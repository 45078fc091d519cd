"""Verifying finds what is wrong, says where, and goes on."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from central.segments.chain import Chain
from central.segments.diff import diff
from central.segments.progress import Progress
from central.segments.verify import Finding, Verification
from central.segments.visitors import SEGMENTS, VisitorsFile, VisitorsWriter, visitors_path
from rulecore.keys import MembershipKeys
from tests.central.sites import KEYS, Visitor, write_site


@pytest.fixture
def chain(tmp_path: Path) -> tuple[Path, Path]:
    """A snapshot and a delta."""
    old: dict[str, Visitor] = {f"v{i}": ({"a", "b"} if i % 2 else {"a"}, {}) for i in range(40)}
    new: dict[str, Visitor] = {**old, "v7": ({"late"}, {})}
    snapshot = write_site(tmp_path / "old", old)
    diff(Chain(snapshot), Chain(write_site(tmp_path / "new", new)), KEYS, tmp_path / "delta", quiet())
    return snapshot, tmp_path / "delta"


def quiet() -> Progress:
    return Progress(io.StringIO())


def findings(snapshot: Path, *deltas: Path, keys: MembershipKeys | None = None) -> list[Finding]:
    verification = Verification(keys, quiet())
    verification.verify(snapshot, deltas)
    return verification.findings


def faults(snapshot: Path, *deltas: Path, keys: MembershipKeys | None = None) -> dict[str, str]:
    return {finding.file: finding.what for finding in findings(snapshot, *deltas, keys=keys) if not finding.sound}


def damage(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x55
    path.write_bytes(content)


def test_sound_files_are_sound(chain: tuple[Path, Path]) -> None:
    assert len(findings(*chain)) == 4
    assert faults(*chain, keys=KEYS) == {}


def test_visitors_files_may_be_elsewhere(chain: tuple[Path, Path]) -> None:
    for path in chain:
        visitors_path(path).unlink()
    assert [finding.file for finding in findings(*chain)] == [str(path) for path in chain]


def test_every_byte_of_the_images_counts(chain: tuple[Path, Path]) -> None:
    for path in chain:
        content = path.read_bytes()
        for at in range(0, len(content), 7):
            damage(path, at)
            assert str(path) in faults(*chain), at
            path.write_bytes(content)


def test_a_damaged_visitors_file_is_found_and_the_rest_read(chain: tuple[Path, Path]) -> None:
    damage(visitors_path(chain[0]), 60)
    found = findings(*chain)
    assert [finding.sound for finding in found] == [True, False, True, True]
    assert not found[1].what.startswith(found[1].file)


def test_a_missing_file_is_a_finding(chain: tuple[Path, Path]) -> None:
    none = chain[0].with_name("none")
    assert faults(none, chain[1]) == {str(none): "No such file or directory"}
    assert faults(chain[0], none) == {str(none): "No such file or directory"}


def test_deltas_that_do_not_follow_are_found(chain: tuple[Path, Path]) -> None:
    assert list(faults(chain[0].with_name("new"), chain[1])) == [str(chain[1])]


def test_visitors_who_are_not_the_images_are_found(chain: tuple[Path, Path]) -> None:
    path = visitors_path(chain[0])
    file = VisitorsFile(path)
    (batch,) = file.batches()

    def rewritten(segments: tuple[str, ...], rows: int) -> str:
        path.unlink()
        with VisitorsWriter(path, file.epoch, segments, {}) as writer:
            writer.write(batch.slice(0, rows))
            writer.finish(file.checksum)
        return faults(*chain)[str(path)]

    assert "are not those of" in rewritten(("a", "c"), 40)
    assert "are not those of" in rewritten(("a", "b"), 39)
    sizes = [len(segments) for segments in batch.column(SEGMENTS).to_pylist()]
    batch = batch.take([*range(39), sizes.index(3 - sizes[39])])
    assert "visitors are in b, which has 20 in" in rewritten(("a", "b"), 40)


def test_keys_tell_whether_the_order_is_theirs(chain: tuple[Path, Path]) -> None:
    other = MembershipKeys(bytes(16), {1: bytes(16)})
    assert "not in order of unit key" in faults(*chain, keys=other)[str(visitors_path(chain[0]))]
