"""What a run of the benchmark measures, and how often."""

from dataclasses import dataclass
from typing import Literal

from diad_benchmarks.backends.backend import BACKENDS, YARDSTICK, find_backend
from diad_deploy.errors import OptionError
from diad_deploy.record import Record

Size = Literal["demo", "full"]
LARGE_BYTES = 10**9
"""A bundle of at least this size is treated as one of the published size."""

GPU_ORDER = (
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
"""The backends of a run on a GPU in the order of opening, the most informative first."""

GPU_BATCHES = (1, 8, 2, 4, 16, 32)
"""Batch sizes in the order of measurement."""

GPU_COMPARED: dict[Size, int] = {"demo": 32, "full": 8}
"""Number of compared images; the comparison takes about equally long at both sizes."""

TURN_S = 1.5
"""Length of a turn on a GPU: the energy counter needs more than one second."""

MODEL_BYTES, MODEL_COPIES = 10**9, 4
"""Memory of a model on a GPU: a fixed part, and a multiple of its weights. It includes the CUDA
context, computation in float32, and workspace for the largest batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Record):
    """Which backends run, how often, and how many models are in memory at once.

    Attributes:
        ways: names of the backends that run, in the order in which they are opened; the others
            have rows that say they were left out.
        rounds: turns of each backend with one image.
        batches: batch sizes in the order in which they are measured; 1 is always measured.
        batch_rounds: turns of each batch size.
        pictures: how many images run in the largest batch and are compared; 0 compares those of
            the rounds.
        together: whether all models stay in memory, or at most two at once.
        turn_s: length of a turn, filled with runs; 0 for one run per turn.
        minutes: the limit of the run; None for no limit.
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
            find_backend(name)
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
        """Every batch size but 1, once, in the given order."""
        return tuple(dict.fromkeys(batch for batch in self.batches if batch > 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuRoom:
    """What decides how many models fit on a GPU at once.

    Attributes:
        total_bytes: the GPU's memory; None if unknown.
        bundle_bytes: the bundle's size on disk.
    """

    total_bytes: int | None
    bundle_bytes: int

    def holds(self, models: int) -> bool:
        """Whether this number of models certainly fits."""
        each = MODEL_BYTES + MODEL_COPIES * self.bundle_bytes
        return self.total_bytes is not None and models * each <= self.total_bytes


def plan_for(
    size: Size,
    *,
    everything: bool,
    backends: tuple[str, ...] = (),
    rounds: int | None = None,
    batches: tuple[int, ...] = (),
    compared: int | None = None,
    gpu: GpuRoom | None = None,
    minutes: float | None = None,
) -> Plan:
    """The default plan for a model of the demo's or of the published size.

    Args:
        everything: include the backends that take minutes to open.
        backends: the names of the only backends to run; empty for all.
        rounds, batches, compared: instead of the defaults; `compared` is the number of images.
        gpu: the GPU to measure; None to measure the CPU.
        minutes: the limit of the run.

    Raises:
        OptionError: an unknown backend, or numbers out of range.
    """
    if gpu is None:
        small = size == "demo"
        return Plan(
            ways=backends or _for_processor(everything, limited=minutes is not None),
            rounds=rounds or (10 if small else 5),
            batches=batches or ((1, 2, 4, 8) if small else (1, 2)),
            batch_rounds=2 if small else 1,
            pictures=(24 if small else 0) if compared is None else compared,
            together=small,
            minutes=minutes,
        )
    # with a time limit the slow backends come last, and may not be reached
    names = backends or _for_gpu(everything, slow=everything or minutes is not None)
    return Plan(
        ways=names,
        rounds=rounds or 3,
        batches=batches or GPU_BATCHES,
        batch_rounds=2,
        pictures=GPU_COMPARED[size] if compared is None else compared,
        together=gpu.holds(len(names)),
        turn_s=TURN_S,
        minutes=minutes,
    )


def _for_processor(everything: bool, *, limited: bool) -> tuple[str, ...]:
    chosen = [each for each in BACKENDS if everything or not each.only_with_all]
    if limited:
        chosen.sort(key=lambda each: (each.device == "cuda", each.name != YARDSTICK))
    return tuple(each.name for each in chosen)


def _for_gpu(everything: bool, *, slow: bool) -> tuple[str, ...]:
    """The GPU's backends, followed by the CPU's if `everything` is true."""
    names = [n for n in GPU_ORDER if slow or not find_backend(n).only_with_all]
    others = [each.name for each in BACKENDS if each.name not in GPU_ORDER]
    return (*names, *(others if everything else ()))
