"""What one process writes on the board, another reads whole or not at all."""

from __future__ import annotations

import os

from edge.board import Board, Report
from edge.counters import Counters, total


def report(**changes: object) -> Report:
    return Report(**({"state": "serving", "pid": 1, "started_at": 2.0} | changes))  # type: ignore[arg-type]


def test_a_forked_process_reads_and_writes_the_same_board() -> None:
    board = Board(2, 1000)
    pid = os.fork()
    if pid == 0:
        board.beat(1)
        board.publish(1, report(pid=7))
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert (board.beats(0), board.beats(1)) == (0, 1)
    assert board.report(0) is None
    assert board.report(1) == report(pid=7)
    board.clear(1)
    assert board.report(1) is None
    assert board.beats(1) == 0


def test_a_damaged_report_is_not_read() -> None:
    board = Board(1, 1000)
    board.publish(0, report())
    position = board._memory.find(b"serving")
    board._memory[position] ^= 1
    assert board.report(0) is None


def test_the_newest_report_goes_and_the_one_before_stays_whole_while_it_is_written() -> None:
    board = Board(1, 1000)
    for pid in range(1, 8):
        board.publish(0, report(pid=pid))
        assert board.report(0) == report(pid=pid)
    assert board._memory.find(b'"pid":6') >= 0


def test_a_report_too_large_goes_without_its_counts() -> None:
    board = Board(1, 400)
    board.publish(0, report(counters=Counters(coerced_away={f"attribute_{number}": 1 for number in range(100)})))
    assert board.report(0) == report()


def test_the_wish_to_reload_is_seen_by_all() -> None:
    board = Board(1, 100)
    board.ask_reload()
    board.ask_reload()
    assert board.reloads == 2


def test_counters_add_up_by_name() -> None:
    one = Counters(posts=1, decisions=2, errors={"a": 1})
    two = Counters(posts=3, gets=1, errors={"a": 1, "b": 2}, coerced_away={"age": 4})
    assert total([one, two]) == Counters(posts=4, gets=1, decisions=2, errors={"a": 2, "b": 2}, coerced_away={"age": 4})
    assert one.errors == {"a": 1}


def test_a_reader_beside_a_writer_always_finds_a_whole_report() -> None:
    board = Board(1, 4000)
    board.publish(0, report(pid=0))
    pid = os.fork()
    if pid == 0:
        for number in range(20_000):
            board.publish(0, report(pid=number, release=f"{number}" * 300))
        os._exit(0)
    reads = 0
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        found = board.report(0)
        assert found is not None
        assert found.pid == 0 or found.release == f"{found.pid}" * 300
        reads += 1
    assert reads
