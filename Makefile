# Every target makes the virtual environment and builds the extensions first, if that has not been done since
# the files that say how have changed. Paths are relative throughout, so the folder may be anywhere.

VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
FUZZ_INSTALLED := $(VENV)/.fuzz-installed
BUILT := $(VENV)/.built
BENCH_INSTALLED := $(VENV)/.bench-installed
PIP := $(PYTHON) -m pip -q --disable-pip-version-check

# The extensions and what they are made of.
SOURCES := $(wildcard rulecore/*.pyx rulecore/*.pxd benches/*.pyx)
SANITIZED := build/sanitize
COVERED := build/coverage
FUZZED := build/fuzz
SANITIZE_TESTS := $(wildcard tests/rulecore/test_address*.py tests/rulecore/test_agreement*.py \
	tests/rulecore/test_automata*.py tests/rulecore/test_context*.py tests/rulecore/test_delta*.py \
	tests/rulecore/test_engine*.py tests/rulecore/test_expressions*.py tests/rulecore/test_image*.py \
	tests/rulecore/test_index*.py tests/rulecore/test_membership*.py tests/rulecore/test_partition*.py \
	tests/rulecore/test_records*.py tests/rulecore/test_retrieval*.py tests/rulecore/test_text*.py)

# The oldest Python that will do is 3.11; `make SYSTEM_PYTHON=/path/to/python` names another.
SYSTEM_PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,\
	$(shell $(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))

.DEFAULT_GOAL := help
.PHONY: help build demo test soak lint format bench instructions sanitize coverage fuzz clean

help:  ## Say what there is
	@echo 'Edgewise. The first of these that you run makes .venv and builds; that takes a minute or two.'
	@sed -n 's/^\([a-z]*\):.*  ## \(.*\)/  make \1#\2/p' Makefile | while IFS='#' read -r name text; do \
		printf '%-16s %s\n' "$$name" "$$text"; done

build: $(BUILT)  ## The virtual environment and the extensions, no more

demo: $(BUILT)  ## The whole way: real purchases to decisions over HTTP (KEEP=1: stay up and print curl lines)
	@$(VENV)/bin/central demo $(if $(KEEP),--keep)

test: $(BUILT)  ## The whole suite, with seeded samples of what is long (ARGS='-k name' for some of it)
	@echo '== Tests: all but those marked soak'
	@$(PYTHON) -m pytest -n auto $(ARGS)

soak: $(BUILT)  ## The whole suite, with all of what is long
	@echo '== Tests: all of it, long'
	@HYPOTHESIS_PROFILE=soak $(PYTHON) -m pytest -m 'soak or not soak' $(ARGS)

lint: $(BUILT)  ## Style, types and layers: ruff, mypy, cython-lint, import-linter
	@echo '== ruff'
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@echo '== mypy'
	@$(PYTHON) -m mypy
	@echo '== cython-lint'
	@PATH="$$PWD/$(VENV)/bin:$$PATH" cython-lint rulecore benches
	@echo '== import-linter'
	@$(VENV)/bin/lint-imports

format: $(BUILT)  ## Rewrite the Python sources as `make lint` wants them
	@$(PYTHON) -m ruff check --fix-only .
	@$(PYTHON) -m ruff format .

bench: $(BUILT) $(BENCH_INSTALLED)  ## Speed, beside other engines and floors of the same run (QUICK=1: a glance)
	@$(PYTHON) -m benches.run $(if $(QUICK),--quick)

# The same on a fast, a slow and a busy machine, so this gates a change, and seconds don't.
instructions: $(BUILT)  ## Instructions a decision, counted by callgrind, against what is written down (ACCEPT=1: write)
	@$(PYTHON) -m benches.instructions $(if $(ACCEPT),--accept)

# The next three have a build each of their own, beside the usual one. Of the tests, those that go for memory.
sanitize: $(BUILT)  ## Damaged images, contexts and agreement under AddressSanitizer and UndefinedBehaviorSanitizer
	@echo '== Building the extensions with sanitizers into $(SANITIZED)'
	@EDGEWISE_SANITIZE=1 $(PYTHON) setup.py -q build --build-base $(SANITIZED)/base --build-lib $(SANITIZED)/lib
	@echo '== Tests under the sanitizers'
	@LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so)" \
		ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
		$(PYTHON) -m pytest -n auto -p no:cacheprovider -o pythonpath=$(SANITIZED)/lib $(SANITIZE_TESTS) $(ARGS)

coverage: $(BUILT)  ## Which lines of the extensions their tests run; less than 95 % fails
	@echo '== Building the extensions with counters into $(COVERED)'
	@EDGEWISE_COVERAGE=1 $(PYTHON) setup.py -q build --build-base $(COVERED)/base --build-lib $(COVERED)/lib
	@echo '== Tests with counters'
	@find $(COVERED) -name '*.gcda' -delete
	@$(PYTHON) -m pytest -n auto -p no:cacheprovider -o pythonpath=$(COVERED)/lib \
		--ignore=tests/rulecore/test_growth.py tests/rulecore $(ARGS)
	@$(PYTHON) -m tests.line_coverage $(COVERED)/base

fuzz: $(BUILT) $(FUZZ_INSTALLED)  ## Fuzz the readers (SECONDS=60 each; CASE=file: run that again; KEEP=1: keep what is new)
	@echo '== Building the extensions for the fuzzer into $(FUZZED)'
	@EDGEWISE_FUZZ=1 $(PYTHON) setup.py -q build --build-base $(FUZZED)/base --build-lib $(FUZZED)/lib
	@gcc -O2 -shared -fPIC -o $(FUZZED)/counters.so tests/fuzz/counters.c
	@echo '== Fuzzing'
	@$(PYTHON) -m tests.fuzz.run $(if $(SECONDS),--seconds $(SECONDS)) $(if $(KEEP),--keep) $(if $(CASE),--case '$(CASE)')

clean:  ## Remove what was built, .venv too
	rm -rf $(VENV) build dist edgewise.egg-info benches/results .hypothesis .mypy_cache .ruff_cache .pytest_cache
	rm -rf .import_linter_cache
	rm -f rulecore/*.c rulecore/*.so rulecore/*.html benches/*.c benches/*.so
	find rulecore edge central benches tests -name __pycache__ -prune -exec rm -rf {} +

# Built with .venv's own Cython rather than in isolation, and by the next rule alone, so that nothing is built twice.
define BUILD_REQUIRES
import tomllib
with open("pyproject.toml", "rb") as project:
    print(*tomllib.load(project)["build-system"]["requires"], sep="\n")
endef
export BUILD_REQUIRES

$(INSTALLED): pyproject.toml setup.py
	@test -n '$(SYSTEM_PYTHON)' || { echo 'Edgewise needs Python 3.11 or newer; there is none on the PATH.' >&2; exit 1; }
	@echo '== Making the virtual environment $(VENV) and installing what the project needs'
	@test -x $(PYTHON) || '$(SYSTEM_PYTHON)' -m venv $(VENV)
	@$(PYTHON) -c "$$BUILD_REQUIRES" | xargs -d '\n' $(PIP) install
	@EDGEWISE_WITHOUT_EXTENSIONS=1 $(PIP) install --no-build-isolation -e '.[dev]'
	@touch $@

# Not one of the tools that everything else needs: there is no atheris for every Python and system.
$(FUZZ_INSTALLED): $(INSTALLED)
	@EDGEWISE_WITHOUT_EXTENSIONS=1 $(PIP) install --no-build-isolation -e '.[fuzz]'
	@touch $@

$(BENCH_INSTALLED): $(INSTALLED)
	@echo '== Installing what the benchmarks compare with'
	@EDGEWISE_WITHOUT_EXTENSIONS=1 $(PIP) install --no-build-isolation -e '.[bench]'
	@touch $@

$(BUILT): $(INSTALLED) $(SOURCES)
	@echo '== Building the extensions'
	@$(PYTHON) setup.py -q build_ext --inplace
	@touch $@
