"""Streams whose work runs when it is waited for, or at any time before."""

import random
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulator.memory import SimulationFault


@dataclass(eq=False)
class Mark:
    """A position in a stream."""

    stream: "SimulatedStream"
    reached: bool = False


@dataclass(eq=False)
class SimulatedEvent:
    device: int = 0
    live: bool = True
    mark: Mark | None = None


@dataclass(eq=False)
class Capture:
    """A thread's capture; `broken` by a call that is not permitted during it."""

    mode: Any
    thread: int = field(default_factory=threading.get_ident)
    work: list[Callable[[], None]] = field(default_factory=list)
    broken: bool = False


@dataclass(eq=False)
class SimulatedGraph:
    """Captured work; can be launched if `executable`."""

    work: list[Callable[[], None]]
    device: int
    live: bool = True


Operation = Callable[[], None] | tuple[str, Mark]


class SimulatedStream:
    """Work in order. An operation is done only when `run` reaches it."""

    def __init__(self, handle: int, device: int = 0) -> None:
        self.live = True
        self.device = device
        self.capture: Capture | None = None
        self._handle = handle
        self._waiting: deque[Operation] = deque()

    def __int__(self) -> int:
        return self._handle

    def add(self, operation: Operation) -> None:
        if not self.live:
            raise SimulationFault("work for a stream that was destroyed")
        self._waiting.append(operation)

    def run(self, *, until: Mark | None = None, most: int | None = None) -> None:
        """Run the work up to a mark, a number of operations, or all of it."""
        done = 0
        while self._waiting and done != most and not (until and until.reached):
            operation = self._waiting.popleft()
            done += 1
            if callable(operation):
                operation()
                continue
            what, mark = operation
            if what == "record":
                mark.reached = True
            elif not mark.reached:
                mark.stream.run(until=mark)


class Scheduler:
    """When work runs that is not waited for yet.

    `late`: when it is waited for. `early`: at once. A number: a random part of some streams' work
    after each call, with this seed. Correct code gives the same results with all of them.
    """

    def __init__(self, policy: str | int) -> None:
        self._policy = policy
        self._random = random.Random(policy if isinstance(policy, int) else 0)

    def go_on(self, streams: list[SimulatedStream]) -> None:
        if self._policy == "late" or not streams:
            return
        if self._policy == "early":
            for stream in streams:
                stream.run()
            return
        chosen = self._random.choice(streams)
        chosen.run(most=self._random.randint(0, 4))
