"""Times of several ways to do the same, taken in turns."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """Seconds of each way, one a round: a machine that drifts hurts all alike."""

    seconds: Mapping[str, tuple[float, ...]]

    def median_s(self, name: str) -> float:
        """Median time of one way."""
        return statistics.median(self.seconds[name])

    def ratios(self, slow: str, fast: str) -> tuple[float, ...]:
        """How many times faster `fast` was than `slow`, round by round."""
        pairs = zip(self.seconds[slow], self.seconds[fast], strict=True)
        return tuple(ours / theirs for ours, theirs in pairs)


def take_turns(
    ways: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    tell: Callable[[str], None] = lambda line: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Rounds:
    """Run all ways once a round, in the order given."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for index in range(rounds):
        for name, run in ways.items():
            start = clock()
            run()
            seconds[name].append(clock() - start)
            tell(f"round {index + 1} of {rounds}: {name} {seconds[name][-1]:.2f} s")
    return Rounds(seconds={name: tuple(taken) for name, taken in seconds.items()})
