"""The demo, run as anybody runs it: what it prints is true, what it prints to type works, and it leaves nothing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from central.demo_visits import Visit

ROOT = Path(__file__).parents[2]
STOREFRONT = ROOT / "rules" / "storefront"
SECONDS_MAX = 60


@contextmanager
def demo(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A running `central demo` whose temporary files go into `folder`."""
    running = subprocess.Popen(
        [sys.executable, "-m", "central", "demo", *words],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        try:
            yield running
        finally:
            running.terminate()


def read_until(running: subprocess.Popen[str], start: str) -> list[str]:
    """The lines up to the first that begins with `start`."""
    assert running.stdout is not None
    lines = []
    for line in running.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(start):
            return lines
    pytest.fail(f"no line begins with {start!r}: {lines}")


def edges(folder: Path) -> list[str]:
    """The command lines of the processes that serve files of the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(bytes(folder)) for word in words):
            found.append(b" ".join(words).decode())
    return found


def test_it_shows_what_each_visit_sees_and_leaves_nothing(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        printed, errors = running.communicate(timeout=SECONDS_MAX)
    assert (running.returncode, errors) == (0, "")
    assert max(map(len, printed.splitlines())) <= 100
    steps = re.findall(r"^\[(\d)/7\] .* +\d+\.\d\d s$", printed, re.MULTILINE)
    assert steps == list("1234567")
    for visit in msgspec.json.decode((STOREFRONT / "visits.json").read_bytes(), type=list[Visit]):
        row = rf"^  {visit.visitor or '-'} +{re.escape(visit.says)}  +\w+ +[A-Z_]+ +\S"
        assert re.search(row, printed, re.MULTILINE), visit
    for rule in ("bargain-on-mobile", "luxury-evening", "vip-on-site", "recommendations-test", "(held out)"):
        assert f" {rule}\n" in printed
    assert "  win-back: won" in printed
    assert re.search(r"^  over HTTP, one connection +\d", printed, re.MULTILINE)
    assert edges(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_with_keep_the_lines_that_it_prints_work_until_ctrl_c(tmp_path: Path) -> None:
    with demo(tmp_path, "--keep") as running:
        read_until(running, "Try it")
        shown = read_until(running, "curl -sw '\\n' http://127.0.0.1:")
        shown += read_until(running, "# as an operator")
        assert running.stdout is not None
        shown.append(running.stdout.readline())
        assert sum(line.startswith("curl ") for line in shown) == 4
        ran = subprocess.run(
            ["/bin/bash", "-e", "-c", "\n".join(shown)], capture_output=True, text=True, timeout=SECONDS_MAX, check=True
        )
        assert edges(tmp_path) != []
        running.send_signal(signal.SIGINT)
        rest, errors = running.communicate(timeout=SECONDS_MAX)
    assert '"rule":"ten-orders"' in ran.stdout
    assert '"explanations":{"home_strip":' in ran.stdout
    assert re.search(r"^edgewise-variants: .*cart_note=gift_wrap", ran.stdout, re.MULTILINE)
    assert '"status":"ready"' in ran.stdout
    assert (running.returncode, errors) == (0, "")
    assert rest.lstrip().startswith("[7/7] Edge stopped")
    assert edges(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_on_the_way_leaves_nothing_either(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as running:
        read_until(running, "[5/7]")
        assert edges(tmp_path) != []
        running.send_signal(number)
        rest, errors = running.communicate(timeout=SECONDS_MAX)
    assert (running.returncode, errors) == (128 + number, "")
    assert rest.endswith("Stopped.\n")
    assert edges(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_rules_with_problems_are_told_and_no_edge_is_started(tmp_path: Path) -> None:
    rules = tmp_path / "shop"
    shutil.copytree(STOREFRONT, rules)
    home = rules / "home.yaml"
    home.write_text(home.read_text("utf-8").replace("device == 'mobile'", "device == 'mobil'"), "utf-8")
    with demo(tmp_path, "--rules", str(rules)) as running:
        printed, errors = running.communicate(timeout=SECONDS_MAX)
    assert running.returncode == 1
    assert "home.yaml:" in errors
    assert "'mobil'" in errors
    assert "[4/7]" not in printed


def test_a_bundle_without_visits_is_refused_in_words(tmp_path: Path) -> None:
    rules = tmp_path / "shop"
    shutil.copytree(STOREFRONT, rules)
    (rules / "visits.json").unlink()
    with demo(tmp_path, "--rules", str(rules)) as running:
        _, errors = running.communicate(timeout=SECONDS_MAX)
    assert running.returncode == 1
    assert "visits.json" in errors
