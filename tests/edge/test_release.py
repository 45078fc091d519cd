"""A release is taken whole or not at all, and a bad one never takes a good one's place."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from edge.config import Config, Files
from edge.release import ReleaseError, Releases, load
from rulecore.keys import MembershipKeys
from rulecore.snapshot import write_snapshot
from tests.edge.bundles import bundle_of_segment, marked, put
from tests.edge.serving import write_config


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


def snapshot(directory: Path, members: dict[str, list[str]]) -> Files:
    keys = MembershipKeys(b"s" * 16, {1: b"k" * 16})
    (directory / "keys").mkdir(exist_ok=True)
    put(directory / "keys" / "membership.json", keys.to_json())
    put(directory / "snapshot", write_snapshot(members, keys, 1))
    return Files(bundle=directory / "bundle", snapshot=directory / "snapshot", keys=directory / "keys")


def test_a_bundle_may_go_without_a_snapshot(tmp_path: Path) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    assert load(Files(bundle=tmp_path / "bundle")).engine.membership is None


def test_a_snapshot_is_linked_and_looked_up(tmp_path: Path) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    release = load(snapshot(tmp_path, {"v-1": ["vip"]}))
    shown = [release.engine.decide_all({"visitor_id": visitor}, 0)[0].variant for visitor in ("v-1", "v-2")]
    assert shown == ["seen", "other"]


def test_a_bundle_and_a_snapshot_that_do_not_belong_together_are_refused_by_name(tmp_path: Path) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    with pytest.raises(ReleaseError, match="vip") as caught:
        load(snapshot(tmp_path, {"v-1": ["hesitant"]}))
    assert caught.value.code == "refused"


def test_a_change_of_the_snapshot_or_the_keys_is_noticed(tmp_path: Path) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    files = snapshot(tmp_path, {"v-1": ["vip"]})
    releases = Releases(write_config(tmp_path, files=files))
    put(tmp_path / "keys" / "membership.json", b"{}")
    for _ in range(2):
        releases.look()
    assert code_of(releases) == "bad_file"
    snapshot(tmp_path, {"v-2": ["vip"]})
    for _ in range(2):
        releases.look()
    assert code_of(releases) is None
    assert releases.current.engine.decide_all({"visitor_id": "v-2"}, 0)[0].variant == "seen"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("bundle", b"", "bad_image"),
        ("snapshot", b"", "bad_image"),
        ("snapshot", b"nonsense" * 100, "bad_image"),
        ("keys/membership.json", b"", "bad_file"),
        ("keys/membership.json", b"x" * (2 << 20), "bad_file"),
    ],
)
def test_each_bad_file_is_named(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    files = snapshot(tmp_path, {"v-1": ["vip"]})
    put(tmp_path / name, content)
    with pytest.raises(ReleaseError, match=name) as caught:
        load(files)
    assert caught.value.code == code


def test_the_age_is_that_of_the_newest_file_and_never_negative(config: Config) -> None:
    os.utime(config.files.bundle, (1000.0, 1000.0))
    release = load(config.files)
    assert release.made_at == 1000.0
    assert release.age_seconds(1060.0) == 60.0
    assert release.age_seconds(900.0) == 0.0
