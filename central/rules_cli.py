"""`central rules`: check, test, compile and explain a bundle, and print the schema of its files.

What is right and wrong belongs to `central.authoring`; here are the commands, the files they write, and how results
are printed: problems and results on standard output, what keeps a command from its result on standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import msgspec

from central.authoring.dates import DateError, instant
from central.authoring.diagnostics import Position, Problem, Problems
from central.authoring.explain_text import render_explanation
from central.authoring.linking import check_links
from central.authoring.load import Loaded, load_bundle, without_collector
from central.authoring.schema import KINDS, json_schema
from central.authoring.testing import Tested, check_coverage, run_tests
from rulecore import BundleImage, Engine, Membership, write_bundle
from rulecore.errors import EdgewiseError, LimitError, PlacementError
from rulecore.keys import KEY_FILE, MembershipKeys
from rulecore.limits import LIMITS

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_EXIT_CODES: Final = "Exit codes: 0 all is well; 1 there are problems, and they are said; 2 the command line is wrong."
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)")


class _CommandError(Exception):
    """What ends a command with a message and exit code 1."""


class ProblemReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem as JSON. Line and column count from 1; a line of 0 is the whole file."""

    file: str
    line: int
    column: int
    severity: str
    message: str
    expected: str = ""
    nearest: str = ""
    why: str = ""


class CheckReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `check` and `test` print as JSON. The counts are there once the bundle is sound."""

    ok: bool
    problems: list[ProblemReport]
    bundle: str = ""
    placements: int | None = None
    rules: int | None = None
    tests: int | None = None
    tests_passed: int | None = None


class CompileReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `compile` prints as JSON."""

    ok: bool
    problems: list[ProblemReport]
    output: str = ""
    size_bytes: int | None = None
    rules: int | None = None
    checksum: str = ""


