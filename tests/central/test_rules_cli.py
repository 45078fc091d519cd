"""`central rules` does what it says: results and problems on their streams, exit codes as documented, files whole."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from central.authoring.schema import KINDS, json_schema
from central.cli import COMMANDS, main
from rulecore import BundleImage, Engine
from rulecore.keys import KEY_FILE, MembershipKeys
from rulecore.snapshot import write_snapshot
from tests.central.authoring.written import write

ROOT: Final = Path(__file__).parents[2]
KEYS: Final = MembershipKeys(bytes(16), {1: bytes(16)})
SHOP: Final = """\
bundle: shop
placements:
  hero:
    default: plain
    variants: {plain: {}, sale: {payload: {price: 1.10}}}
    rules:
      - {id: vips, when: "'vip' in segments && device == 'mobile'", serve: sale}
  bar: {default: none}
"""
TESTS: Final = """\
- {name: a vip, context: {device: mobile, segments: [vip], consent: [personalization]}, expect: {hero: sale}}
- {name: anybody, context: {device: mobile}, expect: {hero: plain}}
"""
BAD: Final = "bundle: shop\nplacements: {hero: {default: nothing}}\n"
BAD_TEXT: Final = """\
shop/bundle.yaml:2:30: error: there is no variant 'nothing'
  placements: {hero: {default: nothing}}
                               ^
  expected: a variant of the placement: none

1 error
"""
CONTEXT: Final[dict[str, object]] = {"device": "mobile", "segments": ["vip"], "consent": ["personalization"]}


@pytest.fixture(autouse=True, name="here")
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the bundle `shop`, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"shop/bundle.yaml": SHOP, "shop/shop.test.yaml": TESTS})
    return tmp_path


@pytest.fixture(name="snapshot")
def snapshot_of_nobody(here: Path) -> list[str]:
    """The words that name a snapshot without the segment `vip`, and its keys."""
    (here / "keys").mkdir()
    (here / "keys" / KEY_FILE).write_bytes(KEYS.to_json())
    (here / "members.snapshot").write_bytes(write_snapshot({"v": ["vips"]}, KEYS, 1))
    return ["--snapshot", "members.snapshot", "--keys", "keys"]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit code of a command, and what it wrote to standard output and standard error."""
    try:
        code = main(["rules", *words])
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def started(
    *words: str, program: str = "", stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """A process of its own: `central` with these words, or a program."""
    command = [sys.executable, *(["-c", program] if program else ["-m", "central"]), *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    return subprocess.run(command, input=stdin, capture_output=True, env=environment, timeout=60, check=False)


def parsed(text: str) -> Any:
    return json.loads(text)


def test_check_of_a_sound_bundle_says_what_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check", "shop") == (0, "shop: 2 placements, 1 rule, 2 of 2 tests passed\n", "")
    code, out, err = run(capsys, "check", "shop", "--json")
    assert (code, err) == (0, "")
    assert parsed(out) == {
        "ok": True, "problems": [], "bundle": "shop", "placements": 2, "rules": 1, "tests": 2, "tests_passed": 2
    }  # fmt: skip


def test_check_tells_every_problem_and_exits_with_1(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"shop/bundle.yaml": BAD, "shop/shop.test.yaml": "[]\n"})
    assert run(capsys, "check", "shop") == (1, BAD_TEXT, "")
    code, out, err = run(capsys, "check", "shop", "--json")
    assert (code, err) == (1, "")
    assert parsed(out) == {
        "ok": False,
        "problems": [
            {
                "file": "shop/bundle.yaml",
                "line": 2,
                "column": 30,
                "severity": "error",
                "message": "there is no variant 'nothing'",
                "expected": "a variant of the placement: none",
            }
        ],
    }


def test_check_wants_a_test_of_every_rule_and_test_does_not(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "shop" / "shop.test.yaml").unlink()
    code, out, _ = run(capsys, "check", "shop")
    assert code == 1
    assert "no test reaches the rule 'vips'" in out
    assert out.endswith("\n1 error\nshop: 2 placements, 1 rule, 0 of 0 tests passed\n")
    assert run(capsys, "test", "shop") == (0, "shop: 2 placements, 1 rule, 0 of 0 tests passed\n", "")


def test_warnings_do_not_fail_a_check(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"shop/more.yaml": "placements: {foot: {default: none, variants: {unused: {}}}}\n"})
    code, out, _ = run(capsys, "check", "shop")
    assert code == 0
    assert "warning: nothing shows the variant 'unused'" in out
    assert "\n1 warning\n" in out
    report = parsed(run(capsys, "check", "shop", "--json")[1])
    assert (report["ok"], [one["severity"] for one in report["problems"]]) == (True, ["warning"])


