"""What a run of the benchmark measures, and how often."""

from dataclasses import dataclass
from typing import Literal

from diad_benchmarks.backends import WAYS, find_way
from diad_benchmarks.backends.backend import YARDSTICK
from diad_deploy.errors import OptionError
from diad_deploy.record import Record

Size = Literal["demo", "full"]
LARGE_BYTES = 10**9
"""A bundle of this size or more is treated as one of the published size."""

TELLING_FIRST = (
    "onnxruntime-cuda-half",
    "torch-graph",
    "published",
    "onnxruntime-cuda",
    "reference",
    "onnxruntime-cuda-tf32",
    "tensorrt",
    "tensorrt-rtx",
    "half",
    "onnxruntime-cuda-half-no-graphs",
    "onnxruntime-cuda-no-graphs",
    "compile",
)
"""The rows of a run on a GPU, in the order in which they are opened."""

GPU_BATCHES = (1, 8, 2, 4, 16, 32)
"""In the order in which they are measured."""

GPU_IMAGES: dict[Size, int] = {"demo": 32, "full": 8}
"""To compare maps of both takes about as long: on a GPU, longer than to make them."""

TURN_S = 1.5
"""A row runs so long at a time on a GPU: a second and more, for the energy counter's sake."""

MODEL_BYTES, MODEL_COPIES = 10**9, 4
"""What a model of the demo's size may take on a GPU, beside its weights as often as that: the CUDA
context, work in float32, working memory for the largest batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Record):
    """Which rows, how often, and with how many models in memory.

    Attributes:
        ways: names of the rows that run, in the order in which they are opened; the others are
            rows that say they were left out.
        rounds: turns of each row with one image.
        batches: images at once, each in turns of its own, in the order in which they are
            measured; 1 is always measured.
        batch_rounds: turns of each batch size.
        images: how many go through every row in the largest batch, and are compared; 0 compares
            those of the rounds.
        together: whether all models stay in memory, or no more than two at once.
        turn_s: a turn is as many runs as fit into it; 0 makes it one run.
        minutes: what the run was given; None for as long as it takes.
    """

    ways: tuple[str, ...]
    rounds: int
    batches: tuple[int, ...]
    batch_rounds: int
    pictures: int
    together: bool
    turn_s: float = 0.0
    minutes: float | None = None

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

    @property
    def larger_batches(self) -> tuple[int, ...]:
        """Every batch size but 1, once, in the order given."""
        return tuple(dict.fromkeys(batch for batch in self.batches if batch > 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuRoom:
    """What decides how many models fit on a GPU at once.

    Attributes:
        total_bytes: the GPU's memory; None where that is not known.
        bundle_bytes: the bundle's size on disk.
    """

    total_bytes: int | None
    bundle_bytes: int

    def holds(self, models: int) -> bool:
        """Whether so many surely fit."""
        each = MODEL_BYTES + MODEL_COPIES * self.bundle_bytes
        return self.total_bytes is not None and models * each <= self.total_bytes


def plan_for(
    size: Size,
    *,
    everything: bool,
    ways: tuple[str, ...] = (),
    rounds: int | None = None,
    batches: tuple[int, ...] = (),
    images: int | None = None,
    gpu: GpuRoom | None = None,
    minutes: float | None = None,
) -> Plan:
    """The usual plan for a model of the demo's or of the published size.

    Args:
        everything: also the rows that take minutes to open.
        ways: these rows alone; none for all.
        rounds, batches, images: in the place of the usual ones.
        gpu: the GPU that the run is about; None for a run about the processor.
        minutes: what the run is given.

    Raises:
        OptionError: no such way, or numbers that do not fit.
    """
    if gpu is None:
        small = size == "demo"
        return Plan(
            ways=ways or _usual(everything, telling_first=minutes is not None),
            rounds=rounds or (10 if small else 5),
            batches=batches or ((1, 2, 4, 8) if small else (1, 2)),
            batch_rounds=2 if small else 1,
            pictures=(24 if small else 0) if images is None else images,
            together=small,
            minutes=minutes,
        )
    # with a limit of time the slow rows come last, and may not be reached
    names = ways or _usual_on_gpu(everything, slow=everything or minutes is not None)
    sizes = batches or GPU_BATCHES
    return Plan(
        ways=names,
        rounds=rounds or 3,
        batches=sizes,
        batch_rounds=2,
        pictures=GPU_IMAGES[size] if images is None else images,
        together=gpu.holds(len(names)),
        turn_s=TURN_S,
        minutes=minutes,
    )


def _usual(everything: bool, *, telling_first: bool) -> tuple[str, ...]:
    names = [way.name for way in WAYS if everything or not way.only_with_all]
    if telling_first:
        names.sort(key=lambda name: (find_way(name).device == "cuda", name != YARDSTICK))
    return tuple(names)


def _usual_on_gpu(everything: bool, *, slow: bool) -> tuple[str, ...]:
    """The GPU's rows, most telling first; with `everything` the processor's behind them."""
    rows = [name for name in TELLING_FIRST if slow or not find_way(name).only_with_all]
    others = [way.name for way in WAYS if everything and way.name not in TELLING_FIRST]
    return (*rows, *others)