def add_commands(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `rules` to the commands of `central`."""
    rules = subparsers.add_parser("rules", help="check, test, compile and explain a bundle of rules")
    commands = rules.add_subparsers(required=True, metavar="COMMAND")

    check = _add(commands, "check", "find everything that is wrong with a bundle, then run its tests", _check)
    _add_directory(check)
    check.add_argument("--snapshot", type=Path, metavar="FILE", help="a snapshot that the bundle must go with")
    check.add_argument("--keys", type=Path, metavar="DIR", help=f"the folder with {KEY_FILE}, for the snapshot")

    _add_directory(_add(commands, "test", "run the tests of a bundle", _test))

    compile_ = _add(commands, "compile", "compile a bundle into the image that edges serve", _compile)
    _add_directory(compile_)
    compile_.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the image to write")

    schema = _add(commands, "schema", "print the JSON Schema of a bundle's files, for editors", _schema)
    schema.add_argument(
        "kind", nargs="?", choices=sorted(KINDS), default="bundle", help="which file: bundle.yaml (default), a further "
        "file of placements and segments, or tests",
    )  # fmt: skip

    explain = _add(commands, "explain", "say which variant a context gets, and why", _explain)
    _add_directory(explain)
    explain.add_argument("--context", required=True, metavar="FILE", help="the context as JSON; - for standard input")
    explain.add_argument("--placement", metavar="NAME", help="this placement only (default: all)")
    explain.add_argument(
        "--now", type=_instant, metavar="INSTANT", help="decide at this time, as 2026-11-20T18:00:00Z (default: now)"
    )


def _add(
    commands: _SubParsersAction[argparse.ArgumentParser], name: str, help_text: str, run: Callable[..., int]
) -> argparse.ArgumentParser:
    description = f"{help_text[0].upper()}{help_text[1:]}."
    parser = commands.add_parser(name, help=help_text, description=description, epilog=_EXIT_CODES)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=lambda arguments: _run(parser, run, arguments))
    return parser


def _add_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="the bundle's directory")


def _instant(text: str) -> int:
    try:
        if _INSTANT.fullmatch(text):
            return instant(text.upper(), "UTC")
    except DateError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not an instant such as 2026-11-20T18:00:00Z")


def _run(parser: argparse.ArgumentParser, run: Callable[..., int], arguments: argparse.Namespace) -> int:
    if ("snapshot" in arguments) and (arguments.snapshot is None) != (arguments.keys is None):
        parser.error("--snapshot and --keys go together")
    try:
        with without_collector():
            return run(arguments)
    except (_CommandError, EdgewiseError) as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
    sys.stderr.write(f"{parser.prog}: {message}\n")
    return 1


def _check(arguments: argparse.Namespace) -> int:
    membership = _membership(arguments.snapshot, arguments.keys) if arguments.snapshot is not None else None
    loaded = load_bundle(arguments.directory)
    image = _image(loaded)
    tested = None
    if image is not None and loaded.bundle is not None and loaded.source is not None:
        if membership is not None:
            check_links(loaded.bundle, loaded.source, membership, loaded.problems)
        tested = run_tests(Engine(image), loaded.tests, loaded.problems)
        check_coverage(loaded.bundle, loaded.source, tested, loaded.problems)
    return _report_check(loaded, image, tested, as_json=arguments.json)


def _test(arguments: argparse.Namespace) -> int:
    loaded = load_bundle(arguments.directory)
    image = _image(loaded)
    tested = None if image is None else run_tests(Engine(image), loaded.tests, loaded.problems)
    return _report_check(loaded, image, tested, as_json=arguments.json)


def _compile(arguments: argparse.Namespace) -> int:
    loaded = load_bundle(arguments.directory)
    data = _compiled(loaded)
    problems = loaded.problems
    if data is None:
        if arguments.json:
            _write_json(CompileReport(False, _problem_reports(problems)))
        else:
            _write_problems(problems, sys.stderr)
        return 1
    image = BundleImage(data)
    _write_whole(arguments.output, data)
    checksum = f"{image.checksum:016x}"
    if arguments.json:
        path = _in_json(str(arguments.output))
        _write_json(CompileReport(True, _problem_reports(problems), path, image.size, image.rule_count, checksum))
    else:
        _write_problems(problems, sys.stderr)
        facts = f"{_count(image.rule_count, 'rule')}, {image.size:,} bytes, checksum {checksum}"
        sys.stdout.write(f"{arguments.output}: {facts}\n")
    return 0


def _schema(arguments: argparse.Namespace) -> int:
    _write_json(json_schema(arguments.kind))
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    context = _context(arguments.context)
    loaded = load_bundle(arguments.directory)
    image = _image(loaded)
    if image is None:
        if arguments.json:
            _write_json(CheckReport(False, _problem_reports(loaded.problems)))
        else:
            _write_problems(loaded.problems, sys.stderr)
        return 1
    engine = Engine(image)
    now = time.time_ns() // 1000 if arguments.now is None else arguments.now
    names = image.placements if arguments.placement is None else (arguments.placement,)
    try:
        explanations = [engine.explain(name, context, now) for name in names]
    except PlacementError as error:
        raise _CommandError(f"{error}; there are {', '.join(image.placements)}") from None
    if arguments.json:
        _write_json(explanations)
    else:
        colour = _colour(sys.stdout)
        sys.stdout.write("\n\n".join(render_explanation(one, colour) for one in explanations) + "\n")
    return 0


def _context(file: str) -> bytes:
    """The context's bytes; the engine says what is wrong with them."""
    if file == "-":
        return sys.stdin.buffer.read(LIMITS.context_bytes_max + 1)
    with Path(file).open("rb") as opened:
        return opened.read(LIMITS.context_bytes_max + 1)


def _compiled(loaded: Loaded) -> bytes | None:
    """The image's bytes; None when there are problems, one over a limit of images among them."""
    if loaded.bundle is None or loaded.source is None:
        return None
    try:
        return write_bundle(loaded.bundle)
    except LimitError as error:
        place = loaded.source.bundle.head
        loaded.problems.error(Position(place.file, 0, 0), f"the bundle is too large: {error}")
        return None


def _image(loaded: Loaded) -> BundleImage | None:
    data = _compiled(loaded)
    return None if data is None else BundleImage(data)


def _membership(snapshot: Path, folder: Path) -> Membership:
    file = folder / KEY_FILE
    try:
        return Membership.open(str(snapshot), MembershipKeys.from_json(file.read_bytes()))
    except (ValueError, KeyError) as error:
        raise _CommandError(f"{file}: {error.args[0]}") from None


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file that is never seen half written, and never changes under who has mapped it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise _CommandError(f"{path}: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _report_check(loaded: Loaded, image: BundleImage | None, tested: Tested | None, *, as_json: bool) -> int:
    """Print what was found, and how many tests hold; the exit code."""
    problems = loaded.problems
    ok = problems.error_count == 0
    if as_json:
        report = CheckReport(ok, _problem_reports(problems))
        if image is not None and tested is not None:
            report = CheckReport(
                ok, report.problems, image.name, len(image.placements), image.rule_count, tested.tests, tested.passed
            )
        _write_json(report)
        return 0 if ok else 1
    _write_problems(problems, sys.stdout)
    if image is not None and tested is not None:
        size = f"{_count(len(image.placements), 'placement')}, {_count(image.rule_count, 'rule')}"
        sys.stdout.write(f"{image.name}: {size}, {tested.passed:,} of {_count(tested.tests, 'test')} passed\n")
    return 0 if ok else 1


def _write_problems(problems: Problems, stream: TextIO) -> None:
    """Every problem, and how many there are."""
    found = problems.all
    if not found:
        return
    errors = problems.error_count
    counts = [_count(count, kind) for count, kind in ((errors, "error"), (len(found) - errors, "warning")) if count]
    stream.write(f"{problems.render(_colour(stream))}\n\n{', '.join(counts)}\n")


def _problem_reports(problems: Problems) -> list[ProblemReport]:
    return [_problem_report(problem) for problem in problems.all]


def _problem_report(problem: Problem) -> ProblemReport:
    place = problem.position
    return ProblemReport(
        _in_json(place.file),
        place.line,
        place.column,
        problem.severity,
        problem.message,
        problem.expected,
        problem.nearest,
        problem.why,
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR")


def _in_json(path: str) -> str:
    """A path as text that JSON can hold: of bytes that are no UTF-8, their escapes."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _write_json(value: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
