"""An edge of our own: it serves while the block lasts and not a moment longer, whatever ends the block."""

from __future__ import annotations

import os
import signal
from http import HTTPStatus
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from central.edge_process import EdgeError, EdgeProcess, Signals, Stopped, serving
from central.segments import build_snapshot
from rulecore import MembershipKeys
from rulecore.keys import KEY_FILE
from tests.edge.bundles import marked, put


@pytest.fixture(name="files")
def make_files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A bundle, a snapshot and the folder of its keys."""
    keys = MembershipKeys(b"s" * 16, {1: b"e" * 16})
    put(tmp_path / KEY_FILE, keys.to_json())
    pq.write_table(pa.table({"visitor_id": ["v1"], "segment": ["vip"]}), tmp_path / "members.parquet")
    build_snapshot([tmp_path / "members.parquet"], [], keys, 1, tmp_path / "snapshot")
    put(tmp_path / "bundle", marked("a"))
    return tmp_path / "bundle", tmp_path / "snapshot", tmp_path


def is_gone(edge: EdgeProcess) -> bool:
    try:
        os.killpg(edge.pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_it_answers_when_the_block_begins_and_is_gone_when_it_ends(files: tuple[Path, Path, Path]) -> None:
    with serving(*files, files[2] / "log", Signals()) as edge:
        connection = edge.connect()
        for path in ("/readyz", "/v1/status"):
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == HTTPStatus.OK
            response.read()
        connection.close()
        assert not is_gone(edge)
    assert is_gone(edge)


def test_it_is_gone_when_the_block_fails(files: tuple[Path, Path, Path]) -> None:
    with (
        pytest.raises(RuntimeError, match="in the block"),
        serving(*files, files[2] / "log", Signals()) as edge,
    ):
        raise RuntimeError("in the block")
    assert is_gone(edge)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_is_gone_when_a_signal_ends_the_block(files: tuple[Path, Path, Path], number: signal.Signals) -> None:
    signals = Signals()
    before = signal.getsignal(number)
    with (
        pytest.raises(Stopped, match=number.name),
        signals.handled(),
        serving(*files, files[2] / "log", signals) as edge,
    ):
        signal.raise_signal(number)
    assert is_gone(edge)
    assert signal.getsignal(number) is before


def test_it_is_killed_with_its_workers_when_it_does_not_stop(
    files: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("central.edge_process.STOP_SECONDS_MAX", 0.1)
    with serving(*files, files[2] / "log", Signals()) as edge:
        os.kill(edge.pid, signal.SIGSTOP)
    with pytest.raises(ChildProcessError):
        os.waitpid(edge.pid, os.WNOHANG)


def test_files_that_it_refuses_are_told_with_its_own_words(files: tuple[Path, Path, Path]) -> None:
    files[0].write_bytes(b"no bundle")
    with (
        pytest.raises(EdgeError, match=r"edge serve ended with 1:\n(.*\n)*.*bundle"),
        serving(*files, files[2] / "log", Signals()),
    ):
        pytest.fail("it serves")


def test_a_signal_waits_while_it_is_held() -> None:
    signals = Signals()
    reached = []

    def work() -> None:
        with signals.held():
            signal.raise_signal(signal.SIGTERM)
            reached.append("the end of the block")
        reached.append("what follows")

    with pytest.raises(Stopped, match="SIGTERM"), signals.handled():
        work()
    assert reached == ["the end of the block"]


def test_a_second_signal_does_not_interrupt_the_way_out() -> None:
    signals = Signals()
    reached = []

    def work() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGTERM)
            reached.append("the way out")

    with pytest.raises(Stopped, match="SIGINT"), signals.handled():
        work()
    assert reached == ["the way out"]
