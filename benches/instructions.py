"""`python -m benches.instructions`: how many instructions a decision takes, against what is written down beside this.

Instructions don't depend on the machine's speed nor on its neighbours, so, unlike seconds, they can gate a change. They
do depend on the compiler, Cython, Python and processor family that they were counted with. So these are written down,
too: with the same ones a case may take MARGIN more than before, with others OTHER_TOOLS_MARGIN, which still
finds what grows with the number of rules.

callgrind counts only within the engine's methods; what is called is `benches.counted`'s business.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from benches.counted import Counted
from benches.generator import NOW, Facts, Scenario
from rulecore import _engine, _hash, write_bundle

BASELINE: Final = Path(__file__).with_suffix(".json")
FOLDER: Final = Path("build/instructions")
VALGRIND: Final = Path("build/valgrind")

RULES: Final = (20, 2_000, 20_000)
CONTEXTS: Final = 64
PLACEMENT: Final = "placement_00"

MARGIN: Final = 0.03
OTHER_TOOLS_MARGIN: Final = 0.20


class Baseline(msgspec.Struct, frozen=True):
    """Instructions a call, by case, and what they were counted with."""

    tools: dict[str, str]
    instructions: dict[str, int]


def cases() -> Iterator[Counted]:
    """What is counted: always the same."""
    for rules in RULES:
        scenario = Scenario(rules)
        image = write_bundle(scenario.bundle)
        for kind, contexts in (
            ("natural", scenario.natural(PLACEMENT, CONTEXTS)),
            ("no match", scenario.unmatched(CONTEXTS)),
        ):
            yield _case(f"{rules:,} rules, dict, {kind}", image, "decide", list(contexts))
            yield _case(f"{rules:,} rules, bytes, {kind}", image, "decide_json", _bodies(contexts))
    scenario = Scenario(200, placements=10)
    contexts = scenario.natural(PLACEMENT, CONTEXTS)
    arguments = [(context, NOW) for context in contexts]
    yield Counted("10 placements, decide_all", write_bundle(scenario.bundle), "decide_all", arguments)


def _case(name: str, image: bytes, method: str, contexts: Sequence[Facts | bytes]) -> Counted:
    return Counted(name, image, method, [(PLACEMENT, context, NOW) for context in contexts])


def _bodies(contexts: Sequence[Facts]) -> list[bytes]:
    return [msgspec.json.encode(context) for context in contexts]


def count(counted: Sequence[Counted]) -> dict[str, int]:
    """Instructions a call, by case."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    file = FOLDER / "cases.msgpack"
    file.write_bytes(msgspec.msgpack.encode(counted))
    command = [
        *_valgrind(),
        "--tool=callgrind",
        f"--callgrind-out-file={FOLDER}/counted",
        f"--dump-before={_symbol(_hash.__file__, 'murmur3_32')}",
        "--collect-atstart=no",
        *(f"--toggle-collect={_symbol(_engine.__file__, name)}" for name in {case.method for case in counted}),
        *(sys.executable, "-m", "benches.counted", str(file)),
    ]
    ran = subprocess.run(command, env=_environment(), stderr=subprocess.PIPE, text=True, check=False)
    if ran.returncode != 0:
        raise SystemExit(f"callgrind failed:\n{ran.stderr}")
    # Two dumps a case, the first of them of its warming up.
    totals = [_total(FOLDER / f"counted.{number}") for number in range(2, 2 * len(counted) + 1, 2)]
    return {case.name: total // len(case.arguments) for case, total in zip(counted, totals, strict=True)}


def _total(dump: Path) -> int:
    found = re.search(r"^totals: (\d+)$", dump.read_text(), re.MULTILINE)
    if found is None or found[1] == "0":
        raise SystemExit(f"callgrind counted nothing in {dump}: have the extensions been stripped of their symbols?")
    return int(found[1])


def _symbol(extension: str, name: str) -> str:
    """The C name that Cython gave to a function for Python; its number depends on the functions before it."""
    found = re.search(rb"\0(__pyx_pw_\w+_\d+_?%s)\0" % name.encode(), Path(extension).read_bytes())
    if found is None:
        raise SystemExit(f"{extension} has no symbol for {name}: build it without stripping symbols.")
    return found[1].decode()


def _environment() -> dict[str, str]:
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    if shutil.which("valgrind") is None:
        environment["VALGRIND_LIB"] = str(VALGRIND / "usr/libexec/valgrind")
    return environment


def _valgrind() -> list[str]:
    """The one on the PATH, or else one that is fetched into build/, which needs no rights."""
    if shutil.which("valgrind") is not None:
        return ["valgrind"]
    fetched = VALGRIND / "usr/bin/valgrind"
    if not fetched.exists():
        try:
            VALGRIND.mkdir(parents=True, exist_ok=True)
            subprocess.run(["apt-get", "-q", "download", "valgrind"], cwd=VALGRIND, check=True)
            (package,) = VALGRIND.glob("valgrind_*.deb")
            subprocess.run(["dpkg", "-x", package.name, "."], cwd=VALGRIND, check=True)
        except (OSError, subprocess.CalledProcessError, ValueError) as error:
            raise SystemExit(f"Counting instructions needs valgrind: install it. ({error})") from None
    return [str(fetched)]  # relative: it is a shell script that takes a space for an end


def tools() -> dict[str, str]:
    """What the count depends on, besides our sources."""
    compiler = re.search(rb"(?:GCC: \(|clang version )[^\0]*", Path(_engine.__file__).read_bytes())
    return {
        "compiler": compiler[0].decode() if compiler else "unknown",
        "cython": importlib.metadata.version("cython"),
        "python": f"{platform.python_version()}, {platform.python_compiler()}",
        "machine": platform.machine(),
    }


def compare(baseline: Baseline, found: Baseline) -> list[str]:
    """Print both side by side; gives the cases that now take too much, or that are not in both."""
    different = [name for name, version in found.tools.items() if baseline.tools.get(name) != version]
    margin = OTHER_TOOLS_MARGIN if different else MARGIN
    wrong = []
    print(f"{'Instructions a call':<32}{'baseline':>12}{'now':>12}{'ratio':>8}")
    for name in dict.fromkeys(itertools.chain(baseline.instructions, found.instructions)):
        old, new = baseline.instructions.get(name), found.instructions.get(name)
        ratio = new / old if old and new else None
        if ratio is None or ratio > 1 + margin:
            wrong.append(name)
        cells = ["-" if value is None else f"{value:,}" for value in (old, new)]
        print(f"{name:<32}{cells[0]:>12}{cells[1]:>12}{'-' if ratio is None else f'{ratio:.3f}':>8}")
    for name in different:
        print(f"The baseline was counted with {name} {baseline.tools.get(name)}, this with {found.tools[name]}.")
    print(f"A case may take {margin:.0%} more than the baseline.")
    return wrong


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command: 0 when all is well."""
    parser = argparse.ArgumentParser(prog="benches.instructions", description="Instructions a decision, gated.")
    parser.add_argument("--accept", action="store_true", help=f"write what is counted to {BASELINE.name}")
    accept: bool = parser.parse_args(argv).accept
    found = Baseline(tools(), count(list(cases())))
    baseline = Baseline(found.tools, {})
    if BASELINE.exists():
        baseline = msgspec.json.decode(BASELINE.read_bytes(), type=Baseline)
    wrong = compare(baseline, found)
    if accept:
        BASELINE.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
        print(f"Written to benches/{BASELINE.name}.")
    elif wrong:
        print(f"Too many, or not in both: {'; '.join(wrong)}.", file=sys.stderr)
        print(
            "If that is what the change is worth, `make instructions ACCEPT=1` makes it the baseline.", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
