"""The lock is acquired in order of arrival, and an abandoned turn blocks no other."""

import dis
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

import pytest

from diad_deploy.backends import fair_lock as line_module
from diad_deploy.backends.fair_lock import FairLock, Turn
from tests.diad_deploy.backends.queued_turn import (
    TIMEOUT_S,
    InterruptsFirst,
    QueuedTurn,
    wait_joined,
)


def take(line: FairLock, turn: Turn, work: Callable[[], Any] = lambda: None) -> None:
    try:
        line.wait(turn)
        work()
    finally:
        turn.end()


def is_free(line: FairLock) -> bool:
    """Whether the next one gets its turn."""
    taken = threading.Event()
    threading.Thread(target=take, args=(line, Turn(), taken.set), daemon=True).start()
    return taken.wait(TIMEOUT_S)


def test_those_who_wait_come_in_the_order_of_their_arrival() -> None:
    line, first, order = FairLock(), QueuedTurn(), []
    with ThreadPoolExecutor(6) as pool:
        line.wait(first)
        wait_joined()
        for name in range(6):
            pool.submit(take, line, QueuedTurn(), lambda name=name: order.append(name))
            wait_joined()
        assert order == []
        first.end()
    assert order == list(range(6))


def test_one_at_a_time() -> None:
    line, inside, most = FairLock(), [0], [0]

    def work() -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        inside[0] -= 1

    with ThreadPoolExecutor(8) as pool:
        for _ in range(400):
            pool.submit(take, line, Turn(), work)
    assert most == [1]
    assert is_free(line)


def test_ctrl_c_while_waiting_lets_the_next_one_wait_for_the_one_before() -> None:
    line, first, given_up, order = FairLock(), QueuedTurn(), QueuedTurn(), []
    line.wait(first)
    wait_joined()

    def another_comes() -> None:
        wait_joined()
        pool.submit(take, line, QueuedTurn(), lambda: order.append("behind"))
        wait_joined()

    first.ended = InterruptsFirst(first.ended, another_comes)  # type: ignore[assignment]
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(KeyboardInterrupt):
            take(line, given_up, lambda: order.append("given up"))
        assert order == []
        order.append("first")
        first.end()
    assert order == ["first", "behind"]
    assert is_free(line)


LOOKS_FOR_SIGNALS = {"CALL", "CALL_KW", "CALL_FUNCTION_EX", "RESUME", "JUMP_BACKWARD"}
"""Instructions after which Python raises what Ctrl-C has asked for, and nowhere else."""


class InterruptedAt:
    """Raises KeyboardInterrupt at the n-th place of `take` and `FairLock` where Python can."""

    def __init__(self, place: int) -> None:
        self._left = place
        self._last: dict[FrameType, int] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        code = frame.f_code
        if code is not take.__code__ and code.co_filename != line_module.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            last, self._last[frame] = self._last.get(frame), frame.f_lasti
            if last is not None and dis.opname[code.co_code[last]] in LOOKS_FOR_SIGNALS:
                self._left -= 1
                if self._left == 0:
                    raise KeyboardInterrupt
        return self

    def happens(self, line: FairLock) -> bool:
        before = sys.gettrace()
        sys.settrace(self)
        try:
            take(line, Turn())
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
        return False


def test_ctrl_c_at_any_moment_leaves_the_line_whole() -> None:
    line, places = FairLock(), 0
    while InterruptedAt(places + 1).happens(line):
        places += 1
        assert is_free(line), places
    assert places > 6
