"""Everything that README.md and the READMEs of folders show is true: files are written, commands run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    "README.md",
    "rules/README.md",
    "CONTRIBUTING.md",
    "rules/storefront/PURCHASES.md",
    "central/segments/README.md",
)


class Block(msgspec.Struct, frozen=True):
    """A fenced block: its language, and its text."""

    language: str
    text: str


def text_of(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


def blocks(document: str) -> list[Block]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text_of(document), re.MULTILINE | re.DOTALL)
    return [Block(language, text) for language, text in found]


class Shell:
    """A folder in which commands run as a reader would run them, `central` and `edge` on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._commands = folder / ".bin"
        self._commands.mkdir()
        for command in ("central", "edge"):
            file = self._commands / command
            file.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {command} "$@"\n', "utf-8")
            file.chmod(0o755)

    def write(self, block: Block) -> None:
        """Write a file whose first line is a comment with its name."""
        file = self.folder / block.text.partition("\n")[0].removeprefix("# ")
        file.parent.mkdir(exist_ok=True)
        file.write_text(block.text, "utf-8")

    def run(self, command: str) -> str:
        """What the command prints; it must succeed."""
        environment = {
            **os.environ,
            "PATH": f"{self._commands}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }
        ran = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def commands_in(console: str) -> list[tuple[str, str]]:
    """The commands of a block and what it shows that they print; a quote that is open goes on in the next line."""
    found = []
    for part in console.removeprefix("$ ").split("\n$ "):
        command, _, shown = part.partition("\n")
        while command.count("'") % 2:
            line, _, shown = shown.partition("\n")
            command += f"\n{line}"
        found.append((command, shown))
    return found


def test_the_readme_shows_what_its_commands_print(shell: Shell) -> None:
    ran = []
    for block in blocks("README.md"):
        if block.language != "console":
            shell.write(block)
            continue
        for command, shown in commands_in(block.text):
            ran.append(command.partition(" ")[0])
            if command in ("make demo", "make test"):
                continue
            assert shell.run(command) == shown
    assert ran == ["make", "make", "central", "echo"]


def test_the_commands_say_what_they_are(shell: Shell) -> None:
    for command in ("central --help", "edge --help"):
        assert f"`{command}`" in text_of("README.md")
        assert command.partition(" ")[0] in shell.run(command)


@pytest.mark.parametrize(("target", "command"), [("demo", "central demo"), ("test", "python -m pytest -n auto")])
def test_make_runs_what_is_tested_here(target: str, command: str) -> None:
    planned = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert re.search(rf"^\S*{command} *$", planned.stdout, re.MULTILINE)


def test_an_author_can_begin_as_the_rules_readme_says(shell: Shell) -> None:
    for block in blocks("rules/README.md"):
        shell.write(block)
    (shell.folder / "visitor.json").write_text('{"city": "Berlin"}', "utf-8")
    shutil.copy(ROOT / "rules" / "storefront" / "purchases.parquet", shell.folder)
    commands = re.findall(r"^\| `(central [^`]+)` \|", text_of("rules/README.md"), re.MULTILINE)
    assert len(commands) == 6
    printed = {command: shell.run(command) for command in commands}
    assert printed["central rules check shop"] == "shop: 1 placement, 1 rule, 2 of 2 tests passed\n"
    assert (shell.folder / "shop.bundle").exists()
    assert (shell.folder / "members.parquet").exists()


def test_a_publisher_can_follow_the_page_on_snapshots(shell: Shell) -> None:
    document = "central/segments/README.md"
    log = pq.read_table(ROOT / "rules" / "storefront" / "purchases.parquet")
    pq.write_table(log, shell.folder / "today.parquet")
    pq.write_table(log.slice(0, 69_000), shell.folder / "yesterday.parquet")
    commands = re.findall(r"^\| `(central [^`]+)` \|", text_of(document), re.MULTILINE)
    assert len(commands) == 13
    for command in commands:
        shell.run(command)
    assert (shell.folder / "1.snapshot").read_bytes() == (shell.folder / "now.snapshot").read_bytes()
    [block] = blocks(document)
    [(command, shown)] = commands_in(block.text)
    assert shell.run(command) == shown


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", text_of(document))
    for link in links:
        if not link.startswith("https://"):
            assert ((ROOT / document).parent / link.partition("#")[0]).exists(), link
