"""A release is taken whole or not at all, and a bad one never takes a good one's place."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from edge.config import Config, Files
from edge.release import Release, ReleaseError, Releases, check, load
from rulecore import SnapshotImage
from tests.deltas import delta_on
from tests.edge.bundles import bundle_of_segment, marked, put
from tests.edge.serving import write_config
from tests.edge.snapshots import KEYS, files, put_snapshot

Changes = dict[str, list[str] | None]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    put(tmp_path / "bundle", marked("first"))
    return write_config(tmp_path)


def mark(releases: Releases) -> str:
    return releases.current.engine.decide_all({}, 0)[0].variant


def code_of(releases: Releases) -> str | None:
    return None if releases.error is None else releases.error.code


def test_a_change_is_taken_once_it_settled(config: Config) -> None:
    releases = Releases(config)
    put(config.files.bundle, marked("second"))
    releases.look()
    assert mark(releases) == "first"
    releases.look()
    assert mark(releases) == "second"
    assert code_of(releases) is None


def test_a_wish_to_reload_is_taken_at_once(config: Config) -> None:
    wishes = 0
    releases = Releases(config, lambda: wishes)
    put(config.files.bundle, marked("second"))
    wishes = 1
    releases.look()
    assert mark(releases) == "second"


def test_a_bad_file_leaves_the_old_release_and_says_why(config: Config) -> None:
    releases = Releases(config)
    put(config.files.bundle, b"not a bundle")
    releases.look()
    releases.look()
    assert mark(releases) == "first"
    assert releases.error is not None
    assert releases.error.code == "bad_image"
    assert str(config.files.bundle) in releases.error.message


def test_a_refused_file_is_not_tried_again_until_it_changes(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    releases = Releases(config)
    put(config.files.bundle, b"not a bundle")
    for _ in range(2):
        releases.look()
    loads: list[Files] = []
    monkeypatch.setattr("edge.release.load", loads.append)
    for _ in range(10):
        releases.look()
    assert loads == []


def test_a_good_file_after_a_bad_one_is_taken_and_the_error_is_gone(config: Config) -> None:
    releases = Releases(config)
    for content in (b"bad", marked("second")):
        put(config.files.bundle, content)
        for _ in range(2):
            releases.look()
    assert mark(releases) == "second"
    assert code_of(releases) is None


def test_files_that_vanish_leave_the_old_release(config: Config) -> None:
    releases = Releases(config)
    config.files.bundle.unlink()
    for _ in range(2):
        releases.look()
    assert mark(releases) == "first"
    assert releases.error is not None
    assert releases.error.code == "missing"


def test_what_may_pass_by_itself_is_tried_again(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    config = msgspec.structs.replace(config, reload_retry_seconds=0.0)
    releases = Releases(config)
    put(config.files.bundle, marked("second"))

    def fail(_files: Files) -> None:
        raise ReleaseError("unreadable", "too many open files", lasting=False)

    with monkeypatch.context() as patch:
        patch.setattr("edge.release.load", fail)
        for _ in range(2):
            releases.look()
        assert releases.error is not None
    releases.look()
    assert mark(releases) == "second"


def test_files_that_change_while_they_are_read_are_read_again(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    from edge import release

    original = release._link
    later = [marked("third"), marked("second")]

    def link_and_change(files: Files) -> object:
        engine = original(files)
        if later:
            put(files.bundle, later.pop())
        return engine

    monkeypatch.setattr("edge.release._link", link_and_change)
    assert load(config.files).engine.decide_all({}, 0)[0].variant == "third"


def test_files_that_never_stop_changing_are_refused(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    from edge import release

    original = release._link

    def link_and_change(files: Files) -> object:
        engine = original(files)
        put(files.bundle, marked("other"))
        return engine

    monkeypatch.setattr("edge.release._link", link_and_change)
    with pytest.raises(ReleaseError) as caught:
        load(config.files)
    assert caught.value.code == "changing"


def test_one_rename_of_a_directory_s_link_changes_all_files_together(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        put(tmp_path / name / "bundle", marked(name))
    (tmp_path / "current").symlink_to("one")
    releases = Releases(write_config(tmp_path / "current"))
    assert mark(releases) == "one"
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(tmp_path / "current")
    for _ in range(2):
        releases.look()
    assert mark(releases) == "two"


def with_snapshot(directory: Path, members: dict[str, list[str]], *changes: Changes) -> Files:
    """The files of a snapshot, with deltas of these changes."""
    chain = [put_snapshot(directory, members)]
    found = files(directory, deltas=len(changes))
    for path, changed in zip(found.deltas, changes, strict=True):
        chain.append(delta_on(chain, changed, KEYS))
        put(path, chain[-1])
    return found


def shown(release: Release, *visitors: str) -> list[str]:
    return [release.engine.decide_all({"visitor_id": visitor}, 0)[0].variant for visitor in visitors]


def test_a_bundle_may_go_without_a_snapshot(tmp_path: Path) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    assert load(Files(bundle=tmp_path / "bundle")).engine.membership is None


def test_a_snapshot_is_linked_and_looked_up(tmp_path: Path) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    release = load(with_snapshot(tmp_path, {"v-1": ["vip"]}))
    assert shown(release, "v-1", "v-2") == ["seen", "other"]


def test_a_bundle_and_a_snapshot_that_do_not_belong_together_are_refused_by_name(tmp_path: Path) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    with pytest.raises(ReleaseError, match="vip") as caught:
        load(with_snapshot(tmp_path, {"v-1": ["hesitant"]}))
    assert caught.value.code == "refused"


def test_a_change_of_the_snapshot_or_the_keys_is_noticed(tmp_path: Path) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    found = with_snapshot(tmp_path, {"v-1": ["vip"]})
    releases = Releases(write_config(tmp_path, files=found))
    put(tmp_path / "keys" / "membership.json", b"{}")
    for _ in range(2):
        releases.look()
    assert code_of(releases) == "bad_file"
    put_snapshot(tmp_path, {"v-2": ["vip"]})
    for _ in range(2):
        releases.look()
    assert code_of(releases) is None
    assert shown(releases.current, "v-2") == ["seen"]


def test_deltas_lie_on_the_snapshot_in_their_order(tmp_path: Path) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    changes: list[Changes] = [{"v-1": [], "v-2": ["vip"], "v-3": ["vip"]}, {"v-2": None, "v-3": ["other"]}]
    release = load(with_snapshot(tmp_path, {"v-1": ["vip"], "v-4": ["vip"]}, *changes))
    assert shown(release, "v-1", "v-2", "v-3", "v-4") == ["other", "other", "other", "seen"]
    assert release.engine.membership is not None
    assert release.engine.membership.version == 2


def test_a_delta_with_a_new_segment_serves_a_bundle_that_needs_it(tmp_path: Path) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    release = load(with_snapshot(tmp_path, {"v-1": ["new"]}, {"v-2": ["vip"]}))
    assert shown(release, "v-1", "v-2") == ["other", "seen"]


def test_a_changed_delta_is_taken_and_one_that_does_not_fit_leaves_the_old_release(tmp_path: Path) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    found = with_snapshot(tmp_path, {"v-1": ["vip"]}, {"v-2": ["vip"]})
    first = (tmp_path / "snapshot").read_bytes()
    releases = Releases(write_config(tmp_path, files=found))
    put(tmp_path / "delta-1", delta_on([first], {"v-3": ["vip"]}, KEYS))
    for _ in range(2):
        releases.look()
    assert shown(releases.current, "v-1", "v-2", "v-3") == ["seen", "other", "seen"]

    second = put_snapshot(tmp_path, {"v-4": ["vip"]})
    for _ in range(2):
        releases.look()
    assert code_of(releases) == "refused"
    for image in (first, second):  # whose delta it is, and what it was put on
        assert f"{SnapshotImage(image).checksum:016x}" in str(releases.error)
    assert shown(releases.current, "v-3", "v-4") == ["seen", "other"]

    put(tmp_path / "delta-1", delta_on([second], {"v-5": ["vip"]}, KEYS))
    for _ in range(2):
        releases.look()
    assert code_of(releases) is None
    assert shown(releases.current, "v-3", "v-4", "v-5") == ["other", "seen", "seen"]


def test_a_chain_with_a_gap_or_out_of_order_is_refused_by_name(tmp_path: Path) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    found = with_snapshot(tmp_path, {"v-1": ["vip"]}, {"v-2": ["vip"]}, {"v-3": ["vip"]})
    for deltas in (found.deltas[1:], found.deltas[::-1]):
        with pytest.raises(ReleaseError, match=r"snapshot: delta [0-9a-f]{16} \(version 2\)") as caught:
            load(msgspec.structs.replace(found, deltas=deltas))
        assert caught.value.code == "refused"


def test_a_damaged_snapshot_is_told_by_who_installs_it(tmp_path: Path) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    put_snapshot(tmp_path, {"v-1": ["vip"]}, {"tier": {"v-1": "gold"}})
    assert check(files(tmp_path)).engine.membership is not None
    damaged = bytearray((tmp_path / "snapshot").read_bytes())
    damaged[-1] ^= 1
    put(tmp_path / "snapshot", bytes(damaged))
    assert load(files(tmp_path)).engine.membership is not None, "it is opened in no time, whatever its size"
    with pytest.raises(ReleaseError, match="snapshot: ") as caught:
        check(files(tmp_path))
    assert caught.value.code == "bad_image"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("bundle", b"", "bad_image"),
        ("snapshot", b"", "bad_image"),
        ("snapshot", b"nonsense" * 100, "bad_image"),
        ("delta-1", b"", "bad_image"),
        ("delta-2", b"nonsense" * 100, "bad_image"),
        ("keys/membership.json", b"", "bad_file"),
        ("keys/membership.json", b"x" * (2 << 20), "bad_file"),
    ],
)
def test_each_bad_file_is_named(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    found = with_snapshot(tmp_path, {"v-1": ["vip"]}, {"v-2": []}, {"v-3": []})
    put(tmp_path / name, content)
    with pytest.raises(ReleaseError, match=name) as caught:
        load(found)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["bundle", "snapshot", "delta-1", "delta-2", "keys/membership.json"])
def test_each_missing_file_is_named(tmp_path: Path, name: str) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    found = with_snapshot(tmp_path, {"v-1": ["vip"]}, {"v-2": []}, {"v-3": []})
    (tmp_path / name).unlink()
    with pytest.raises(ReleaseError, match=f"{name}: there is no such file") as caught:
        load(found)
    assert caught.value.code == "missing"


def test_the_age_is_that_of_the_newest_file_and_never_negative(config: Config) -> None:
    os.utime(config.files.bundle, (1000.0, 1000.0))
    release = load(config.files)
    assert release.made_at == 1000.0
    assert release.age_seconds(1060.0) == 60.0
    assert release.age_seconds(900.0) == 0.0


def test_a_newer_delta_makes_a_release_newer_and_newer_keys_do_not(tmp_path: Path) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    found = with_snapshot(tmp_path, {"v-1": ["vip"]}, {"v-2": []}, {"v-3": []})
    for second, name in enumerate(("bundle", "snapshot", "delta-1", "delta-2", "keys/membership.json"), 1_000):
        os.utime(tmp_path / name, (second, second))
    assert load(found).made_at == 1_003.0
