"""The bound is what Shannon's formulas give, worked out by hand here."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from central.segments.bound import bound
from central.segments.visitors import VisitorsFile, visitors_path
from rulecore.model import Type
from tests.central.sites import Visitor, write_site


def test_it_is_the_entropy_of_sets_and_values(tmp_path: Path) -> None:
    visitors: dict[str, Visitor] = {f"v{i}": ({"a"}, {"tier": "gold"}) for i in range(4)}
    visitors |= {f"w{i}": ({"a", "b"}, {}) for i in range(2)}
    visitors |= {"x": ({"b"}, {"tier": "silver"}), "y": ((), {})}
    file = VisitorsFile(visitors_path(write_site(tmp_path / "site", visitors, {"tier": Type.STRING})))
    found = bound(file, 16, tmp_path)
    assert found["set ids"] == pytest.approx((4 * 1 + 2 * 2 + 1 * 3 + 1 * 3) / 8)
    assert found["fingerprints"] == 8 * 16 / 8
    assert found["set records"] == pytest.approx((4 + 4 - math.log2(2)) / 8)
    assert found["column tier"] == pytest.approx((4 * 1 + 3 * math.log2(8 / 3) + 1 * 3) / 8)


def test_one_set_for_all_costs_nothing(tmp_path: Path) -> None:
    file = VisitorsFile(visitors_path(write_site(tmp_path / "site", {f"v{i}": ({"a"}, {}) for i in range(5)})))
    assert bound(file, 0, tmp_path) == {"set ids": 0, "fingerprints": 0, "set records": 0}


def test_columns_are_told_apart_whatever_sql_makes_of_their_names(tmp_path: Path) -> None:
    values = {"Segments": [0, 1, 0, 1], "Tier": [1, 1, 1, 1], "n": [0, 1, 2, 3], "tier": [0, 1, 2, 3]}
    visitors: dict[str, Visitor] = {f"v{i}": ({"a"}, {name: of[i] for name, of in values.items()}) for i in range(4)}
    file = VisitorsFile(visitors_path(write_site(tmp_path / "site", visitors, dict.fromkeys(values, Type.INT))))
    found = bound(file, 0, tmp_path)
    assert [found[f"column {name}"] for name in values] == [4 / 8, 0, 8 / 8, 8 / 8]
