"""The distribution: exactly what it holds, and that the wheel alone, without extras, gives a worker."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import urllib.request
import venv
import zipfile
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

from rulecore import write_bundle
from tests.samples import sample_bundle

ROOT: Final = Path(__file__).parent.parent
EXTENSION: Final = sysconfig.get_config_var("EXT_SUFFIX")
SITE_PACKAGES: Final = Path(sysconfig.get_path("purelib"))


class Distribution:
    """An sdist, and the wheel that was built from it, without optimisation."""

    def __init__(self, folder: Path) -> None:
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, EDGEWISE_DEBUG="1")
        (self.wheel,) = folder.glob("*.whl")
        (self.sdist,) = folder.glob("*.tar.gz")


def run(*command: str | Path, **environment: str) -> str:
    ran = subprocess.run(
        command, cwd="/", env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Distribution:
    return Distribution(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def bare(built: Distribution, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment with the wheel and what it requires without extras, and nothing else."""
    home = tmp_path_factory.mktemp("bare")
    venv.create(home, symlinks=True, with_pip=False)
    (site,) = home.glob("lib/python*/site-packages")
    for name in required("edgewise"):
        link(importlib.metadata.distribution(name), site)
    python = home / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-index", "--no-deps", built.wheel)
    return home / "bin"


def required(name: str) -> set[str]:
    """The distributions that one needs without extras, as they are installed here; itself left out."""
    found = set[str]()
    wanted = [name]
    while wanted:
        for line in importlib.metadata.distribution(wanted.pop()).requires or ():
            requirement = Requirement(line)
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if applies and requirement.name not in found:
                found.add(requirement.name)
                wanted.append(requirement.name)
    return found


def link(distribution: importlib.metadata.Distribution, site: Path) -> None:
    for top in {path.parts[0] for path in distribution.files or ()} - {".."}:
        if not (site / top).exists():
            (site / top).symlink_to(SITE_PACKAGES / top)


def test_the_wheel_holds_exactly_what_is_written_down(built: Distribution) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        held = {name.replace(EXTENSION, ".so") for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == set((ROOT / "tests" / "wheel.txt").read_text().split())


def test_the_sdist_holds_sources_only(built: Distribution) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert not {name for name in names if name.endswith((".c", ".so"))}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "setup.py", "pyproject.toml"} <= names


def test_the_wheel_alone_gives_both_commands(bare: Path) -> None:
    assert "serve" in run(bare / "edge", "--help")
    assert "rules" in run(bare / "central", "--help")


def test_the_wheel_alone_gives_a_worker(bare: Path, tmp_path: Path) -> None:
    image = tmp_path / "sample.bundle"
    image.write_bytes(write_bundle(sample_bundle()))
    command: list[str | Path] = [bare / "edge", "serve", "--bundle", image, "--port", "0", "--log-format", "json"]
    edge = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert edge.stderr is not None
        ready = next(record for line in edge.stderr if (record := json.loads(line))["event"] == "ready")
        with urllib.request.urlopen(f"{ready['address']}/v1/decide?placements=banner") as answer:
            assert answer.headers["Edgewise-Variants"] == "banner=plain"
    finally:
        edge.terminate()
        edge.communicate()
    assert edge.returncode == 0


def test_without_its_extra_central_says_what_to_install(bare: Path, tmp_path: Path) -> None:
    ran = subprocess.run([bare / "central", "rules", "check", tmp_path], capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "pip install 'edgewise[central]'" in ran.stderr
    assert ran.stderr.count("\n") == 1
