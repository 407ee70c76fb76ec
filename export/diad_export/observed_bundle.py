"""A bundle on a backend, run on batches so that what it makes on the way can be seen."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from diad_deploy import pipeline
from diad_deploy.arrays import FloatArray
from diad_deploy.backends.choice import (
    AUTO,
    ModelRequest,
    OpenedModel,
    check_choice,
    open_model,
)
from diad_deploy.backends.onnxruntime import OnnxRuntimeStages
from diad_deploy.backends.stages import Model, Stages
from diad_deploy.backends.tensorrt import TensorRtModel
from diad_deploy.bundle import Bundle
from diad_deploy.errors import BackendError
from diad_deploy.schedule import DdimStep, ddim_steps
from diad_export.observed_engines import ObservedEngines

Tensors = dict[str, FloatArray]


class ObservedBundle(Protocol):
    """A bundle that can be run."""

    backend: str

    def run(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Tensors:
        """What `pipeline.run` shows on the way, by name; the outputs alone where no more is seen.

        Args:
            image: `[B, 3, S, S]`; both noises `[B, C, h, w]`.
        """
        ...


class ObservedStages:
    """On arrays: every stage and step is seen."""

    backend = "onnxruntime"

    def __init__(self, stages: Stages[FloatArray], steps: tuple[DdimStep, ...]) -> None:
        self._stages, self._steps = stages, steps

    def run(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Tensors:
        """See `ObservedBundle`."""
        seen: Tensors = {}

        def observe(name: str, value: FloatArray) -> None:
            seen[name] = value.copy()

        pipeline.run(self._stages, image, noise, posterior_noise, self._steps, observe=observe)
        return seen


class ObservedModel:
    """On a device: what comes back from it is seen."""

    def __init__(self, model: Model, backend: str) -> None:
        self._model, self.backend = model, backend

    def run(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Tensors:
        """See `ObservedBundle`."""
        result = self._model.submit(image, noise, posterior_noise)()
        return {
            "reconstruction": result.reconstruction.copy(),
            "anomaly_map": result.anomaly_map.copy(),
            "image_score": result.image_score.copy(),
        }


@contextmanager
def observe_bundle(
    bundle: Bundle, *, backend: str, device: str, batch_size: int
) -> Iterator[ObservedBundle]:
    """The bundle on the best of what was asked for; ONNX Runtime's CPU where no GPU can run it.

    Raises:
        OptionError, BackendError, BundleDamagedError: as of `backends.choice.open_model`.
    """
    check_choice(backend, device)
    steps = ddim_steps(bundle.manifest.schedule)
    request = ModelRequest(
        bundle=bundle, order=pipeline.in_order(steps), threads=None, batch_size=batch_size
    )
    if device != "cpu":
        try:
            opened = open_model(request, backend=backend, device="cuda")
        except BackendError:
            if device != AUTO or backend not in (AUTO, "onnxruntime"):
                raise
        else:
            try:
                yield _observed(opened, steps)
            finally:
                opened.model.close()
            return
    stages = OnnxRuntimeStages.open(bundle)
    try:
        yield ObservedStages(stages, steps)
    finally:
        stages.close()


def _observed(opened: OpenedModel, steps: tuple[DdimStep, ...]) -> ObservedBundle:
    """As much of it as can be seen."""
    if isinstance(opened.model, TensorRtModel):
        return ObservedEngines(opened.model, opened.backend, steps)
    return ObservedModel(opened.model, opened.backend)