def test_a_test_that_fails_is_told_with_its_reason(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"shop/shop.test.yaml": TESTS.replace("hero: plain", "hero: sale")})
    code, out, err = run(capsys, "test", "shop")
    assert (code, err) == (1, "")
    assert "shop/shop.test.yaml:2:61: error: anybody: hero is plain, reason DEFAULT, rule none\n" in out
    assert "  expected: sale\n  why: vips: 'vip' in segments is an error" in out
    assert out.endswith("\n1 error\nshop: 2 placements, 1 rule, 1 of 2 tests passed\n")
    report = parsed(run(capsys, "test", "shop", "--json")[1])
    assert (report["ok"], report["tests"], report["tests_passed"]) == (False, 2, 1)
    assert report["problems"][0]["why"].startswith("vips: ")


def test_check_against_a_snapshot_finds_what_it_lacks(snapshot: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "check", "shop", *snapshot)
    assert (code, err) == (1, "")
    assert "shop/bundle.yaml:7:27: error: the snapshot has no segment 'vip'\n" in out
    assert "did you mean 'vips'?" in out


@pytest.mark.parametrize("missing", ["keys", "members.snapshot", f"keys/{KEY_FILE}"])
def test_a_snapshot_or_keys_that_can_t_be_read_are_named(
    here: Path, snapshot: list[str], missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / missing).rename(here / "elsewhere")
    code, out, err = run(capsys, "check", "shop", *snapshot)
    assert (code, out) == (1, "")
    assert err.startswith("central rules check: ")
    assert (missing if missing != "keys" else f"keys/{KEY_FILE}") in err
    assert err.count("\n") == 1


def test_a_snapshot_or_keys_that_are_damaged_are_named(
    here: Path, snapshot: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "keys" / KEY_FILE).write_text("{}")
    code, out, err = run(capsys, "check", "shop", *snapshot)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"central rules check: keys/{KEY_FILE}: ")


def test_compile_writes_the_image_that_an_engine_takes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "compile", "shop", "-o", "shop.bundle")
    image = BundleImage((here / "shop.bundle").read_bytes())
    assert (code, err) == (0, "")
    assert out == f"shop.bundle: 1 rule, {image.size:,} bytes, checksum {image.checksum:016x}\n"
    assert Engine(image).decide("hero", CONTEXT, 0).variant == "sale"
    code, out, err = run(capsys, "compile", "shop", "-o", "shop.bundle", "--json")
    assert (code, err) == (0, "")
    assert parsed(out) == {
        "ok": True,
        "problems": [],
        "output": "shop.bundle",
        "size_bytes": image.size,
        "rules": 1,
        "checksum": f"{image.checksum:016x}",
    }


def test_compile_replaces_a_file_and_leaves_who_has_the_old_one_alone(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = here / "shop.bundle"
    target.write_bytes(b"the old one")
    with target.open("rb") as old:
        assert run(capsys, "compile", "shop", "-o", "shop.bundle")[0] == 0
        assert old.read() == b"the old one"
    assert target.read_bytes() != b"the old one"
    assert sorted(path.name for path in here.iterdir()) == ["shop", "shop.bundle"]


@pytest.mark.parametrize("as_json", [False, True])
def test_compile_of_a_bad_bundle_writes_nothing(here: Path, as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"shop/bundle.yaml": BAD, "shop/shop.test.yaml": "[]\n"})
    (here / "shop.bundle").write_bytes(b"the old one")
    code, out, err = run(capsys, "compile", "shop", "-o", "shop.bundle", *(["--json"] if as_json else []))
    assert code == 1
    if as_json:
        assert (parsed(out)["ok"], err) == (False, "")
    else:
        assert (out, err) == ("", BAD_TEXT)
    assert (here / "shop.bundle").read_bytes() == b"the old one"
    assert sorted(path.name for path in here.iterdir()) == ["shop", "shop.bundle"]


