"""The purchases are the log that PURCHASES.md says they are, made as it says."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

FOLDER = Path(__file__).parents[2] / "rules" / "storefront"
DOCUMENT = FOLDER.joinpath("PURCHASES.md").read_text("utf-8")


@pytest.fixture(scope="module", name="log")
def read_log() -> pa.Table:
    return pq.read_table(FOLDER / "purchases.parquet")


def test_the_log_is_whole(log: pa.Table) -> None:
    assert log.num_rows == 69_659
    assert pc.count_distinct(log["customer_id"]).as_py() == 23_570
    assert pc.min_max(log["date"]).as_py() == {"min": dt.date(1997, 1, 1), "max": dt.date(1998, 6, 30)}
    assert pc.sum(log["quantity"]).as_py() == 167_881
    assert pc.sum(log["amount"]).as_py() == Decimal("2500315.63")


def test_the_document_tells_these_figures_and_columns(log: pa.Table) -> None:
    for figure in ("69,659", "23,570", "167,881", "$2,500,315.63"):
        assert figure in DOCUMENT
    assert pc.sum(pc.equal(log["amount"], Decimal(0))).as_py() == 80
    distinct = log.group_by(log.column_names).aggregate([]).num_rows
    assert log.num_rows - distinct == 255
    assert [str(field.type) for field in log.schema] == ["string", "date32[day]", "int32", "decimal128(9, 2)"]
    assert re.findall(r"^\| `(\w+)`", DOCUMENT, re.MULTILINE) == log.column_names


def test_rows_are_sorted_by_all_columns(log: pa.Table) -> None:
    assert log.equals(log.sort_by([(name, "ascending") for name in log.column_names]))


@pytest.mark.skipif(find_spec("lifetimes") is None, reason="the package lifetimes is not installed")
def test_the_command_in_the_document_makes_this_very_file(
    log: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [program] = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "PURCHASES.md", "exec"), {})
    assert pq.read_table(tmp_path / "purchases.parquet").equals(log)
