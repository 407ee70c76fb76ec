"""Calls of the simulated runtime: each is counted, and can be made to fail."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any


@dataclass(frozen=True)
class Failure:
    """The n-th call, of all or of those called `name`, returns `error`."""

    nth: int
    error: Any
    name: str | None = None


def counted(method: Callable[..., Any]) -> Callable[..., Any]:
    """Counts the call, and fails if the test requested it."""
    name = method.__name__

    @wraps(method)
    def call(self: Any, *arguments: Any) -> Any:
        with self.lock:
            self.calls.append(name)
            failure = self.failure
            if failure is not None and failure.name in (None, name):
                reached = len(self.calls) if failure.name is None else self.calls.count(name)
                if reached == failure.nth:
                    return failure.error, None
            answer = method(self, *arguments)
            self.scheduler.go_on([stream for stream in self.streams.values() if stream.live])
            return answer

    return call
