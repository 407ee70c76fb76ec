"""When a run has to end, and whether something still fits before that."""

import math
import time
from collections.abc import Callable
from typing import Self

RESERVED_SHARE = 0.08
LEAST_RESERVED_S, MAX_RESERVED_S = 5.0, 30.0
"""Kept back for what comes after the last turn: comparing results, the page, ending processes."""

Now = Callable[[], float]


class Deadline:
    """An end on a clock; infinitely far where there is none.

    Attributes:
        minutes: what the run was given; None for as long as it takes.
    """

    def __init__(
        self, end: float = math.inf, *, minutes: float | None = None, now: Now = time.monotonic
    ) -> None:
        self._end, self._now = end, now
        self.minutes = minutes

    @classmethod
    def after(cls, minutes: float | None, *, now: Now = time.monotonic) -> Self:
        """`minutes` from now, less what is kept back; never, where that is None."""
        if minutes is None:
            return cls(now=now)
        seconds = 60 * minutes
        kept = min(max(RESERVED_SHARE * seconds, LEAST_RESERVED_S), MAX_RESERVED_S)
        return cls(now() + max(seconds - kept, 0.0), minutes=minutes, now=now)

    def left_s(self) -> float:
        """Seconds until then; 0 once it is over."""
        return max(self._end - self._now(), 0.0)

    def fits(self, seconds: float) -> bool:
        """Whether what takes so long would be done in time."""
        return seconds < self.left_s() or math.isinf(self._end)

    def timeout_s(self) -> float | None:
        """What is left as a limit of waiting; None for no limit."""
        return None if math.isinf(self._end) else self.left_s()

    def share(self, parts: int) -> "Deadline":
        """The end of the first of so many equal parts of what is left."""
        if math.isinf(self._end):
            return self
        end = self._now() + self.left_s() / parts
        return Deadline(end, minutes=self.minutes, now=self._now)

    def passed(self) -> str:
        """Why something was left out, in a few words."""
        return f"the run's {self.minutes or 0:g} minutes"
