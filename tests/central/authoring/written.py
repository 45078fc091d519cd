"""Bundles written for one test: their files by path, and what loading them came to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from central.authoring.load import Loaded, load_bundle
from rulecore.model import Bundle


def write(directory: Path, files: Mapping[str, str]) -> Path:
    """Write the files, whose text may be indented as the test is, in the order given."""
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(dedent(text), "utf-8")
    return directory


def load(directory: Path, **files: str) -> Loaded:
    """Load a bundle of YAML files, given by their names without the ending: `home_test` is home.test.yaml."""
    named = {f"{name.replace('_test', '.test')}.yaml": text for name, text in files.items()}
    return load_bundle(write(directory, {"bundle.yaml": "bundle: shop\n"} | named))


def sound(directory: Path, **files: str) -> Bundle:
    """The same of a bundle without problems, and without warnings."""
    loaded = load(directory, **files)
    assert loaded.problems.render() == ""
    assert loaded.bundle is not None
    return loaded.bundle
