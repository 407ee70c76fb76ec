"""The bundle's graphs on OpenVINO's CPU plugin, in float32: what an x86 user might take instead."""

from typing import Any

import numpy as np

from benchmarks.stage_clock import HostClock, StageClock, pipeline_stage
from benchmarks.ways.way import Outcome, Runner, Subject
from diad_deploy import pipeline
from diad_deploy.arrays import FloatArray, PictureArray
from diad_deploy.backends.stages import GRAPH_TENSORS
from diad_deploy.bundle import Bundle
from diad_deploy.errors import BackendError
from diad_deploy.manifest import GRAPH_NAMES, Spacing
from diad_deploy.preprocess import prepare_batch
from diad_deploy.schedule import DdimStep, ddim_steps, make_schedule

_SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
"""OpenVINO would take bfloat16 by itself where the processor has it, which is another result."""


def open_runner(subject: Subject) -> Runner:
    """See `benchmarks.ways.way.Way.open`."""
    try:
        import openvino
    except ImportError as error:
        raise BackendError(
            f'OpenVINO cannot be imported ({error}); pip install "diad_deploy[benchmarks]"'
        ) from error
    return OpenVinoRunner(openvino, subject)


class OpenVinoStages:
    """One compiled graph each; tensors are NumPy arrays."""

    def __init__(self, openvino: Any, bundle: Bundle, threads: int | None) -> None:
        core = openvino.Core()
        settings: dict[str, Any] = dict(_SETTINGS)
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        self._compiled: dict[str, Any] = {}
        for name in GRAPH_NAMES:
            path = bundle.file(bundle.manifest.graph(name).file)
            try:
                self._compiled[name] = core.compile_model(path, "CPU", settings)
            except RuntimeError as error:
                reason = " ".join(str(error).split())[:300]
                raise BackendError(
                    f"{path.name}: OpenVINO refuses the graph: {reason}; upgrade openvino"
                ) from error

    def encode(
        self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """See `diad_deploy.backends.stages.Stages`."""
        latents, hint = self._run("encoder", image, noise, posterior_noise)
        return latents, hint

    def denoise(self, latents: FloatArray, hint: FloatArray, step: DdimStep) -> FloatArray:
        """See `diad_deploy.backends.stages.Stages`."""
        scalars = (step.timestep, step.latents_scale, step.noise_scale)
        numbers = (np.array([value], dtype=np.float32) for value in scalars)
        (latents,) = self._run("denoiser", latents, hint, *numbers)
        return latents

    def decode(self, latents: FloatArray) -> FloatArray:
        """See `diad_deploy.backends.stages.Stages`."""
        (reconstruction,) = self._run("decoder", latents)
        return reconstruction

    def score(self, image: FloatArray, reconstruction: FloatArray) -> tuple[FloatArray, FloatArray]:
        """See `diad_deploy.backends.stages.Stages`."""
        anomaly_map, image_score = self._run("scorer", image, reconstruction)
        return anomaly_map, image_score

    def close(self) -> None:
        """See `diad_deploy.backends.stages.Stages`."""
        self._compiled.clear()

    def _run(self, name: str, *values: FloatArray) -> list[FloatArray]:
        inputs, outputs = GRAPH_TENSORS[name]
        found = self._compiled[name](dict(zip(inputs, values, strict=True)))
        return [np.array(found[output]) for output in outputs]


class OpenVinoRunner:
    """See `Runner`."""

    device = "cpu"
    precision = "float32"
    clocks_stages = True

    def __init__(self, openvino: Any, subject: Subject) -> None:
        bundle = Bundle.open(subject.bundle_path)
        self.detail = f"openvino {openvino.__version__.partition('-')[0]}, f32"
        self.disk_bytes = sum(
            record.size_bytes
            for record in bundle.manifest.files
            if not record.path.startswith("engines/")
        )
        self._image = bundle.manifest.image
        self._noises = bundle.noise()
        self._steps = ddim_steps(bundle.manifest.schedule)
        self._stages = OpenVinoStages(openvino, bundle, subject.threads)

    def start_clock(self) -> StageClock:
        """See `Runner`."""
        return HostClock()

    def run(self, pictures: list[PictureArray], clock: StageClock) -> Outcome:
        """See `Runner`."""
        batch = prepare_batch(pictures, self._image)
        noise, posterior_noise = (
            np.repeat(noise[np.newaxis], len(batch), axis=0) for noise in self._noises
        )
        clock.mark("prepare")

        def observe(name: str, value: FloatArray) -> None:
            del value
            stage = pipeline_stage(name)
            if stage is not None:
                clock.mark(stage)

        try:
            found = pipeline.run(
                self._stages, batch, noise, posterior_noise, self._steps, observe=observe
            )
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:300]
            raise BackendError(f"OpenVINO failed on {len(batch)} pictures: {reason}") from error
        return Outcome(maps=found.anomaly_map, scores=found.image_score)

    def set_schedule(self, steps: int, spacing: Spacing) -> None:
        """See `Runner`."""
        self._steps = ddim_steps(make_schedule(steps, spacing))

    def close(self) -> None:
        """See `Runner`."""
        self._stages.close()
