"""When a run has to end, and whether more work fits before then."""

import math
import time
from collections.abc import Callable
from typing import Self

RESERVED_SHARE = 0.08
LEAST_RESERVED_S, MAX_RESERVED_S = 5.0, 30.0
"""Reserved for the work after the last turn: comparing results, the page, ending processes."""

Now = Callable[[], float]


class Deadline:
    """The time at which a run has to end; infinite if there is no limit.

    Attributes:
        minutes: the limit of the run; None for no limit.
    """

    def __init__(
        self, end: float = math.inf, *, minutes: float | None = None, now: Now = time.monotonic
    ) -> None:
        self._end, self._now = end, now
        self.minutes = minutes

    @classmethod
    def after(cls, minutes: float | None, *, now: Now = time.monotonic) -> Self:
        """`minutes` from now, less the reserve; None for no limit."""
        if minutes is None:
            return cls(now=now)
        seconds = 60 * minutes
        reserve = min(max(RESERVED_SHARE * seconds, LEAST_RESERVED_S), MAX_RESERVED_S)
        return cls(now() + max(seconds - reserve, 0.0), minutes=minutes, now=now)

    def left_s(self) -> float:
        """Seconds until then; 0 once it is over."""
        return max(self._end - self._now(), 0.0)

    def fits(self, seconds: float) -> bool:
        """Whether work of this duration would end in time."""
        return seconds < self.left_s() or math.isinf(self._end)

    def timeout_s(self) -> float | None:
        """The seconds left as a timeout; None for no limit."""
        return None if math.isinf(self._end) else self.left_s()

    def share(self, parts: int) -> "Deadline":
        """The end of the first of `parts` equal parts of the time left."""
        if math.isinf(self._end):
            return self
        end = self._now() + self.left_s() / parts
        return Deadline(end, minutes=self.minutes, now=self._now)

    def passed(self) -> str:
        """The limit in words, for messages about what was left out."""
        return f"the run's {self.minutes or 0:g} minutes"
