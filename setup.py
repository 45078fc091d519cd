"""Builds the Cython extensions. Everything else is in pyproject.toml.

Switches, from the environment: EDGEWISE_DEBUG=1 (no optimisation, symbols), EDGEWISE_SANITIZE=1 (AddressSanitizer and
UndefinedBehaviorSanitizer), EDGEWISE_COVERAGE=1 (gcov's counters), EDGEWISE_FUZZ=1 (sanitizers, and calls that tell a
fuzzer what ran), EDGEWISE_WITHOUT_EXTENSIONS=1 (install only; the extensions are then built by `build_ext --inplace`,
which builds no more than what has changed).

What is built in place has the loops of the benchmarks, too; no wheel has them.
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]
FEW_STAMPS = "-DEDGEWISE_STAMP_END=5"  # what a workspace counts its decisions up to; else no test would get there
COMPILE = {
    "EDGEWISE_DEBUG": ["-O0", "-g"],
    "EDGEWISE_SANITIZE": ["-O1", "-g", FEW_STAMPS, *SANITIZERS],
    "EDGEWISE_COVERAGE": ["-O0", "-w", FEW_STAMPS, "--coverage"],
    "EDGEWISE_FUZZ": ["-O1", "-g1", "-w", *SANITIZERS, "-fsanitize-coverage=trace-pc,trace-cmp"],
}
LINK = {"EDGEWISE_SANITIZE": SANITIZERS, "EDGEWISE_COVERAGE": ["--coverage"]}  # a fuzzer brings its own sanitizers
SWITCH = next((name for name in COMPILE if os.environ.get(name)), "")
FOLDERS = ["rulecore", "benches"] if "--inplace" in sys.argv else ["rulecore"]
WITHOUT_EXTENSIONS = bool(os.environ.get("EDGEWISE_WITHOUT_EXTENSIONS"))

extensions = [
    Extension(
        ".".join(source.with_suffix("").parts),
        [str(source)],
        extra_compile_args=COMPILE.get(SWITCH, ["-O3"]),
        extra_link_args=LINK.get(SWITCH, []),
    )
    for folder in FOLDERS
    for source in sorted(Path(folder).glob("*.pyx"))
]
directives = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
}
setup(
    ext_modules=[] if WITHOUT_EXTENSIONS else cythonize(extensions, compiler_directives=directives, quiet=True),
    options={"build_ext": {"parallel": True}},
)
