"""A way to run the model: what it is called, and how it is opened."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from diad_benchmarks.measure.stage_clock import StageClock
from diad_deploy.arrays import FloatArray, ImageArray
from diad_deploy.bundle.manifest import Spacing
from diad_deploy.errors import OptionError
from diad_deploy.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject(Record):
    """What is run.

    Attributes:
        checkpoint: the trained model's file.
        bundle: the folder built from it.
        winograd_bundle: the same with convolutions rewritten for processors; None where there is
            none.
        half_bundle: the same in float16; None where there is none.
        device: `auto`, `cpu` or `cuda`.
        threads: threads on the CPU; None takes each library's own choice.
        largest_batch: most images that will be run at once.
    """

    checkpoint: str
    bundle: str
    winograd_bundle: str | None = None
    half_bundle: str | None = None
    device: str = "auto"
    threads: int | None = None
    largest_batch: int = 8

    @property
    def bundle_path(self) -> Path:
        """The bundle's folder."""
        return Path(self.bundle)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What one run found: maps `[B, S, S]` and scores `[B]`, float32 on the host."""

    maps: FloatArray
    scores: FloatArray


class Runner(Protocol):
    """An opened way.

    Attributes:
        device: `cpu` or `cuda`.
        precision: what its matrix products compute in: `float32` or `float16`.
        detail: what runs, in a few words, with its version.
        clocks_stages: whether stages can be told apart while it runs.
        disk_bytes: size of the files that it loads.
    """

    device: str
    precision: str
    detail: str
    clocks_stages: bool
    disk_bytes: int

    def start_clock(self) -> StageClock:
        """A clock that fits the device; it starts now."""

    def run(self, images: list[ImageArray], clock: StageClock) -> Outcome:
        """Images uint8 `[H, W, 3]` -> maps and scores on the host, done when this returns.

        Raises:
            BackendError: it failed.
        """

    def set_schedule(self, steps: int, spacing: Spacing) -> None:
        """Run another schedule from now on.

        Raises:
            OptionError: this way cannot, or there is no such schedule.
        """

    def close(self) -> None:
        """Let go of the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One row of the comparison.

    Attributes:
        name: on the command line and in results.
        title: for people.
        module: where its `open_runner(subject) -> Runner` is, which says why where it cannot run.
        device: where it runs; None where the run's own choice decides.
        only_with_all: whether it is left out unless everything is asked for.
        needs_half: whether it runs the bundle in float16.
    """

    name: str
    title: str
    module: str
    device: str | None = None
    only_with_all: bool = False
    needs_half: bool = False

    def open(self, subject: Subject) -> Runner:
        """Load the model.

        Raises:
            DiadError: it cannot run here; the message says why.
        """
        opener: Callable[[Subject], Runner] = import_module(self.module).open_runner
        return opener(subject)


_HERE = "diad_benchmarks.backends"

WAYS = (
    Way(name="published", title="PyTorch, published order of work", module=f"{_HERE}.published"),
    Way(name="reference", title="PyTorch, without guidance", module=f"{_HERE}.reference"),
    Way(
        name="compile",
        title="PyTorch, torch.compile",
        module=f"{_HERE}.compiled",
        only_with_all=True,
    ),
    Way(name="half", title="PyTorch, float16 on a GPU", module=f"{_HERE}.half", device="cuda"),
    Way(
        name="torch-graph",
        title="PyTorch, float16 in a CUDA graph",
        module=f"{_HERE}.torch_graph",
        device="cuda",
    ),
    Way(
        name="onnxruntime",
        title="ONNX Runtime, CPU",
        module=f"{_HERE}.onnxruntime_cpu",
        device="cpu",
    ),
    Way(
        name="onnxruntime-winograd",
        title="ONNX Runtime, CPU, Winograd",
        module=f"{_HERE}.onnxruntime_winograd",
        device="cpu",
        only_with_all=True,
    ),
    Way(
        name="onnxruntime-cuda",
        title="ONNX Runtime, CUDA",
        module=f"{_HERE}.onnxruntime_cuda",
        device="cuda",
    ),
    Way(
        name="onnxruntime-cuda-tf32",
        title="ONNX Runtime, CUDA, TF32",
        module=f"{_HERE}.onnxruntime_cuda_tf32",
        device="cuda",
    ),
    Way(
        name="onnxruntime-cuda-no-graphs",
        title="ONNX Runtime, CUDA, no CUDA graphs",
        module=f"{_HERE}.onnxruntime_cuda_no_graphs",
        device="cuda",
    ),
    Way(
        name="onnxruntime-cuda-half",
        title="ONNX Runtime, CUDA, float16",
        module=f"{_HERE}.onnxruntime_cuda_half",
        device="cuda",
        needs_half=True,
    ),
    Way(
        name="onnxruntime-cuda-half-no-graphs",
        title="ONNX Runtime, CUDA, float16, no CUDA graphs",
        module=f"{_HERE}.onnxruntime_cuda_half_no_graphs",
        device="cuda",
        needs_half=True,
    ),
    Way(
        name="openvino",
        title="OpenVINO",
        module=f"{_HERE}.openvino_cpu",
        device="cpu",
        only_with_all=True,
    ),
    Way(name="tensorrt", title="TensorRT", module=f"{_HERE}.tensorrt", device="cuda"),
    Way(name="tensorrt-rtx", title="TensorRT-RTX", module=f"{_HERE}.tensorrt_rtx", device="cuda"),
)
"""In the order of the table."""

PUBLISHED = "published"
WINOGRAD = "onnxruntime-winograd"
REFERENCE = "reference"
YARDSTICK = "onnxruntime"
"""Stays open while the others take turns beside it, where not all fit in memory at once."""


def find_way(name: str) -> Way:
    """The way called `name`.

    Raises:
        OptionError: there is none.
    """
    for way in WAYS:
        if way.name == name:
            return way
    names = ", ".join(way.name for way in WAYS)
    raise OptionError(f"no way {name!r} to run a model; expected one of {names}")
