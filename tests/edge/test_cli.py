"""The command line: what it takes, what it says, how it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx
import pytest

from edge import cli
from edge.config import Config, Files, LogFormat
from tests.deltas import delta_on
from tests.edge.bundles import bundle_of_segment, marked, put
from tests.edge.serving import until
from tests.edge.snapshots import KEYS, put_snapshot


def given(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Config:
    configs: list[Config] = []

    def take(config: Config) -> int:
        configs.append(config)
        return 0

    monkeypatch.setattr(cli, "serve", take)
    monkeypatch.setattr("edge.log.configure", lambda _format: None)
    assert cli.main(["serve", *arguments]) == 0
    return configs[0]


def test_by_default_it_listens_on_the_loopback_interface_only(monkeypatch: pytest.MonkeyPatch) -> None:
    config = given(monkeypatch, "--bundle", "b")
    assert config.host == "127.0.0.1"
    assert config.files == Files(bundle=Path("b"))
    assert config.workers >= 1
    assert config.log_format is LogFormat.JSON


def test_every_option_reaches_the_config(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "--bundle b --snapshot s --delta d e --delta f --keys k --workers 3 --host ::1 --port 0 --uds u"
    config = given(monkeypatch, *line.split(), "--log-format", "console")
    assert config == Config(
        files=Files(bundle=Path("b"), snapshot=Path("s"), deltas=(Path("d"), Path("e"), Path("f")), keys=Path("k")),
        workers=3,
        host="::1",
        port=0,
        uds=Path("u"),
        log_format=LogFormat.CONSOLE,
    )


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "COMMAND"),
        ("serve", "--bundle"),
        ("serve --bundle b --snapshot s", "--snapshot and --keys go together"),
        ("serve --bundle b --keys k", "--snapshot and --keys go together"),
        ("serve --bundle b --delta d", "--delta needs --snapshot"),
        ("check --bundle b --snapshot s", "--snapshot and --keys go together"),
        ("serve --bundle b --workers 0", "between 1 and 1024"),
        ("serve --bundle b --workers many", "--workers: a whole number between 1 and 1024"),
        ("serve --bundle b --port 65536", "between 0 and 65535"),
        ("serve --bundle b --log-format xml", "--log-format"),
    ],
)
def test_a_wrong_command_line_ends_with_code_2(line: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(line.split())
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_help_tells_of_signals_and_of_how_files_are_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["serve", "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "SIGHUP" in text
    assert "rename" in text


def test_the_command_serves_and_stops(tmp_path: Path) -> None:
    put(tmp_path / "bundle", marked("first"))
    command = [
        sys.executable,
        "-m",
        "edge",
        "serve",
        "--bundle",
        str(tmp_path / "bundle"),
        "--port",
        "0",
        "--workers",
        "1",
    ]
    with subprocess.Popen([*command, "--log-format", "console"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "ready" in line and "http://127.0.0.1:" in line:
                break
        process.send_signal(signal.SIGINT)
        assert "stopped" in process.stderr.read()
    assert process.returncode == 0


def test_a_log_that_nobody_reads_any_more_stops_nothing(tmp_path: Path) -> None:
    put(tmp_path / "bundle", marked("first"))
    path = tmp_path / "edge.sock"
    command = [sys.executable, "-m", "edge", "serve", "--bundle", str(tmp_path / "bundle"), "--uds", str(path)]
    with (
        subprocess.Popen([*command, "--workers", "1"], stderr=subprocess.PIPE, text=True) as process,
        httpx.Client(transport=httpx.HTTPTransport(uds=str(path), verify=False), base_url="http://edge") as client,
    ):
        assert process.stderr is not None
        for line in process.stderr:
            if '"ready"' in line:
                break
        process.stderr.close()

        def shows(mark: str) -> bool:
            return f"hero={mark}" in client.get("/v1/decide").headers["edgewise-variants"]

        for mark in ("second", "third"):
            put(tmp_path / "bundle", marked(mark))
            process.send_signal(signal.SIGHUP)
            until(partial(shows, mark), f"the {mark} release")
        process.terminate()
    assert process.returncode == 0


def test_a_bad_bundle_ends_with_code_1_and_its_name(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge", "serve", "--bundle", str(tmp_path / "nothing"), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert f"edge: {tmp_path / 'nothing'}: there is no such file" in done.stderr


def test_a_host_that_no_host_can_be_called_ends_with_code_1() -> None:
    command = [sys.executable, "-m", "edge", "serve", "--bundle", "b", "--host", "a" * 300]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr == f"edge: can't listen on {'a' * 300}:8600: that is no name of a host\n"


def test_files_are_tried_before_they_are_put_in_place(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "bundle", bundle_of_segment("vip"))
    base = put_snapshot(tmp_path, {"v-1": ["vip"]}, {"tier": {"v-1": "gold"}})
    put(tmp_path / "delta", delta_on([base], {"v-2": ["vip"]}, KEYS))
    line = ["check"]
    for name in ("bundle", "snapshot", "delta", "keys"):
        line += [f"--{name}", str(tmp_path / name)]
    assert cli.main(line) == 0
    assert "can be served" in capfd.readouterr().err
    put(tmp_path / "snapshot", base[:-1] + bytes([base[-1] ^ 1]))
    assert cli.main(line) == 1
    assert f"edge: {tmp_path / 'snapshot'}: " in capfd.readouterr().err
    put(tmp_path / "snapshot", base)
    put(tmp_path / "delta", b"")
    assert cli.main(line) == 1
    assert f"edge: {tmp_path / 'delta'}: " in capfd.readouterr().err
