"""Pieces are collected in order, and none that has begun is lost."""

from collections.abc import Callable, Iterator

import pytest

from diad_deploy.errors import BackendError, CudaError
from diad_deploy.streaming.pending import collect_in_order


def fail(error: BaseException) -> Callable[[], int]:
    def piece() -> int:
        raise error

    return piece


def pieces(calls: list[str], count: int, error: BaseException | None = None) -> Iterator[Callable]:
    for number in range(count):
        calls.append(f"begin {number}")
        yield lambda number=number: calls.append(f"end {number}") or number
    if error is not None:
        raise error


@pytest.mark.parametrize(
    ("max_pending", "order"),
    [
        (1, ["begin 0", "end 0", "begin 1", "end 1", "begin 2", "end 2"]),
        (2, ["begin 0", "begin 1", "end 0", "begin 2", "end 1", "end 2"]),
    ],
)
def test_number_of_pending_items(max_pending: int, order: list[str]) -> None:
    calls: list[str] = []
    assert list(collect_in_order(pieces(calls, 3), max_pending=max_pending)) == [0, 1, 2]
    assert calls == order


def test_started_items_are_yielded_before_ctrl_c() -> None:
    source = collect_in_order(pieces([], 2, KeyboardInterrupt()), max_pending=3)
    assert [next(source), next(source)] == [0, 1]
    with pytest.raises(KeyboardInterrupt):
        next(source)


def begin_two_then(stop: BaseException, in_hand: BaseException) -> Iterator[Callable[[], int]]:
    yield lambda: 0
    yield fail(in_hand)
    raise stop


@pytest.mark.parametrize("stop", [BackendError("first"), KeyboardInterrupt()])
def test_of_two_errors_the_first_is_raised_and_the_second_chained(stop: BaseException) -> None:
    second = CudaError("cudaErrorUnknown", "second")
    source = collect_in_order(begin_two_then(stop, second), max_pending=4)
    assert next(source) == 0
    with pytest.raises(type(stop)) as raised:
        next(source)
    assert raised.value is stop
    assert raised.value.__cause__ is second


def test_the_first_keeps_its_own_cause() -> None:
    first, cause, second = BackendError("first"), RuntimeError("cause"), BackendError("second")
    first.__cause__ = cause
    with pytest.raises(BackendError, match="first") as raised:
        list(collect_in_order(begin_two_then(first, second), max_pending=4))
    assert (raised.value.__cause__, raised.value.__context__) == (cause, second)


def test_ctrl_c_goes_before_a_failure_that_could_be_passed_over() -> None:
    failure = BackendError("first")
    with pytest.raises(KeyboardInterrupt) as raised:
        list(collect_in_order(begin_two_then(failure, KeyboardInterrupt()), max_pending=4))
    assert raised.value.__cause__ is failure


def test_the_same_error_twice_is_no_cause_of_itself() -> None:
    error = BackendError("the GPU has failed")
    with pytest.raises(BackendError) as raised:
        list(collect_in_order(begin_two_then(error, error), max_pending=4))
    assert raised.value.__cause__ is None
