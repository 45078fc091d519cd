"""`python -m tests.fuzz.run`: fuzzes every target for a while, guided by what runs in the extensions.

The extensions are those of an EDGEWISE_FUZZ=1 build: they report what ran (`counters.c`) and are checked by
AddressSanitizer and UndefinedBehaviorSanitizer, which come with atheris. What targets there are is
`tests.fuzz.target`'s business, what they hold each target's own. Building is left to `make fuzz`.

A run starts from the target's seeds, which are written anew so that they are always of today's format, and from what
is kept in `corpus`. What it finds lies in build/fuzz: inputs that reach something new, and NAME-crash-… for failures.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.fuzz import bundle_image, delta_image, json_context, snapshot_image

BUILD: Final = Path("build/fuzz")
CORPUS: Final = Path("tests/fuzz/corpus")
SEEDS: Final = {
    "bundle_image": bundle_image.seeds,
    "delta_image": delta_image.seeds,
    "json_context": json_context.seeds,
    "snapshot_image": snapshot_image.seeds,
}
MERGE: Final = "-set_cover_merge=1"
INPUT_SECONDS_MAX: Final = 10
INPUT_BYTES_MAX: Final = 1 << 18
KEPT_INPUTS_MAX: Final = 64
KEPT_BYTES_MAX: Final = 40_000
"""Of each target."""

TAIL_LINES: Final = 40


def fuzz(name: str, seconds: int) -> str | None:
    """Fuzz one target; gives what failed, or None."""
    found = _folder(name, "found")
    options = [f"-max_total_time={seconds}", f"-artifact_prefix={BUILD}/{name}-", "-seed=1", "-print_final_stats=1"]
    ran = _target(name, *options, *_dictionary(name), str(found), *_starts(name))
    (BUILD / f"{name}.log").write_text(ran.stdout)
    if ran.returncode != 0:
        return f"{name} failed:\n" + "\n".join(ran.stdout.splitlines()[-TAIL_LINES:])
    last = re.findall(r"cov: (\d+) ft: \d+ corp: (\d+)/", ran.stdout)[-1]
    speed = re.search(r"average_exec_per_sec: +(\d+)", ran.stdout)
    print(f"{name}: {speed[1] if speed else '?'} runs a second, {last[0]} places reached, {last[1]} inputs", flush=True)
    return None


def keep(name: str) -> None:
    """Replace the kept corpus by few inputs that reach what those found and kept reach, the smallest first."""
    fewest = BUILD / f"{name}-fewest"
    shutil.rmtree(fewest, ignore_errors=True)
    fewest.mkdir()
    ran = _target(name, MERGE, str(fewest), *_starts(name), str(_folder(name, "found")))
    if ran.returncode != 0:
        raise SystemExit(ran.stdout)
    seeds = {hashlib.sha1(seed, usedforsecurity=False).hexdigest() for seed in SEEDS[name]()}
    shutil.rmtree(CORPUS / name, ignore_errors=True)
    (CORPUS / name).mkdir(parents=True)
    new = [path for path in fewest.iterdir() if path.name not in seeds]
    kept = 0
    for path in sorted(new, key=lambda path: (path.stat().st_size, path.name))[:KEPT_INPUTS_MAX]:
        kept += path.stat().st_size
        if kept <= KEPT_BYTES_MAX:
            shutil.move(path, CORPUS / name)
    print(f"{name}: {len(list((CORPUS / name).iterdir()))} inputs in {CORPUS / name}")


def reproduce(case: Path) -> int:
    """Run one input, which a file named after its target holds; gives the exit code."""
    name = next((name for name in SEEDS if name in str(case)), None)
    if name is None:
        raise SystemExit(f"{case}: its path names none of the targets, which are {', '.join(SEEDS)}.")
    ran = _target(name, str(case))
    print(ran.stdout)
    return ran.returncode


def _target(name: str, *flags: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "LD_PRELOAD": ":".join(_preloaded(mutates=name != "json_context" and MERGE not in flags)),
        "PYTHONPATH": f"{BUILD / 'lib'}:.",
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": "detect_leaks=0",
    }
    common = [f"-timeout={INPUT_SECONDS_MAX}", f"-max_len={INPUT_BYTES_MAX}"]
    # -P: the extensions of the fuzzed build, not those in this folder.
    command = [sys.executable, "-P", "-m", "tests.fuzz.target", name, *common, *flags]
    return subprocess.run(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def _preloaded(*, mutates: bool) -> Iterator[str]:
    """What the linker must see before Python: relative, because a space would end a path."""
    installed = Path(os.path.relpath(sysconfig.get_path("platlib")))
    yield str(BUILD / "counters.so")
    if mutates:  # where libFuzzer looks for atheris's custom mutator, when it is itself preloaded
        yield str(installed / "atheris" / f"custom_mutator{sysconfig.get_config_var('EXT_SUFFIX')}")
    yield str(installed / "asan_with_fuzzer.so")


def _starts(name: str) -> Iterator[str]:
    seeds = _folder(name, "seeds")
    for number, seed in enumerate(SEEDS[name]()):
        (seeds / f"seed-{number}").write_bytes(seed)
    yield str(seeds)
    if (CORPUS / name).exists():
        yield str(CORPUS / name)


def _dictionary(name: str) -> Iterator[str]:
    if name == "json_context":
        path = BUILD / "json_context.words"
        words = (word.replace("\\", "\\\\").replace('"', '\\"') for word in json_context.WORDS)
        path.write_text("".join(f'"{word}"\n' for word in words))
        yield f"-dict={path}"


def _folder(name: str, kind: str) -> Path:
    folder = BUILD / f"{name}-{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command: 0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="tests.fuzz.run", description="Fuzz the readers of images and of JSON.")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: %(default)s)")
    parser.add_argument(
        "--keep", action="store_true", help=f"then keep in {CORPUS} the fewest inputs that reach the same"
    )
    parser.add_argument("--case", type=Path, help="run this input only")
    options = parser.parse_args(argv)
    case: Path | None = options.case
    if case is not None:
        return reproduce(case)
    seconds: int = options.seconds
    cores = len(os.sched_getaffinity(0))
    with concurrent.futures.ThreadPoolExecutor(cores) as pool:
        failures = [failure for failure in pool.map(lambda name: fuzz(name, seconds), SEEDS) if failure is not None]
    for failure in failures:
        print(failure, file=sys.stderr)
    if failures:
        print(f"The inputs lie in {BUILD}; `make fuzz CASE=FILE` runs one again.", file=sys.stderr)
        return 1
    if options.keep:
        for name in SEEDS:
            keep(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
