"""What is said of every bundle in `bad_bundles/`, word for word as `central rules check` prints it."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Final

import pytest

from central.authoring.diagnostics import Problems
from central.authoring.load import load_bundle
from tests.central.authoring.bad_bundle import FOLDER, BadBundle

CASES: Final = {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in sorted(FOLDER.rglob("*.txt"))}
GIVEN: Final = re.compile(r"'[^']*'|`[^`]*`|[0-9][0-9,.]*")
"""What a message takes from the bundle: names, numbers and pieces of it."""

SEVERAL: Final = {
    "bundle.yaml": b"bundle: shop\ntimezone: Mars\nsegments: {buyers: {when: \"'vip' in segment && devise\"}}\n",
    "cart.yaml": b"placements: {cart: {default: nothing}}\n",
    "cart.test.yaml": b"- {name: nothing, context: {bot: maybe}, expect: {card: none}}\n",
    "home.yaml": b"placements:\n  hero: {default: none, defualt: sale}\n\tcart: {default: none}\n",
    "site.yaml": b"segments: {buyers: {when: \n",
}


def problems_of(bundle: BadBundle, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Problems:
    bundle.write(directory)
    monkeypatch.chdir(directory)
    return load_bundle(Path()).problems


def said(text: str) -> str:
    """A message without places, the lines of the source, and what it takes from the bundle."""
    lines = []
    for line in text.splitlines():
        if line.startswith("  expected:"):
            lines.append(line)
        elif line.startswith("  did you mean"):
            lines.append("a nearest name")
        elif not line.startswith("  "):
            lines.append(GIVEN.sub("...", line.partition(": ")[2]))
    return "\n".join(lines)


@pytest.mark.parametrize("name", CASES)
def test_the_message_is_this_one(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = BadBundle.read(CASES[name])
    assert problems_of(case, tmp_path, monkeypatch).render() + "\n" == case.expected


@pytest.mark.parametrize("name", CASES)
def test_errors_keep_the_bundle_back_and_warnings_do_not(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = problems_of(BadBundle.read(CASES[name]), tmp_path, monkeypatch)
    only_warned = name.startswith("warnings/")
    assert (not found.errors, bool(found.warnings)) == (only_warned, only_warned)


def test_there_are_many_cases() -> None:
    assert len(CASES) >= 60


def test_every_message_of_a_folder_is_another() -> None:
    cases = defaultdict(list)
    for name, path in CASES.items():
        cases[path.parent, said(BadBundle.read(path).expected)].append(name)
    assert [names for names in cases.values() if len(names) > 1] == []


def test_all_that_is_wrong_is_told_at_once_file_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = problems_of(BadBundle(SEVERAL, {}, ""), tmp_path, monkeypatch)
    assert [f"{problem.position}: {problem.message}" for problem in found.all] == [
        "bundle.yaml:2:11: no time zone is called 'Mars'",
        "bundle.yaml:3:37: no attribute is named `segment`",
        "bundle.yaml:3:48: no attribute is named `devise`",
        "cart.test.yaml:1:34: 'bot' can't be this",
        "cart.yaml:1:30: there is no variant 'nothing'",
        "home.yaml:3:1: a tab",
        "home.yaml:3:2: this does not go with the fields from line 1 on",
        "site.yaml:2:1: the file ends where a value is due",
    ]
