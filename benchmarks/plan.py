"""What a run of the benchmark measures, and how often."""

from dataclasses import dataclass
from typing import Literal

from benchmarks.ways import WAYS, find_way
from diad_deploy.errors import OptionError
from diad_deploy.strict import Strict

Size = Literal["demo", "full"]
LARGE_BYTES = 10**9
"""A bundle of this size or more is treated as one of the published size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Strict):
    """Which rows, how often, and with how many models in memory.

    Attributes:
        ways: names of the rows that run; the others are rows that say they were left out.
        rounds: turns of each row with one picture.
        batches: pictures at once, each in turns of its own; 1 is always measured.
        batch_rounds: turns of each batch size.
        pictures: how many go through every row in the largest batch, and are compared; 0 compares
            those of the rounds.
        together: whether all models stay in memory, or no more than two at once.
    """

    ways: tuple[str, ...]
    rounds: int
    batches: tuple[int, ...]
    batch_rounds: int
    pictures: int
    together: bool

    def __post_init__(self) -> None:
        for name in self.ways:
            find_way(name)
        if self.rounds < 1 or self.batch_rounds < 1 or self.pictures < 0:
            raise OptionError(
                f"rounds {self.rounds}, {self.batch_rounds}: expected at least one of each"
            )
        if not all(batch >= 1 for batch in self.batches):
            raise OptionError(f"batches {list(self.batches)}: expected numbers from 1 on")

    @property
    def largest_batch(self) -> int:
        """The largest batch that runs."""
        return max((1, *self.batches))


def plan_for(
    size: Size,
    *,
    everything: bool,
    ways: tuple[str, ...] = (),
    rounds: int | None = None,
    batches: tuple[int, ...] = (),
    pictures: int | None = None,
) -> Plan:
    """The usual plan for a model of the demo's or of the published size.

    Args:
        everything: also the rows that take minutes to open.
        ways: these rows alone; none for all.
        rounds, batches, pictures: in the place of the usual ones.

    Raises:
        OptionError: no such way, or numbers that do not fit.
    """
    names = ways or tuple(way.name for way in WAYS if everything or not way.only_with_all)
    small = size == "demo"
    return Plan(
        ways=names,
        rounds=rounds or (10 if small else 5),
        batches=batches or ((1, 2, 4, 8) if small else (1, 2)),
        batch_rounds=2 if small else 1,
        pictures=(24 if small else 0) if pictures is None else pictures,
        together=small,
    )
