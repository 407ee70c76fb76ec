"""What the ways that run a bundle share: this project's own runtime on one of its backends."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

import numpy as np

from diad_benchmarks.backends.backend import Outcome, Subject
from diad_benchmarks.measure.stage_clock import HostClock, StageClock, pipeline_stage
from diad_deploy.arrays import ImageArray
from diad_deploy.backends import ModelRequest, has_engines, open_model
from diad_deploy.bundle.engine_spec import Target
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import Spacing
from diad_deploy.diffusion import pipeline
from diad_deploy.diffusion.schedule import ddim_steps, make_schedule
from diad_deploy.diffusion.stages import Outputs, Stages
from diad_deploy.errors import OptionError
from diad_deploy.images.preprocess import prepare_batch

T = TypeVar("T")
PACKAGES = ("onnxruntime", "onnxruntime-gpu", "tensorrt", "tensorrt-rtx-cu13", "tensorrt_rtx_cu13")


class BundleRunner:
    """A bundle, opened as `Detector.open` does it, hashes and all.

    On a GPU the host runs ahead of the stages, or they were recorded once: the host sees the whole
    of the model and cannot tell stages apart, and the schedule cannot change.

    Args:
        record: whether a backend that can do so runs recorded CUDA graphs.
        tf32: whether ONNX Runtime on CUDA multiplies float32 in TF32.
    """

    clocks_stages = True

    def __init__(
        self,
        subject: Subject,
        *,
        backend: str,
        device: str,
        record: bool = True,
        tf32: bool = False,
    ) -> None:
        bundle = Bundle.open(subject.bundle_path)
        manifest = bundle.manifest
        self.device = device
        self.precision = manifest.graph("denoiser").precision
        self._whole = device == "cuda"
        self.disk_bytes = _loaded_bytes(bundle, backend)
        self._image = manifest.image
        self._noises = bundle.noise()
        self._steps = ddim_steps(manifest.schedule)
        self._clock: StageClock = HostClock()
        request = ModelRequest(
            bundle=bundle,
            pipeline=self._order,
            threads=subject.threads,
            batch_size=subject.largest_batch,
            record=record,
            tf32=tf32,
        )
        opened = open_model(request, backend=backend, device=device)
        self._model = opened.model
        self.detail = f"{opened.backend}, {_version(backend)}"
        if self._whole:
            self.detail += f", {'' if record else 'no '}CUDA graphs"

    def start_clock(self) -> StageClock:
        """See `Runner`."""
        return HostClock()

    def run(self, images: list[ImageArray], clock: StageClock) -> Outcome:
        """See `Runner`."""
        batch = prepare_batch(images, self._image)
        noise, posterior_noise = (
            np.repeat(noise[np.newaxis], len(batch), axis=0) for noise in self._noises
        )
        clock.mark("prepare")
        self._clock = clock
        result = self._model.submit(batch, noise, posterior_noise)()
        if self._whole:
            clock.mark("model")
        return Outcome(maps=result.anomaly_map.copy(), scores=result.image_score.copy())

    def set_schedule(self, steps: int, spacing: Spacing) -> None:
        """See `Runner`."""
        if self._whole:
            raise OptionError("a pipeline on a GPU keeps its schedule; take the row onnxruntime")
        self._steps = ddim_steps(make_schedule(steps, spacing))

    def close(self) -> None:
        """See `Runner`."""
        self._model.close()

    def _order(self, stages: Stages[T], image: T, noise: T, posterior_noise: T, /) -> Outputs[T]:
        return pipeline.run(
            stages, image, noise, posterior_noise, self._steps, observe=self._observe
        )

    def _observe(self, name: str, tensor: Any) -> None:
        del tensor
        stage = None if self._whole else pipeline_stage(name)
        if stage is not None:
            self._clock.mark(stage)


def in_half(subject: Subject) -> Subject:
    """The same subject, whose bundle is the one in float16.

    Raises:
        OptionError: there is none.
    """
    if subject.half_bundle is None:
        raise OptionError(
            "no float16 bundle was built for this run: it is built where a GPU is found and the "
            "time allows; build one with diad-export build --precision fp16 and name it with "
            "--half-bundle"
        )
    return replace(subject, bundle=subject.half_bundle)


def with_engines(subject: Subject, target: Target) -> Subject:
    """The same subject with its float16 bundle, where that is the one that has the engines."""
    if subject.half_bundle is None or has_engines(
        Bundle.open(subject.bundle_path, verify=False), target
    ):
        return subject
    half = in_half(subject)
    return half if has_engines(Bundle.open(half.bundle_path, verify=False), target) else subject


def _loaded_bytes(bundle: Bundle, backend: str) -> int:
    """Of the graphs (with what lies beside them), or of the engines, and the noise."""
    manifest = bundle.manifest
    engines = [spec.file for spec in manifest.engines if spec.target == backend]
    graphs = [graph.file for graph in manifest.graphs]
    kept: Sequence[str] = engines if backend.startswith("tensorrt") else graphs
    return sum(
        record.size_bytes
        for record in manifest.files
        if record.path.endswith(".npy") or any(record.path.startswith(name) for name in kept)
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
    return "of unknown version"
