"""Streams whose work waits until somebody waits for it, or goes ahead when it likes."""

import random
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulator.memory import SimulationFault


@dataclass(eq=False)
class Mark:
    """A place in a stream."""

    stream: "SimulatedStream"
    reached: bool = False


@dataclass(eq=False)
class SimulatedEvent:
    device: int = 0
    live: bool = True
    mark: Mark | None = None


@dataclass(eq=False)
class Capture:
    """What a thread records; `broken` by a call that may not come meanwhile."""

    mode: Any
    thread: int = field(default_factory=threading.get_ident)
    work: list[Callable[[], None]] = field(default_factory=list)
    broken: bool = False


@dataclass(eq=False)
class SimulatedGraph:
    """Recorded work; ready to launch where `executable`."""

    work: list[Callable[[], None]]
    device: int
    live: bool = True


Operation = Callable[[], None] | tuple[str, Mark]


class SimulatedStream:
    """Work in order. An operation is done only when `run` comes to it."""

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
        """Work up to a mark, or so many operations, or to the end."""
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
    """When work is done that nobody waits for yet.

    `late`: not before somebody waits. `early`: at once. A number: a random part of some streams'
    work after each call, seeded by it. Right code gives the same with all of them.
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
