"""Runs a bundle on a backend and returns the tensors of its stages."""

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
from diad_export.precision.float16_emulation import write_emulated
from diad_export.verify.traced_engines import TracedEngines

Tensors = dict[str, FloatArray]

Rounding = Literal["every-node", "as-run"]
"""How a CPU runs float16 graphs: emulated at every node, or as ONNX Runtime runs them."""

CAUTIONS: dict[Rounding, str] = {
    "every-node": "float16 was emulated on a CPU, rounding at every node, with sums in float32; a "
    "GPU may round less often and sum in another order",
    "as-run": "ONNX Runtime's CPU computes float16 nodes in float32, and rounds only weights and "
    "values next to float32 nodes; verify with --rounding every-node, or on the GPU that will run "
    "the bundle",
}


class TracedBundle(Protocol):
    """A bundle that is opened on a backend.

    Attributes:
        backend: its name.
        caution: what its results do not show, if anything.
    """

    backend: str
    caution: str | None

    def run(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Tensors:
        """Run a batch.

        Args:
            image: `[B, 3, S, S]`.
            noise, posterior_noise: `[B, C, h, w]`.

        Returns:
            The tensors that `pipeline.run` passes to `observe`, by name; only the outputs if the
            backend does not return others.
        """
        ...


class TracedStages:
    """A bundle on the CPU, which returns the tensors of all stages and steps."""

    backend = "onnxruntime"

    def __init__(
        self, stages: Stages[FloatArray], steps: tuple[DdimStep, ...], caution: str | None
    ) -> None:
        self._stages, self._steps, self.caution = stages, steps, caution

    def run(self, image: FloatArray, noise: FloatArray, posterior_noise: FloatArray) -> Tensors:
        """See `TracedBundle`."""
        tensors: Tensors = {}

        def observe(name: str, value: FloatArray) -> None:
            tensors[name] = value.copy()

        pipeline.run(self._stages, image, noise, posterior_noise, self._steps, observe=observe)
        return tensors


class TracedModel:
    """A bundle on a device that returns its outputs only."""

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
    """Open the bundle on a GPU, or on ONNX Runtime's CPU if no GPU can run it.

    Args:
        bundle, backend, device, batch_size, tf32: see `Detector.open`.
        rounding: of float16 graphs on the CPU.

    Raises:
        OptionError, BackendError, BundleDamagedError: see `backends.choice.open_model`.
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
    opened = _open_on_gpu(request, backend=backend, device=device)
    if opened is not None:
        try:
            yield _traced(opened, steps)
        finally:
            opened.model.close()
        return
    float16 = any(graph.precision == "float16" for graph in bundle.manifest.graphs)
    with TemporaryDirectory(prefix="diad-float16-") as scratch:
        if float16 and rounding == "every-node":
            stages = _open_emulated(bundle, Path(scratch))
        else:
            stages = OnnxRuntimeStages.open(bundle)
        try:
            yield TracedStages(stages, steps, CAUTIONS[rounding] if float16 else None)
        finally:
            stages.close()


def _open_on_gpu(request: ModelRequest, *, backend: str, device: str) -> OpenedModel | None:
    """The model on a GPU; None if the CPU is to run it, or has to."""
    if device == "cpu":
        return None
    try:
        return open_model(request, backend=backend, device="cuda" if device == AUTO else device)
    except BackendError:
        if device != AUTO or backend not in (AUTO, "onnxruntime"):
            raise
        return None


def _open_emulated(bundle: Bundle, scratch: Path) -> OnnxRuntimeStages:
    """Open the graphs with float16 emulated."""
    return OnnxRuntimeStages(
        {
            graph.name: open_session(write_emulated(bundle.file(graph.file), scratch))
            for graph in bundle.manifest.graphs
        }
    )


def _traced(opened: OpenedModel, steps: tuple[DdimStep, ...]) -> TracedBundle:
    """The opened model with as many of its tensors as its backend returns."""
    if isinstance(opened.model, CudaModel):
        return TracedEngines(opened.model, opened.backend, steps)
    return TracedModel(opened.model, opened.backend)
