"""The gate: more instructions than the margin allows are too many, and nothing goes uncompared."""

from __future__ import annotations

import pytest

from benches.instructions import Baseline, compare

TOOLS = {"compiler": "gcc 12", "python": "3.11"}
BEFORE = Baseline(TOOLS, {"dict": 1_000, "bytes": 2_000})


@pytest.mark.parametrize(
    ("compiler", "instructions", "wrong"),
    [
        ("gcc 12", {"dict": 1_030, "bytes": 2_000}, []),
        ("gcc 12", {"dict": 1_031, "bytes": 2_000}, ["dict"]),
        ("gcc 12", {"dict": 10, "bytes": 2_061}, ["bytes"]),
        ("gcc 13", {"dict": 1_031, "bytes": 2_400}, []),
        ("gcc 13", {"dict": 1_201, "bytes": 2_400}, ["dict"]),
        ("gcc 12", {"dict": 1_000, "both": 2_000}, ["bytes", "both"]),
    ],
)
def test_what_takes_more_than_the_margin_is_named(
    compiler: str, instructions: dict[str, int], wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(BEFORE, Baseline({**TOOLS, "compiler": compiler}, instructions)) == wrong
    said = capsys.readouterr().out
    assert ("counted with compiler gcc 12, this with gcc 13" in said) is (compiler == "gcc 13")