@pytest.mark.parametrize("output", ["nowhere/shop.bundle", "shop", "shop/bundle.yaml/x"])
def test_compile_to_where_no_file_can_be_leaves_nothing_behind(
    here: Path, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "compile", "shop", "-o", output)
    assert (code, out) == (1, "")
    assert err.startswith(f"central rules compile: {output}: ")
    assert err.count("\n") == 1
    assert sorted(path.relative_to(here).as_posix() for path in here.rglob("*")) == [
        "shop", "shop/bundle.yaml", "shop/shop.test.yaml"
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_schema_prints_the_schema_of_each_kind(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "schema", kind)
    assert (code, err) == (0, "")
    assert parsed(out) == json_schema(kind)
    assert run(capsys, "schema", kind, "--json") == (0, out, "")


def test_schema_is_of_the_bundle_unless_said_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "schema") == run(capsys, "schema", "bundle")


def test_explain_shows_each_placement_from_a_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "visitor.json").write_text(json.dumps(CONTEXT))
    code, out, err = run(capsys, "explain", "shop", "--context", "visitor.json")
    assert (code, err) == (0, "")
    bar, hero = out.split("\n\n")
    assert bar == "bar: none, reason STATIC\n  segments: vip"
    assert hero.startswith("hero: sale, reason TARGETING_MATCH, rule vips\n  vips: won\n    all of\n")
    assert "\x1b" not in out


def test_explain_reads_standard_input_and_takes_a_placement_and_a_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stdin:
        buffer = io.BytesIO(b'{"device": "desktop"}')

    monkeypatch.setattr(sys, "stdin", Stdin)
    words = ("--context", "-", "--placement", "hero", "--now", "2026-11-20T18:00:00+01:00", "--json")
    code, out, err = run(capsys, "explain", "shop", *words)
    assert (code, err) == (0, "")
    (hero,) = parsed(out)
    assert (hero["placement"], hero["variant"], hero["reason"]) == ("hero", "plain", "DEFAULT")


def test_explain_decides_at_the_time_it_is_given(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = "- {id: late, when: \"now >= timestamp('2026-11-20T17:00:00Z')\", serve: sale}\n"
    write(here, {"shop/bundle.yaml": SHOP.replace("  bar:", f"      {rule}  bar:"), "c.json": "{}"})
    at = [
        run(capsys, "explain", "shop", "--context", "c.json", "--placement", "hero", "--now", now)[1].splitlines()[0]
        for now in ("2026-11-20T18:00:00+01:00", "2026-11-20T16:59:59.999999z")
    ]
    assert at == ["hero: sale, reason TARGETING_MATCH, rule late", "hero: plain, reason DEFAULT"]


def test_explain_of_an_unknown_placement_names_those_there_are(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "c.json").write_text("{}")
    code, out, err = run(capsys, "explain", "shop", "--context", "c.json", "--placement", "hera")
    assert (code, out) == (1, "")
    assert "hera" in err
    assert err.endswith("there are bar, hero\n")


@pytest.mark.parametrize("context", ["", "{", "[]", '{"device": 3}', '{"device": "' + "x" * 70_000 + '"}'])
def test_explain_says_what_is_wrong_with_a_context(
    here: Path, context: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "c.json").write_text(context)
    code, out, err = run(capsys, "explain", "shop", "--context", "c.json")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("central rules explain: ")


def test_explain_of_a_bad_bundle_tells_its_problems(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"shop/bundle.yaml": BAD, "shop/shop.test.yaml": "[]\n", "c.json": "{}"})
    assert run(capsys, "explain", "shop", "--context", "c.json") == (1, "", BAD_TEXT)
    code, out, err = run(capsys, "explain", "shop", "--context", "c.json", "--json")
    assert (code, parsed(out)["ok"], err) == (1, False, "")


@pytest.mark.parametrize(
    "words",
    [
        [], ["chek", "shop"], ["check"], ["compile", "shop"], ["schema", "rules"], ["explain", "shop"],
        ["check", "shop", "--snapshot", "s"], ["check", "shop", "--keys", "k"], ["check", "shop", "--jsn"],
        ["explain", "shop", "--context", "-", "--now", "tomorrow"],
        ["explain", "shop", "--context", "-", "--now", "2026-11-20"],
        ["explain", "shop", "--context", "-", "--now", "2026-13-20T00:00:00Z"],
    ],
)  # fmt: skip
def test_a_wrong_command_line_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith("usage: central ")


