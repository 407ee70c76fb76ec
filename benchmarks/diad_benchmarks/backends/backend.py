"""The backends of the comparison, and the interface of an open backend."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from diad_benchmarks.measure.stage_clock import HostClock, StageClock
from diad_deploy.arrays import FloatArray, ImageArray
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import Spacing
from diad_deploy.diffusion.noise import broadcast_noise
from diad_deploy.errors import BackendError, OptionError
from diad_deploy.images.preprocess import prepare_batch
from diad_deploy.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject(Record):
    """The model that all backends run.

    Attributes:
        checkpoint: the trained model's file; None if there is none.
        bundle: the folder that was built from it.
        winograd_bundle: the same model with Winograd convolutions; None if there is none.
        half_bundle: the same model in float16; None if there is none.
        device: `auto`, `cpu` or `cuda`.
        threads: threads on the CPU; None for each library's default.
        largest_batch: the most images in one batch.
    """

    checkpoint: str | None
    bundle: str
    winograd_bundle: str | None = None
    half_bundle: str | None = None
    device: str = "auto"
    threads: int | None = None
    largest_batch: int = 8

    def checkpoint_path(self) -> Path:
        """The checkpoint's path.

        Raises:
            OptionError: no checkpoint was given.
        """
        if self.checkpoint is None:
            raise OptionError(
                "PyTorch needs the trained model, but only its bundle was given; add --checkpoint"
            )
        return Path(self.checkpoint)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """The results of a batch: maps `[B, S, S]` and scores `[B]`, float32 in host memory."""

    maps: FloatArray
    scores: FloatArray


class Runner(ABC):
    """An open backend.

    Attributes:
        device: `cpu` or `cuda`.
        precision: `float32` or `float16`, of its matrix products.
        detail: a short description of what runs, with versions.
        disk_bytes: size of the files it loads.
    """

    device = "cpu"
    precision = "float32"
    detail: str
    disk_bytes: int

    def __init__(self, bundle: Bundle) -> None:
        self._image = bundle.manifest.image
        self._noises = bundle.noise()

    @abstractmethod
    def run(self, images: list[ImageArray], clock: StageClock) -> Outcome:
        """Run a batch of images uint8 `[H, W, 3]` and wait for the results.

        Raises:
            BackendError: the backend failed.
        """

    def start_clock(self) -> StageClock:
        """A clock for the device, started now."""
        return HostClock()

    def set_schedule(self, steps: int, spacing: Spacing) -> None:
        """Change the schedule.

        Raises:
            OptionError: the schedule is invalid, or fixed in this backend.
        """
        del steps, spacing
        raise OptionError(f"{self.detail}: its schedule is fixed; use the backend {YARDSTICK}")

    def close(self) -> None:  # noqa: B027 - most have nothing to release
        """Release the model."""

    def _prepare(self, images: list[ImageArray]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The model's input `[B, 3, S, S]`, and both noises `[B, C, h, w]`."""
        batch = prepare_batch(images, self._image)
        noise, posterior_noise = (broadcast_noise(noise, len(batch)) for noise in self._noises)
        return batch, noise, posterior_noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One row of the comparison.

    Attributes:
        name: used on the command line and in results.
        title: the name shown in tables.
        opener: `MODULE.FUNCTION` in this package, called with a `Subject` and `options`.
        device: the device it runs on; None for the one chosen with `--device`.
        extra: the extra with the packages it needs.
        only_with_all: whether it runs only with `--all`.
        needs_half: whether it runs the float16 bundle.
    """

    name: str
    title: str
    opener: str
    options: Mapping[str, Any] = field(default_factory=dict)
    device: str | None = None
    extra: str = "export"
    only_with_all: bool = False
    needs_half: bool = False

    def open(self, subject: Subject) -> Runner:
        """Load the model.

        Raises:
            DiadError: the backend cannot run here; the message says why.
        """
        module, _, function = self.opener.partition(".")
        try:
            opener: Callable[..., Runner] = getattr(
                import_module(f"diad_benchmarks.backends.{module}"), function
            )
            return opener(subject, **self.options)
        except ImportError as error:
            raise BackendError(
                f'cannot be imported: {error}; pip install "diad_deploy[{self.extra}]"'
            ) from error


def _bundle(name: str, title: str, *, device: str = "cuda", extra: str, **options: Any) -> Backend:
    """A row of one of the runtime's own backends, whose name is `name` up to a suffix."""
    backend = "onnxruntime" if name.startswith("onnxruntime") else name
    return Backend(
        name=name,
        title=title,
        opener="bundle.open_bundle",
        options={"backend": backend, "device": device, **options},
        device=device,
        extra=extra,
        only_with_all=device == "cpu" and bool(options),
        needs_half=options.get("variant") == "half",
    )


_onnxruntime_cpu = partial(_bundle, device="cpu", extra="cpu")
_onnxruntime_cuda = partial(_bundle, extra="gpu")

BACKENDS = (
    Backend(
        name="published", title="PyTorch, published order of work", opener="pytorch.open_published"
    ),
    Backend(name="reference", title="PyTorch, without guidance", opener="pytorch.open_reference"),
    Backend(
        name="compile",
        title="PyTorch, torch.compile",
        opener="pytorch.open_compiled",
        only_with_all=True,
    ),
    Backend(
        name="half",
        title="PyTorch, float16 on a GPU",
        opener="pytorch.open_half_on_gpu",
        device="cuda",
    ),
    Backend(
        name="torch-graph",
        title="PyTorch, float16 in a CUDA graph",
        opener="pytorch.open_recorded",
        device="cuda",
    ),
    _onnxruntime_cpu("onnxruntime", "ONNX Runtime, CPU"),
    _onnxruntime_cpu("onnxruntime-winograd", "ONNX Runtime, CPU, Winograd", variant="winograd"),
    _onnxruntime_cuda("onnxruntime-cuda", "ONNX Runtime, CUDA"),
    _onnxruntime_cuda("onnxruntime-cuda-tf32", "ONNX Runtime, CUDA, TF32", tf32=True),
    _onnxruntime_cuda(
        "onnxruntime-cuda-no-graphs", "ONNX Runtime, CUDA, no CUDA graphs", cuda_graphs=False
    ),
    _onnxruntime_cuda("onnxruntime-cuda-half", "ONNX Runtime, CUDA, float16", variant="half"),
    _onnxruntime_cuda(
        "onnxruntime-cuda-half-no-graphs",
        "ONNX Runtime, CUDA, float16, no CUDA graphs",
        variant="half",
        cuda_graphs=False,
    ),
    Backend(
        name="openvino",
        title="OpenVINO",
        opener="openvino.open_openvino",
        device="cpu",
        extra="benchmarks",
        only_with_all=True,
    ),
    _bundle("tensorrt", "TensorRT", extra="tensorrt", variant="engines"),
    _bundle("tensorrt-rtx", "TensorRT-RTX", extra="tensorrt-rtx", variant="engines"),
)
"""All backends, in the order of the tables."""

PUBLISHED, REFERENCE = "published", "reference"
WINOGRAD = "onnxruntime-winograd"
YARDSTICK = "onnxruntime"
"""If not all models fit into memory, this one stays open and alternates with each other one."""


def find_backend(name: str) -> Backend:
    """The backend called `name`.

    Raises:
        OptionError: there is no such backend.
    """
    for backend in BACKENDS:
        if backend.name == name:
            return backend
    names = ", ".join(backend.name for backend in BACKENDS)
    raise OptionError(f"no backend {name!r}; expected one of {names}")
