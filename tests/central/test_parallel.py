"""Results come in order of their items, no matter how many threads make them, and the first fault in order is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from central.segments.parallel import in_order


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_order_and_few_are_made_ahead(threads: int) -> None:
    asked: list[int] = []

    def items() -> Iterator[int]:
        for item in range(20):
            asked.append(item)
            yield item

    with in_order(lambda item: item * item, items(), threads) as results:
        for number, result in enumerate(results):
            assert result == number * number
            assert len(asked) <= number + threads + 1


def test_the_first_item_that_fails_is_told_though_a_later_one_failed_sooner() -> None:
    later_failed = threading.Event()

    def fail(item: int) -> int:
        if item == 0:
            assert later_failed.wait(60)
            raise ValueError("first")
        later_failed.set()
        raise ValueError("later")

    with pytest.raises(ValueError, match="first"), in_order(fail, range(2), 2) as results:
        list(results)


def test_no_thread_is_at_work_when_the_context_is_left() -> None:
    entered, leave = threading.Event(), threading.Event()
    left: list[int] = []

    def work(item: int) -> int:
        if item == 1:
            entered.set()
            assert leave.wait(60)
            left.append(item)
        return item

    with in_order(work, range(100), 2) as results:
        assert next(results) == 0
        assert entered.wait(60)
        leave.set()
    assert left == [1]