@pytest.mark.parametrize("command", ["check", "test"])
def test_a_folder_that_is_no_bundle_is_told_as_a_problem(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, command, "nowhere")
    assert (code, err) == (1, "")
    assert out == (
        "nowhere: error: there is no such directory\n  expected: a directory with a bundle.yaml\n\n1 error\n"
    )


def test_colours_are_for_terminals_and_not_where_they_are_unwanted(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(here, {"shop/bundle.yaml": BAD, "shop/shop.test.yaml": "[]\n"})
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" not in run(capsys, "check", "shop")[1]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "\x1b[31merror:\x1b[0m" in run(capsys, "check", "shop")[1]
    assert "\x1b" not in run(capsys, "check", "shop", "--json")[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert run(capsys, "check", "shop")[1] == BAD_TEXT


def test_a_process_ends_with_the_code_and_takes_paths_with_spaces(here: Path) -> None:
    (here / "shop").rename(here / "my shop")
    checked = started("rules", "check", str(here / "my shop"))
    assert (checked.returncode, checked.stderr) == (0, b"")
    compiled = started("rules", "compile", "my shop", "-o", "the image")
    assert (compiled.returncode, compiled.stderr) == (0, b"")
    assert compiled.stdout.startswith(b"the image: ")
    explained = started("rules", "explain", "my shop", "--context", "-", "--placement", "bar", stdin=b"{}")
    assert (explained.returncode, explained.stdout, explained.stderr) == (0, b"bar: none, reason STATIC\n", b"")


def test_a_process_tells_problems_and_a_wrong_command_line_by_its_code(here: Path) -> None:
    write(here, {"shop/bundle.yaml": BAD, "shop/shop.test.yaml": "[]\n"})
    checked = started("rules", "check", "shop")
    assert (checked.returncode, checked.stdout.decode(), checked.stderr) == (1, BAD_TEXT, b"")
    assert started("rules", "check").returncode == 2


def test_problems_are_written_in_any_locale(here: Path) -> None:
    write(here, {"shop/bundle.yaml": "bundle: caf\u00e9\n", "shop/shop.test.yaml": "[]\n"})
    plain = started("rules", "check", "shop", env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert (plain.returncode, plain.stderr) == (1, b"")
    assert "shop/bundle.yaml:1:9: error: here is 'caf\u00e9'" in plain.stdout.decode()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' file names are Unicode")
def test_names_of_files_that_are_no_unicode_are_shown_with_escapes(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = os.fsdecode(b"sh\xffop")
    write(here, {f"{name}/bundle.yaml": BAD})
    (problem,) = parsed(run(capsys, "check", name, "--json")[1])["problems"]
    assert problem["file"] == "sh\\xffop/bundle.yaml"
    assert run(capsys, "check", name)[0] == 1


def test_help_imports_nothing_heavy() -> None:
    program = """
import sys
from central.cli import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    assert not stop.code
heavy = {"duckdb", "pyarrow", "yaml", "rulecore", "msgspec"}
sys.exit(str(sorted(heavy & sys.modules.keys())) if heavy & sys.modules.keys() else 0)
"""
    ran = started("--help", program=program)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert all(f"    {name} ".encode() in ran.stdout for name in COMMANDS)


def test_rules_do_without_what_snapshots_are_built_with() -> None:
    program = "import sys, central.rules_cli; sys.exit(str({'duckdb', 'pyarrow'} & sys.modules.keys() or ''))"
    assert started(program=program).stderr.strip() == b""


@pytest.mark.parametrize("missing", ["orjson", "yaml"])
def test_without_the_extra_the_command_says_how_to_install_it(missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; from central.cli import main; sys.exit(main(sys.argv[1:]))"
    ran = started("rules", "check", "shop", program=program)
    assert (ran.returncode, ran.stdout) == (1, b"")
    assert ran.stderr.decode() == f"central: {missing} is missing; install it with: pip install 'edgewise[central]'\n"
