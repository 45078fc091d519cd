"""What each package offers to others, name by name: a change here is a change of the public face."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
EXPORTS: Final = {
    "rulecore": {
        "LIMITS",
        "NO_SEGMENT",
        "BundleImage",
        "ContextError",
        "Decision",
        "DeltaImage",
        "EdgewiseError",
        "Engine",
        "ImageError",
        "ImageFeatureError",
        "ImageVersionError",
        "LimitError",
        "Limits",
        "LinkError",
        "Membership",
        "MembershipKeys",
        "PatternError",
        "PlacementError",
        "RowGrouper",
        "SnapshotImage",
        "UnitKeyCollisionError",
        "duration_constant",
        "is_semver",
        "murmur3_32",
        "timestamp_constant",
        "write_bundle",
    },
    "central": set[str](),
    "central.authoring": set[str](),
    "central.segments": {"BuildStats", "InputError", "Plan", "build_snapshot", "plan_snapshot"},
    "edge": set[str](),
}


@pytest.mark.parametrize("package", EXPORTS)
def test_a_package_offers_exactly_what_is_written_down(package: str) -> None:
    module = importlib.import_module(package)
    offered = getattr(module, "__all__", [])
    assert set(offered) == EXPORTS[package]
    assert len(offered) == len(EXPORTS[package])
    assert all(hasattr(module, name) for name in offered)


@pytest.mark.parametrize("package", EXPORTS)
def test_a_package_does_nothing_but_import(package: str) -> None:
    source = (ROOT / package.replace(".", "/") / "__init__.py").read_text()
    for statement in ast.parse(source).body:
        match statement:
            case ast.Expr(value=ast.Constant()) | ast.ImportFrom():
                pass
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                pass
            case _:
                pytest.fail(f"{package}/__init__.py, line {statement.lineno}: {ast.unparse(statement)}")
