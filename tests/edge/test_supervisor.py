"""The supervisor keeps workers serving: it replaces the dead and the hung, drains, and stops what it started."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.edge.bundles import marked, put
from tests.edge.load import callers
from tests.edge.serving import PATIENCE_SECONDS, Server, read_answers, until, write_config

REQUEST = b"GET /v1/decide?placements=hero HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    put(tmp_path / "bundle", marked("first"))
    return tmp_path


def start(directory: Path, *, ready: bool = True, **changes: Any) -> Server:
    return Server(write_config(directory, **changes), ready=ready)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_several_workers_share_a_port_and_status_shows_them_all(directory: Path) -> None:
    with start(directory, workers=3) as server:
        status = server.status()
        assert len({worker["pid"] for worker in status["workers"]}) == 3
        assert {worker["release"] for worker in status["workers"]} == {status["release"]["release"]}
        for _ in range(30):
            with server.client() as client:
                assert client.post("/v1/decide", content=b"{}").status_code == 200
        until(lambda: server.status()["counters"]["posts"] == 30, "all workers' requests are counted together")


def test_a_unix_socket_is_shared_private_and_removed_at_the_end(directory: Path) -> None:
    path = directory / "edge.sock"
    with start(directory, workers=2, uds=path) as server:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with server.client() as client:
            assert client.get("/v1/decide").headers["edgewise-variants"] == "banner=first, hero=first"
        with server.connect() as begun:
            begun.sendall(b"POST /v1/decide HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n")
            until(lambda: server.status()["counters"]["posts"] == 1, "the request has begun")
            server.signal(signal.SIGTERM)
            # Nobody may connect to a server that won't answer, while it waits for what is under way.
            until(lambda: not path.exists(), "the path is gone before the server")
            assert server.process.poll() is None
            begun.sendall(b"{}")
            assert read_answers(begun, 1)[0].startswith(b"HTTP/1.1 200 ")
        assert server.exit_code() == 0
    assert not path.exists()


def test_a_stale_unix_socket_is_taken_over(directory: Path) -> None:
    path = directory / "edge.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with start(directory, uds=path) as server, server.client() as client:
        assert client.get("/healthz").status_code == 200


def test_an_address_in_use_is_an_error_and_the_first_server_goes_on(directory: Path) -> None:
    path = directory / "edge.sock"
    with start(directory) as tcp, start(directory, uds=path) as unix:
        port = int(tcp.address.rpartition(":")[2])
        for changes in ({"port": port}, {"uds": path}):
            with start(directory, ready=False, **changes) as second:
                assert second.exit_code() == 1
                assert "can't listen on" in second.log
        for server in (tcp, unix):
            with server.client() as client:
                assert client.get("/healthz").status_code == 200


def test_a_file_in_the_socket_s_place_is_left_alone(directory: Path) -> None:
    (directory / "edge.sock").write_text("mine")
    with start(directory, ready=False, uds=directory / "edge.sock") as server:
        assert server.exit_code() == 1
    assert (directory / "edge.sock").read_text() == "mine"


@pytest.mark.parametrize("content", [None, b"", b"not a bundle"])
def test_bad_files_at_the_start_end_with_code_1_and_the_reason(directory: Path, content: bytes | None) -> None:
    bundle = directory / "bundle"
    if content is None:
        bundle.unlink()
    else:
        put(bundle, content)
    with start(directory, ready=False, workers=2) as server:
        assert server.exit_code() == 1
        assert f"edge: {bundle}: " in server.log


@pytest.mark.parametrize("listen", ["tcp", "unix"])
def test_a_killed_worker_is_replaced_and_costs_only_its_own_connections(directory: Path, listen: str) -> None:
    uds = directory / "edge.sock" if listen == "unix" else None
    with start(directory, workers=2, uds=uds) as server:
        victim = server.pids()[0]
        with callers(server, 4) as asking:
            until(lambda: all(len(caller.answers) > 50 for caller in asking), "load")
            os.kill(victim, signal.SIGKILL)
            server.wait("worker serves", 3)
            counts = [len(caller.answers) for caller in asking]
            until(
                lambda: all(len(caller.answers) > count + 50 for caller, count in zip(asking, counts, strict=True)),
                "load after the kill",
            )
        assert all(status == 200 for caller in asking for status, _ in caller.answers)
        # What a kill takes: the connections that this worker had. No caller loses more than one request of each.
        assert all(len(caller.dropped) <= 2 for caller in asking), [caller.dropped for caller in asking]
        assert victim not in server.pids()
        until(lambda: server.status()["status"] == "ready", "all workers serve again")


def test_a_hung_worker_is_killed_and_replaced(directory: Path) -> None:
    with start(directory, workers=2, worker_hang_seconds_max=0.5) as server:
        victim = server.pids()[0]
        os.kill(victim, signal.SIGSTOP)
        assert server.wait("worker hangs")["pid"] == victim
        server.wait("worker serves", 3)
        assert not alive(victim)
        assert victim not in server.pids()


def test_workers_are_not_blamed_for_a_supervisor_that_stood_still(directory: Path) -> None:
    with start(directory, workers=2, worker_hang_seconds_max=0.5) as server:
        pids = server.pids()
        everybody = [*pids, server.process.pid]
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(0.6)  # what is tested: longer than a worker may hang
        for pid in reversed(everybody):
            os.kill(pid, signal.SIGCONT)
        server.signal(signal.SIGHUP)
        server.wait("reload asked for")
        assert server.pids() == pids
        assert not server.events("worker hangs")


def test_requests_on_a_shared_unix_socket_do_not_wait_for_a_hung_worker(directory: Path) -> None:
    with start(directory, workers=2, uds=directory / "edge.sock") as server:
        victim = server.pids()[0]
        os.kill(victim, signal.SIGSTOP)
        try:
            for _ in range(20):
                with server.connect() as connection:
                    connection.sendall(REQUEST)
                    assert b"hero=first" in read_answers(connection, 1)[0]
        finally:
            os.kill(victim, signal.SIGCONT)


def test_a_worker_that_is_asked_to_stop_drains_and_is_replaced(directory: Path) -> None:
    with start(directory, workers=2) as server:
        os.kill(server.pids()[0], signal.SIGTERM)
        assert server.wait("worker ended")["how"] == "exit code 0"
        server.wait("worker serves", 3)


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_requests_under_way_end_then_stops(directory: Path, which: signal.Signals) -> None:
    body = b'{"placement": "hero"}'
    with start(directory) as server:
        pids = server.pids()
        with server.connect() as begun, server.connect() as idle:
            idle.sendall(REQUEST)
            read_answers(idle, 1)
            begun.sendall(b"POST /v1/decide HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
            until(lambda: server.status()["counters"]["posts"] == 1, "the request has begun")
            server.signal(which)
            assert idle.recv(1) == b""
            begun.sendall(body)
            (answer,) = read_answers(begun, 1)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"connection: close" in answer
        assert server.exit_code() == 0
        assert not any(alive(pid) for pid in pids)


def test_stopping_under_load_drops_no_request(directory: Path) -> None:
    with start(directory, workers=2, drain_notice_seconds=0.3) as server, callers(server, 4) as asking:
        until(lambda: all(len(caller.answers) > 50 for caller in asking), "load")
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 0
        until(lambda: all(caller.not_connected for caller in asking), "nobody can connect any more")
    assert [caller.dropped for caller in asking] == [[]] * 4
    assert all(status == 200 for caller in asking for status, _ in caller.answers)


def test_readiness_says_that_a_worker_is_stopping(directory: Path) -> None:
    with start(directory, drain_notice_seconds=2.0) as server, server.connect() as connection:
        connection.sendall(REQUEST)
        read_answers(connection, 1)
        server.signal(signal.SIGTERM)
        server.wait("stopping")
        answer = b""
        while not answer.startswith(b"HTTP/1.1 503 "):
            # The signal is on its way: until the worker has it, the answer is 200 and the connection stays.
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
            (answer,) = read_answers(connection, 1)
        assert b"not_ready" in answer


def test_requests_that_do_not_end_are_cut_off_after_the_drain(directory: Path) -> None:
    with (
        start(directory, drain_seconds_max=1, request_read_seconds_max=600.0) as server,
        server.connect() as connection,
    ):
        connection.sendall(b"POST /v1/decide HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
        until(lambda: server.status()["counters"]["posts"] == 1, "the request has begun")
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 0


def test_a_second_signal_stops_at_once_and_says_so_by_its_code(directory: Path) -> None:
    with (
        start(directory, drain_seconds_max=600, request_read_seconds_max=600.0) as server,
        server.connect() as connection,
    ):
        connection.sendall(b"POST /v1/decide HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
        until(lambda: server.status()["counters"]["posts"] == 1, "the request has begun")
        server.signal(signal.SIGTERM)
        server.wait("stopping")
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 3


def test_workers_stop_when_their_supervisor_is_killed(directory: Path) -> None:
    with start(directory, workers=2) as server:
        pids = server.pids()
        server.process.kill()
        until(lambda: not any(alive(pid) for pid in pids), "no worker outlives its supervisor")


def test_a_worker_that_can_not_start_again_is_tried_more_and_more_slowly(directory: Path) -> None:
    with start(directory, workers=2, restart_backoff_seconds_min=0.02) as server:
        put(directory / "bundle", b"bad")
        os.kill(server.pids()[0], signal.SIGKILL)
        server.wait("worker ended", 5)
        pauses = [event["pause_seconds"] for event in server.events("worker ended")]
        assert pauses[:5] == [0.0, 0.02, 0.04, 0.08, 0.16]
        with server.client() as client:
            assert client.get("/v1/decide").headers["edgewise-variants"] == "banner=first, hero=first"
            assert client.get("/readyz").json()["status"] == "degraded"
        put(directory / "bundle", marked("second"))
        server.wait("worker serves", 3)
        until(lambda: server.status()["status"] == "ready", "all workers serve again")


def test_a_signal_to_the_whole_terminal_stops_in_order(directory: Path) -> None:
    with start(directory, workers=2) as server:
        for pid in (*server.pids(), server.process.pid):
            os.kill(pid, signal.SIGINT)
        assert server.exit_code() == 0
        assert len(server.events("worker stopped")) == 2


def test_the_supervisor_loads_neither_engine_nor_server() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, edge.cli; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    ).stdout.split()
    assert {"edge.supervisor", "edge.board"} <= set(loaded)
    assert not {"rulecore", "uvicorn", "starlette", "uvloop"} & set(loaded)
