"""Every module can be imported first, and the worker does without what only the control plane installs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from benches.peers.peer import PEERS
from benches.peers.store import STORES

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = ("rulecore", "edge", "central", "benches")
CONTROL_PLANE_ONLY: Final = ("duckdb", "matplotlib", "pyarrow", "pyroaring", "tzdata", "yaml")

# One interpreter with nothing of ours in it; each module is imported in a fork of its own.
ONE_BY_ONE: Final = """
import os, sys, traceback
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        try:
            __import__(name)
        except BaseException:
            sys.stderr.write(f"--- import {name}\\n{traceback.format_exc()}")
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        print(name)
"""

TOGETHER: Final = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*sorted(sys.modules))
"""


def modules(*packages: str) -> list[str]:
    found = set[str]()
    for package in packages:
        for suffix in ("py", "pyx"):
            for path in (ROOT / package).rglob(f"*.{suffix}"):
                parts = path.relative_to(ROOT).with_suffix("").parts
                found.add(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return sorted(found)


def python(program: str, names: list[str]) -> str:
    ran = subprocess.run([sys.executable, "-c", program, *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr


def test_every_module_imports_alone() -> None:
    not_installed = {f"benches.peers.{listed.module}" for listed in (*PEERS, *STORES) if listed.version() is None}
    assert python(ONE_BY_ONE, [name for name in modules(*PACKAGES) if name not in not_installed]) == ""


def test_the_worker_imports_nothing_of_the_control_plane() -> None:
    loaded = {name.partition(".")[0] for name in python(TOGETHER, modules("rulecore", "edge")).split()}
    assert loaded.isdisjoint({*CONTROL_PLANE_ONLY, "central"})


def test_the_contract_imports_neither_plane() -> None:
    loaded = {name.partition(".")[0] for name in python(TOGETHER, modules("rulecore")).split()}
    assert loaded.isdisjoint({*CONTROL_PLANE_ONLY, "central", "edge"})
