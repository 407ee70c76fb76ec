"""A bundle on a backend, run on batches so that what it makes on the way can be seen."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Protocol

from diad_deploy.arrays import FloatArray
from diad_deploy.backends import (
    AUTO,
    CudaModel,
    ModelRequest,
    OpenedModel,
    check_choice,
    open_model,
)
from diad_deploy.backends.onnxruntime.cpu import OnnxRuntimeStages
from diad_deploy.bundle.folder import Bundle
from diad_deploy.diffusion import pipeline
from diad_deploy.diffusion.schedule import DdimStep, ddim_steps
from diad_deploy.diffusion.stages import Model, Stages
from diad_deploy.errors import BackendError
from diad_export.onnx.parity import open_session
from diad_export.precision.rounded_graph import write_rounded
from diad_export.verify.traced_engines import TracedEngines

Tensors = dict[str, FloatArray]

Rounding = Literal["every-node", "as-run"]
"""Float16 graphs on a CPU: rounded at every float16 value, or as ONNX Runtime runs them there."""

CAUTIONS: dict[Rounding, str] = {
    "every-node": "float16 values were rounded at every node on a CPU, with sums in float32: what "
    "float16 costs by its definition, not a run on the GPU that will use it",
    "as-run": "ONNX Runtime's CPU computes float16 nodes in float32 and rounds weights and borders "
    "only; verify with --rounding every-node, or on the GPU that will run the bundle",
}


class TracedBundle(Protocol):
    """A bundle that can be run.

    Attributes:
        backend: what runs it.
        caution: what its numbers do not show; None where there is nothing to say.
    """

    backend: str
    caution: str | None

    def run(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Tensors:
        """What `pipeline.run` shows on the way, by name; the outputs alone where no more is seen.

        Args:
            image: `[B, 3, S, S]`; both noises `[B, C, h, w]`.
        """
        ...


class TracedStages:
    """On arrays: every stage and step is seen."""

    backend = "onnxruntime"

    def __init__(
        self, stages: Stages[FloatArray], steps: tuple[DdimStep, ...], caution: str | None
    ) -> None:
        self._stages, self._steps, self.caution = stages, steps, caution

    def run(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Tensors:
        """See `TracedBundle`."""
        seen: Tensors = {}

        def observe(name: str, value: FloatArray) -> None:
            seen[name] = value.copy()

        pipeline.run(self._stages, image, noise, posterior_noise, self._steps, observe=observe)
        return seen


class TracedModel:
    """On a device: what comes back from it is seen."""

    caution: str | None = None

    def __init__(self, model: Model, backend: str) -> None:
        self._model, self.backend = model, backend

    def run(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Tensors:
        """See `TracedBundle`."""
        result = self._model.submit(image, noise, posterior_noise)()
        return {
            "reconstruction": result.reconstruction.copy(),
            "anomaly_map": result.anomaly_map.copy(),
            "image_score": result.image_score.copy(),
        }


@contextmanager
def trace_bundle(
    bundle: Bundle,
    *,
    backend: str,
    device: str,
    batch_size: int,
    tf32: bool = False,
    rounding: Rounding = "every-node",
) -> Iterator[TracedBundle]:
    """The bundle on the best of what was asked for; ONNX Runtime's CPU where no GPU can run it.

    Args:
        bundle, backend, device, batch_size, tf32: as of `Detector.open`.
        rounding: of float16 graphs, on the CPU.

    Raises:
        OptionError, BackendError, BundleDamagedError: as of `backends.choice.open_model`.
    """
    check_choice(backend, device)
    steps = ddim_steps(bundle.manifest.schedule)
    request = ModelRequest(
        bundle=bundle,
        pipeline=pipeline.make_pipeline(steps),
        threads=None,
        batch_size=batch_size,
        tf32=tf32,
    )
    if device != "cpu":
        try:
            opened = open_model(
                request, backend=backend, device="cuda" if device == AUTO else device
            )
        except BackendError:
            if device != AUTO or backend not in (AUTO, "onnxruntime"):
                raise
        else:
            try:
                yield _observed(opened, steps)
            finally:
                opened.model.close()
            return
    halved = any(graph.precision == "float16" for graph in bundle.manifest.graphs)
    with TemporaryDirectory(prefix="diad-rounded-") as scratch:
        if halved and rounding == "every-node":
            stages = _open_rounded(bundle, Path(scratch))
        else:
            stages = OnnxRuntimeStages.open(bundle)
        try:
            yield TracedStages(stages, steps, CAUTIONS[rounding] if halved else None)
        finally:
            stages.close()


def _open_rounded(bundle: Bundle, scratch: Path) -> OnnxRuntimeStages:
    """The graphs, rounding at every float16 value."""
    return OnnxRuntimeStages(
        {
            graph.name: open_session(write_rounded(bundle.file(graph.file), scratch))
            for graph in bundle.manifest.graphs
        }
    )


def _observed(opened: OpenedModel, steps: tuple[DdimStep, ...]) -> TracedBundle:
    """As much of it as can be seen."""
    if isinstance(opened.model, CudaModel):
        return TracedEngines(opened.model, opened.backend, steps)
    return TracedModel(opened.model, opened.backend)
