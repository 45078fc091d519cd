"""A report says what was measured, in tables, in a picture and in JSON that reads back."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest

from benches.comparison import OURS, OURS_BYTES
from benches.decisions import decision_name
from benches.floors import FLOOR
from benches.loading import PRIVATE
from benches.picture import apart, draw
from benches.promises import keep
from benches.report import NATURAL, NO_MATCH, Comparison, PeerNote, Promise, Ratio, Report, Section, make_report, write
from benches.tables import render_comparisons, render_peers, render_promises, render_section
from benches.timing import Case, Figures, call_by_call, figures

EMPTY = Section("nothing", [], [])


def found(name: str, median: float, unit: str = "ns") -> Figures:
    return Figures(name, unit, median, median / 2, median * 2, 5)


def compared(rules: int, kind: str, ours: float, theirs: float) -> Comparison:
    ours_twice = [found(OURS, ours), found(OURS_BYTES, ours)]
    return Comparison("retailer", rules, kind, [found(FLOOR, 30), *ours_twice, found("zen-engine", theirs)])


COMPARISONS = [
    compared(rules, kind, 500, 40.0 * rules) for rules in (20, 2_000, 20_000) for kind in (NATURAL, NO_MATCH)
]


def test_figures_are_of_all_samples() -> None:
    of = figures("a", "ns", [5, 1, 2, 3, 4])
    assert (of.median, of.least, of.p99, of.batches) == (3, 1, 5, 5)


def test_every_call_is_timed_in_every_round() -> None:
    asked: list[object] = []
    taken = call_by_call(Case("a case", "ask(item)", ["a", "b", "c"], {"ask": asked.append}), 2, before="item *= 2")
    assert asked == ["aa", "bb", "cc"] * 2
    assert [len(some) for some in taken] == [3, 3]
    assert all(each >= 0 for some in taken for each in some)


def test_a_section_shows_multiples_of_its_floor() -> None:
    section = Section("Title", [found("floor", 20), found("a", 1_234)], [Ratio("a / b", 2.5)], "floor", ["a note"])
    assert render_section(section).splitlines() == [
        "Title",
        "  ns                                          median         min         p99                   x floor",
        "  floor                                         20.0        10.0        40.0                       1.0",
        "  a                                            1,234         617       2,468                      61.7",
        "  a / b                                                 2.50",
        "  a note",
    ]


def test_engines_are_compared_a_column_a_workload() -> None:
    lines = render_comparisons(COMPARISONS).splitlines()
    assert [line.split()[0] for line in lines[2:6]] == ["no-op", "edgewise", "edgewise,", "zen-engine"]
    assert lines[5].split() == ["zen-engine", "0.80", "(1.60)", "80.0", "(160)", "800", "(1,600)"]
    assert "contexts: no match" in lines[7]


def test_an_engine_that_was_left_out_has_no_figure() -> None:
    without = msgspec.structs.replace(COMPARISONS[0], rules=200, figures=COMPARISONS[0].figures[:2])
    assert render_comparisons([COMPARISONS[0], without]).splitlines()[-1].split()[-1] == "-"


def test_peers_are_named_with_versions_and_reasons() -> None:
    text = render_peers([PeerNote("zen-engine", "2.1", []), PeerNote("growthbook", "", ["not installed"])])
    assert [line.split() for line in text.splitlines()[1:]] == [
        ["zen-engine", "2.1"],
        ["growthbook", "not", "installed"],
    ]


@pytest.mark.parametrize(
    ("promise", "verdict"),
    [
        (Promise("p", "us", 0.3, 0.6, 0.35), "stretch met"),
        (Promise("p", "us", 0.5, 0.6, 0.35), "met"),
        (Promise("p", "us", 0.7, 0.6, 0.35), "not met"),
        (Promise("p", "us", 0.6, 0.6), "met"),
        (Promise("p", "times", 8, 7, more_is_better=True), "met"),
        (Promise("p", "times", 6, 7, more_is_better=True), "not met"),
        (Promise("p", "us", None, 1), "not measured"),
    ],
)
def test_a_promise_is_kept_or_not(promise: Promise, verdict: str) -> None:
    assert promise.verdict == verdict
    assert render_promises([promise]).endswith(verdict)


def test_promises_are_held_against_the_figures() -> None:
    decisions = Section(
        "d",
        [found(decision_name(20, "dict", NO_MATCH), 400), found(decision_name(20_000, "dict", NO_MATCH), 600)],
        [],
    )
    worst = Section("w", [found("a, dict, natural", 9_000), found("b, dict, natural", 31_000)], [])
    loading = Section("l", [], [Ratio(PRIVATE, 0.5)])
    promises = {each.name: each for each in keep(decisions, EMPTY, worst, loading, COMPARISONS)}
    assert promises["growth from 20 to 20,000 rules, dict, no match"].measured == 1.5
    assert promises["the fastest packaged peer, 20,000 rules, no match"].measured == 1_600
    assert promises["the worst case (b, dict, natural)"].verdict == "not met"
    assert promises["memory for 20,000 rules beyond the mapped image"].verdict == "stretch met"
    assert promises["decision, 20 rules, dict, natural"].verdict == "not measured"


def report() -> Report:
    return make_report(
        [EMPTY], COMPARISONS, [PeerNote("zen-engine", "2.1", [])], [Promise("p", "us", 1, 2)], quick=True
    )


def test_a_report_reads_back_from_its_file(tmp_path: Path) -> None:
    made = report()
    path = write(made, tmp_path / "results")
    assert msgspec.json.decode(path.read_bytes(), type=Report) == made
    assert made.date[:19].replace(":", "") in path.name


def test_the_picture_is_drawn_beside_the_report(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; the extra `bench` has it")
    picture = draw(report(), tmp_path / "run.json")
    assert picture == tmp_path / "run.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "run.svg").read_text("utf-8")
    assert "<svg" in text


def test_labels_keep_their_distance_and_their_order() -> None:
    moved = apart([0.1, 0.5, 0.5, 0.51, 0.9], gap=0.05)
    assert moved[0] == 0.1
    assert moved[-1] == 0.9
    assert all(above - below > 0.049 for below, above in itertools.pairwise(moved))
