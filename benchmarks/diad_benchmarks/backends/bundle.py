"""Bundles, run by the runtime's own backends."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, TypeVar

from diad_benchmarks.backends.backend import Outcome, Runner, Subject
from diad_benchmarks.measure.stage_clock import HostClock, StageClock, marking, pipeline_stage
from diad_deploy.arrays import ImageArray
from diad_deploy.backends import ModelRequest, has_engines, open_model
from diad_deploy.bundle.engine_spec import Target
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import Spacing
from diad_deploy.diffusion import pipeline
from diad_deploy.diffusion.schedule import ddim_steps, make_schedule
from diad_deploy.diffusion.stages import Outputs, Stages
from diad_deploy.errors import OptionError

T = TypeVar("T")
Variant = Literal["plain", "winograd", "half", "engines"]
PACKAGES = ("onnxruntime", "onnxruntime-gpu", "tensorrt", "tensorrt-rtx-cu13", "tensorrt_rtx_cu13")


def open_bundle(
    subject: Subject, *, backend: str, device: str, variant: Variant = "plain", **options: bool
) -> Runner:
    """The runner of one of the subject's bundles; `engines` is the one that has engines.

    Raises:
        OptionError: the subject has no such bundle.
    """
    if variant == "winograd":
        if subject.winograd_bundle is None:
            raise OptionError("no bundle with --convolutions winograd was built for this run")
        subject = replace(subject, bundle=subject.winograd_bundle)
    elif variant == "half":
        subject = _in_half(subject)
    elif variant == "engines":
        target: Any = backend
        if subject.half_bundle is not None and not _has_engines(subject, target):
            half = _in_half(subject)
            subject = half if _has_engines(half, target) else subject
    return BundleRunner(subject, backend=backend, device=device, **options)


class BundleRunner(Runner):
    """A bundle, opened like `Detector.open` does, including the check of hashes.

    On a GPU the stages run asynchronously or as one CUDA graph: they cannot be timed separately,
    and the schedule is fixed.

    Args:
        cuda_graphs: whether ONNX Runtime on CUDA captures batches in CUDA graphs.
        tf32: whether ONNX Runtime on CUDA multiplies float32 in TF32.
    """

    def __init__(
        self,
        subject: Subject,
        *,
        backend: str,
        device: str,
        cuda_graphs: bool = True,
        tf32: bool = False,
    ) -> None:
        bundle = Bundle.open(subject.bundle)
        super().__init__(bundle)
        self.device = device
        self.precision = bundle.manifest.graph("denoiser").precision
        self._whole = device == "cuda"
        self.disk_bytes = _loaded_bytes(bundle, backend)
        self._steps = ddim_steps(bundle.manifest.schedule)
        self._clock: StageClock = HostClock()
        request = ModelRequest(
            bundle=bundle,
            pipeline=self._order,
            threads=subject.threads,
            batch_size=subject.largest_batch,
            cuda_graphs=cuda_graphs,
            tf32=tf32,
        )
        opened = open_model(request, backend=backend, device=device)
        self._model = opened.model
        self.detail = f"{opened.backend}, {_version(backend)}"
        if self._whole:
            self.detail += f", {'' if cuda_graphs else 'no '}CUDA graphs"

    def run(self, images: list[ImageArray], clock: StageClock) -> Outcome:
        """See `Runner`."""
        inputs = self._prepare(images)
        clock.mark("prepare")
        self._clock = clock
        result = self._model.submit(*inputs)()
        if self._whole:
            clock.mark("model")
        return Outcome(maps=result.anomaly_map.copy(), scores=result.image_score.copy())

    def set_schedule(self, steps: int, spacing: Spacing) -> None:
        """See `Runner`."""
        if self._whole:
            super().set_schedule(steps, spacing)
        self._steps = ddim_steps(make_schedule(steps, spacing))

    def close(self) -> None:
        """See `Runner`."""
        self._model.close()

    def _order(self, stages: Stages[T], image: T, noise: T, posterior_noise: T, /) -> Outputs[T]:
        observe = None if self._whole else marking(self._clock, pipeline_stage)
        return pipeline.run(stages, image, noise, posterior_noise, self._steps, observe=observe)


def _in_half(subject: Subject) -> Subject:
    if subject.half_bundle is None:
        raise OptionError(
            "no float16 bundle was built for this run, which needs a GPU, the checkpoint and "
            "enough time; build one with diad-export build --precision fp16 and name it with "
            "--half-bundle"
        )
    return replace(subject, bundle=subject.half_bundle)


def _has_engines(subject: Subject, target: Target) -> bool:
    return has_engines(Bundle.open(subject.bundle, verify=False), target)


def _loaded_bytes(bundle: Bundle, backend: str) -> int:
    """Size of the noise and the graphs with their external data, or the engines."""
    manifest = bundle.manifest
    engines = [spec.file for spec in manifest.engines if spec.target == backend]
    graphs = [graph.file for graph in manifest.graphs]
    loaded: Sequence[str] = engines if backend.startswith("tensorrt") else graphs
    return sum(
        record.size_bytes
        for record in manifest.files
        if record.path.endswith(".npy") or any(record.path.startswith(name) for name in loaded)
    )


def _version(backend: str) -> str:
    stem = backend.replace("-", "_")
    for package in PACKAGES:
        if not package.replace("-", "_").startswith(stem):
            continue
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
    return "unknown version"
