"""A bundle and a snapshot that do not belong together are told apart, at the place in the source that names it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from central.authoring.diagnostics import Problems
from central.authoring.linking import check_links
from rulecore import Membership
from rulecore.keys import MembershipKeys
from rulecore.model import Scalar
from rulecore.snapshot import write_snapshot
from tests.central.authoring.written import load

KEYS: Final = MembershipKeys(bytes(16), {1: bytes(16)})
MEMBERS: Final = {"v1": ["vip", "regulars"], "v2": ["lapsed"]}
HOME: Final = "placements: {hero: {default: none, rules: [{id: one, serve: none, when: %s}]}}\n"


@pytest.fixture(name="membership")
def snapshot(tmp_path: Path) -> Membership:
    columns: dict[str, dict[str, Scalar]] = {
        "tier": {"v1": "gold"},
        "orders": {"v1": 3},
        "spent": {"v2": 1.5},
        "staff": {"v1": True},
    }
    file = tmp_path / "members.snapshot"
    file.write_bytes(write_snapshot(MEMBERS, KEYS, 1, columns))
    return Membership.open(str(file), KEYS)


def told(directory: Path, membership: Membership, **files: str) -> list[str]:
    """What is said of a bundle that is sound by itself."""
    loaded = load(directory, **files)
    assert loaded.problems.render() == ""
    assert loaded.bundle is not None
    assert loaded.source is not None
    problems = Problems()
    check_links(loaded.bundle, loaded.source, membership, problems)
    return [
        f"{Path(one.position.file).name}:{one.position.line}:{one.position.column}: {one.message}"
        f" [{one.expected or one.nearest}]"
        for one in problems.all
    ]


def test_a_snapshot_with_all_that_is_named_goes_with_the_bundle(tmp_path: Path, membership: Membership) -> None:
    bundle = """
        bundle: shop
        attributes:
          loyalty: {type: string, from: snapshot tier}
          orders: {type: int, from: snapshot orders}
          spent: {type: double, from: snapshot spent}
          staff: {type: bool, from: snapshot staff}
        segments: {vip: {purpose: none}, phones: {when: "device == 'mobile'"}}
        """
    home = HOME % "\"'regulars' in segments && 'phones' in segments\""
    assert told(tmp_path, membership, bundle=bundle, home=home) == []


def test_a_segment_that_is_declared_is_missing_where_it_is_declared(tmp_path: Path, membership: Membership) -> None:
    bundle = "bundle: shop\nsegments:\n  champions: {purpose: none}\n"
    assert told(tmp_path, membership, bundle=bundle) == ["bundle.yaml:3:3: the snapshot has no segment 'champions' []"]


@pytest.mark.parametrize(
    ("when", "column"),
    [
        ("\"bot || 'vips' in segments\"", 81),
        ("'bot || \"vips\" in segments'", 81),
        ("[bot, \"'vips' in segments\"]", 80),
    ],
)
def test_a_segment_that_a_condition_names_is_missing_there(
    tmp_path: Path, membership: Membership, when: str, column: int
) -> None:
    assert told(tmp_path, membership, home=HOME % when) == [
        f"home.yaml:1:{column}: the snapshot has no segment 'vips' [vip]"
    ]


def test_a_segment_is_missing_where_the_condition_of_another_names_it(tmp_path: Path, membership: Membership) -> None:
    bundle = "bundle: shop\nsegments:\n  fans:\n    when:\n      - bot\n      - \"'followers' in segments\"\n"
    assert told(tmp_path, membership, bundle=bundle) == ["bundle.yaml:6:10: the snapshot has no segment 'followers' []"]


def test_each_missing_segment_is_told_once(tmp_path: Path, membership: Membership) -> None:
    home = HOME % "\"'first' in segments || 'second' in segments || 'first' in segments\""
    assert [one.partition(": ")[2] for one in told(tmp_path, membership, home=home)] == [
        "the snapshot has no segment 'first' []",
        "the snapshot has no segment 'second' []",
    ]


def test_columns_that_are_missing_or_of_another_type_are_told(tmp_path: Path, membership: Membership) -> None:
    bundle = """\
        bundle: shop
        attributes:
          loyalty: {type: string, from: snapshot tiers}
          orders: {type: double, from: snapshot orders}
          staff: {type: string, from: snapshot staff}
        """
    assert told(tmp_path, membership, bundle=bundle) == [
        "bundle.yaml:3:33: the snapshot has no column 'tiers' [tier]",
        "bundle.yaml:4:18: the snapshot's column 'orders' is an int [int]",
        "bundle.yaml:5:17: the snapshot's column 'staff' is a bool [bool]",
    ]


def test_attributes_from_elsewhere_are_not_asked_of_the_snapshot(tmp_path: Path, membership: Membership) -> None:
    bundle = "bundle: shop\nattributes: {a: {type: int, from: cookie nowhere}, b: {type: int}}\n"
    assert told(tmp_path, membership, bundle=bundle) == []
