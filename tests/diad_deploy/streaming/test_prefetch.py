"""Threads prefetch for the consumer: in order, bounded, and no finished item is lost."""

import threading
from collections.abc import Iterator

import pytest

from diad_deploy.errors import BackendError
from diad_deploy.streaming.prefetch import prefetch

TIMEOUT_S = 60
"""Nothing takes so long; a test that waits so long has failed."""


def test_results_come_in_the_order_of_the_items() -> None:
    later = [threading.Event() for _ in range(21)]

    def slow_first(item: int) -> int:
        # an even item ends after the odd one that follows it
        later[item].set()
        assert item % 2 or later[item + 1].wait(TIMEOUT_S)
        return item * 10

    assert list(prefetch(slow_first, range(20), threads=4, max_pending=6)) == [
        item * 10 for item in range(20)
    ]


def test_no_items() -> None:
    assert list(prefetch(str, [], threads=2, max_pending=2)) == []


def test_no_more_items_are_taken_than_asked() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(100):
            taken += 1
            if taken == 5:
                release.set()
            yield item

    release = threading.Event()

    def work(item: int) -> int:
        assert release.wait(TIMEOUT_S)
        return item

    results = prefetch(work, items(), threads=2, max_pending=5)
    assert next(results) == 0
    assert taken == 5
    for handed_on, _ in enumerate(results, start=2):
        assert taken - handed_on <= 5


def test_work_is_done_ahead_of_the_consumer() -> None:
    done = threading.Semaphore(0)

    def work(item: int) -> int:
        done.release()
        return item

    results = prefetch(work, range(10), threads=2, max_pending=4)
    next(results)
    assert all(done.acquire(timeout=TIMEOUT_S) for _ in range(4))
    results.close()
    assert not done.acquire(blocking=False)


def test_an_exception_comes_at_its_place() -> None:
    def fail_at_three(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    results = prefetch(fail_at_three, range(10), threads=2, max_pending=4)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)


def test_finished_items_are_yielded_before_an_interruption() -> None:
    interrupted = threading.Event()

    def items() -> Iterator[int]:
        yield from range(3)
        interrupted.set()
        raise KeyboardInterrupt

    def slow(item: int) -> int:
        assert interrupted.wait(TIMEOUT_S)
        return item

    results = prefetch(slow, items(), threads=1, max_pending=8)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyboardInterrupt):
        next(results)


def test_of_two_errors_the_one_that_stopped_the_items_is_raised() -> None:
    in_hand = OSError("disk full")

    def items() -> Iterator[int]:
        yield 0
        raise BackendError("the GPU has failed")

    def work(item: int) -> int:
        raise in_hand

    with pytest.raises(BackendError) as raised:
        list(prefetch(work, items(), threads=1, max_pending=4))
    assert raised.value.__cause__ is in_hand


def test_closing_ends_the_threads() -> None:
    before = threading.active_count()
    results = prefetch(str, range(100), threads=3, max_pending=6)
    next(results)
    results.close()
    assert threading.active_count() == before
