"""Builds the Cython extensions. Everything else is in pyproject.toml.

Switches, from the environment: EDGEWISE_DEBUG=1 (no optimisation, symbols), EDGEWISE_TRACE=1 (line tracing, for
coverage of .pyx), EDGEWISE_SANITIZE=1 (AddressSanitizer and UndefinedBehaviorSanitizer), EDGEWISE_WITHOUT_EXTENSIONS=1
(install only; the extensions are then built by `build_ext --inplace`, which builds no more than what has changed).
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = bool(os.environ.get("EDGEWISE_DEBUG"))
TRACE = bool(os.environ.get("EDGEWISE_TRACE"))
SANITIZE = bool(os.environ.get("EDGEWISE_SANITIZE"))
WITHOUT_EXTENSIONS = bool(os.environ.get("EDGEWISE_WITHOUT_EXTENSIONS"))

compile_args = ["-O0", "-g"] if DEBUG else ["-O1", "-g"] if SANITIZE else ["-O3"]
link_args = []
if SANITIZE:
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]
    compile_args += sanitizers
    link_args += sanitizers

extensions = [
    Extension(
        ".".join(source.with_suffix("").parts),
        [str(source)],
        extra_compile_args=compile_args,
        extra_link_args=link_args,
        define_macros=[("CYTHON_TRACE_NOGIL", "1")] if TRACE else [],
    )
    for source in sorted(Path("rulecore").glob("*.pyx"))
]
directives = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "linetrace": TRACE,
}
setup(
    ext_modules=[]
    if WITHOUT_EXTENSIONS
    else cythonize(extensions, compiler_directives=directives, force=TRACE, quiet=True),
    options={"build_ext": {"parallel": True}},
)
