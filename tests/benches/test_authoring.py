"""The YAML that authoring is measured with: it says what the generator's bundle says, and its tests hold."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benches.authoring import write_rules, write_tests
from benches.generator import Scenario
from central.authoring.load import load_bundle
from central.authoring.testing import run_tests
from rulecore import BundleImage, Engine, write_bundle
from rulecore.model import Bundle


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return Scenario(60, placements=3)


@pytest.mark.parametrize("files", [1, 3])
def test_the_yaml_says_what_the_bundle_says(tmp_path: Path, scenario: Scenario, files: int) -> None:
    write_rules(scenario, tmp_path / "bench", files)
    assert len(list((tmp_path / "bench").iterdir())) == files + 1
    loaded = load_bundle(tmp_path / "bench")
    assert loaded.problems.render() == ""
    assert loaded.bundle is not None
    assert essence(loaded.bundle) == essence(scenario.bundle)


def essence(bundle: Bundle) -> dict[str, object]:
    """The placements with payloads as values, and without salts that nothing uses."""
    return {
        placement.name: (
            {variant.name: msgspec.json.decode(variant.payload or b"null") for variant in placement.variants},
            placement.default,
            [(rule.id, rule.when, rule.purposes, rule.unit, rule.serve, rule.split) for rule in placement.rules],
            [rule.salt for rule in placement.rules if rule.split],
        )
        for placement in bundle.placements
    }


def test_a_test_for_each_rule_is_written_and_holds(tmp_path: Path, scenario: Scenario) -> None:
    write_rules(scenario, tmp_path / "bench", files=1)
    write_tests(scenario, tmp_path / "bench")
    loaded = load_bundle(tmp_path / "bench")
    assert loaded.bundle is not None
    tested = run_tests(Engine(BundleImage(write_bundle(loaded.bundle))), loaded.tests, loaded.problems)
    assert loaded.problems.render() == ""
    assert (tested.tests, tested.passed) == (60, 60)
    assert len(tested.decided) > 50
