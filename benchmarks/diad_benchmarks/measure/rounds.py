"""Times of several alternating workloads."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """Seconds of each workload, one per round: changes of the machine's speed affect all alike."""

    seconds: Mapping[str, tuple[float, ...]]

    def median_s(self, name: str) -> float:
        """Median time of one workload."""
        return statistics.median(self.seconds[name])

    def ratios(self, slow: str, fast: str) -> tuple[float, ...]:
        """How many times faster `fast` was than `slow`, round by round."""
        pairs = zip(self.seconds[slow], self.seconds[fast], strict=True)
        return tuple(longer / shorter for longer, shorter in pairs)


def take_turns(
    workloads: Mapping[str, Callable[[int], float]],
    *,
    rounds: int,
    echo: Callable[[str], None] = lambda line: None,
) -> Rounds:
    """Run every workload once per round, in the given order.

    Args:
        workloads: each takes the round's number from 0 and returns its seconds.
        rounds: how many.
        echo: called with a line after each.
    """
    seconds: dict[str, list[float]] = {name: [] for name in workloads}
    for index in range(rounds):
        for name, run in workloads.items():
            seconds[name].append(run(index))
            echo(f"round {index + 1} of {rounds}: {name} {seconds[name][-1]:.2f} s")
    return Rounds(seconds={name: tuple(taken) for name, taken in seconds.items()})


def seconds_of(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """The seconds of one call."""
    start = clock()
    work()
    return clock() - start
