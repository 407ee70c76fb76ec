"""The bundle's graphs on OpenVINO's CPU plugin, in float32: an alternative on x86 processors."""

from typing import Any

import numpy as np

from diad_benchmarks.backends.backend import Outcome, Runner, Subject
from diad_benchmarks.measure.stage_clock import StageClock, marking, pipeline_stage
from diad_deploy.arrays import FloatArray, ImageArray
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import GRAPH_NAMES, Spacing
from diad_deploy.diffusion import pipeline
from diad_deploy.diffusion.array_stages import ArrayStages
from diad_deploy.diffusion.schedule import ddim_steps, make_schedule
from diad_deploy.diffusion.stages import GRAPH_TENSORS
from diad_deploy.errors import BackendError

_SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
"""By default OpenVINO computes in bfloat16 on CPUs that support it, with different results."""


def open_openvino(subject: Subject) -> Runner:
    """See `Backend.open`."""
    import openvino

    return OpenVinoRunner(openvino, subject)


class OpenVinoStages(ArrayStages):
    """One compiled model per graph; tensors are NumPy arrays."""

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

    def close(self) -> None:
        """See `diad_deploy.diffusion.stages.Stages`."""
        self._compiled.clear()

    def _run(self, name: str, *values: FloatArray) -> list[FloatArray]:
        inputs, outputs = GRAPH_TENSORS[name]
        found = self._compiled[name](dict(zip(inputs, values, strict=True)))
        return [np.array(found[output]) for output in outputs]


class OpenVinoRunner(Runner):
    """See `Runner`."""

    def __init__(self, openvino: Any, subject: Subject) -> None:
        bundle = Bundle.open(subject.bundle)
        super().__init__(bundle)
        self.detail = f"openvino {openvino.__version__.partition('-')[0]}, f32"
        self.disk_bytes = sum(
            record.size_bytes
            for record in bundle.manifest.files
            if not record.path.startswith("engines/")
        )
        self._steps = ddim_steps(bundle.manifest.schedule)
        self._stages = OpenVinoStages(openvino, bundle, subject.threads)

    def run(self, images: list[ImageArray], clock: StageClock) -> Outcome:
        """See `Runner`."""
        inputs = self._prepare(images)
        clock.mark("prepare")
        observe = marking(clock, pipeline_stage)
        try:
            found = pipeline.run(self._stages, *inputs, self._steps, observe=observe)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:300]
            raise BackendError(f"OpenVINO failed on {len(images)} images: {reason}") from error
        return Outcome(maps=found.anomaly_map, scores=found.image_score)

    def set_schedule(self, steps: int, spacing: Spacing) -> None:
        """See `Runner`."""
        self._steps = ddim_steps(make_schedule(steps, spacing))

    def close(self) -> None:
        """See `Runner`."""
        self._stages.close()
