"""TensorRT 10, 11 or TensorRT-RTX: the whole pipeline in one CUDA graph per batch size."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from diad_deploy.backends.cuda.calls import Cuda, check_free_memory, query_gpu
from diad_deploy.backends.cuda.graph import capture
from diad_deploy.backends.cuda.model import CudaModel
from diad_deploy.backends.cuda.tensors import DeviceTensor
from diad_deploy.backends.cuda.thread import CudaThread, make_in_thread
from diad_deploy.backends.cuda.transfers import OUTPUTS
from diad_deploy.backends.cuda.workspace import Workspace, buffer_bytes
from diad_deploy.backends.tensorrt.api import import_tensorrt
from diad_deploy.backends.tensorrt.engine_files import select_engines, size_bytes
from diad_deploy.backends.tensorrt.engines import Engines, load_engines
from diad_deploy.backends.tensorrt.stages import TensorRtStages
from diad_deploy.bundle.engine_spec import Target
from diad_deploy.bundle.folder import Bundle
from diad_deploy.diffusion.stages import Pipeline, check_graphs


def open_tensorrt(
    bundle: Bundle, *, target: Target, pipeline: Pipeline, batch_size: int, device: int = 0
) -> CudaModel:
    """Load the bundle's engines, if they fit this machine, and capture the pipeline.

    Args:
        bundle: an opened bundle.
        target: the library.
        pipeline: runs the stages, with steps of the bundle's schedule.
        batch_size: largest number of images per batch. Larger batches are split, and so are those
            that exceed the engines' profile.
        device: index of the GPU.

    Raises:
        CudaError: there is no GPU, or not enough memory on it.
        BackendError: the library is not installed, or the engines do not fit this machine.
        BundleDamagedError: an engine's file differs from the manifest.
    """
    check_graphs(bundle.manifest)
    trt = import_tensorrt(target)

    def make(thread: CudaThread) -> CudaModel:
        cuda = thread.cuda
        gpu = query_gpu(cuda)
        specs = select_engines(bundle, target, gpu, trt.__version__)
        largest_batch = min(batch_size, *(spec.profile.largest for spec in specs))
        buffers = {"buffers": buffer_bytes(bundle.manifest, largest_batch)}
        # the working memory is only known after loading
        check_free_memory(cuda, gpu, {"engines": size_bytes(bundle, specs), **buffers})
        engines = load_engines(bundle, target, trt, specs, gpu)
        check_free_memory(cuda, gpu, {"working memory": engines.scratch_bytes, **buffers})
        model = CudaModel(
            bundle.manifest,
            thread,
            smallest_batch=engines.smallest_batch,
            largest_batch=max(min(batch_size, engines.largest_batch), engines.smallest_batch),
            load=partial(TensorRtPrograms, engines=engines, pipeline=pipeline),
        )
        engines.save_kernels()
        return model

    return make_in_thread(Cuda.load(device), make)


class TensorRtPrograms:
    """The four engines in a workspace.

    Raises:
        CudaError: there is not enough memory for their working memory.
    """

    def __init__(self, workspace: Workspace, *, engines: Engines, pipeline: Pipeline) -> None:
        self._workspace, self._engines, self._pipeline = workspace, engines, pipeline
        size = max(engines.scratch_bytes, 1)
        self._scratch = (workspace.resources.device(size, "the engines' working memory"), size)

    def prepare(self, batch: int) -> "TensorRtProgram":
        """Capture the pipeline for a batch size.

        Raises:
            BackendError: TensorRT failed.
            CudaError: the pipeline cannot be captured.
        """
        space = self._workspace
        stages = TensorRtStages(
            space.manifest,
            self._engines,
            batch,
            tensors=space.tensors,
            scalars=space.scalars,
            scratch=self._scratch,
            stream=space.streams.compute,
        )
        inputs = space.inputs(batch).values()
        # the first execution makes initialisations that are not allowed during a capture
        outputs = self._pipeline(stages, *inputs)
        space.synchronize()
        stream = space.streams.compute
        executable = capture(space.cuda, stream, lambda: self._pipeline(stages, *inputs))
        return TensorRtProgram(
            workspace=space,
            batch=batch,
            stages=stages,
            executable=executable,
            outputs={name: getattr(outputs, name) for name in OUTPUTS},
        )

    def close(self) -> None:
        """Do nothing: the workspace owns the memory, and engines are freed with the object."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TensorRtProgram:
    """The CUDA graph of a batch size, the stages whose contexts it uses, and its outputs."""

    workspace: Workspace
    batch: int
    stages: TensorRtStages
    executable: Any
    outputs: dict[str, DeviceTensor]

    def launch(self) -> None:
        """Launch the CUDA graph.

        Raises:
            CudaError: the GPU has failed.
        """
        cuda = self.workspace.cuda
        result = cuda.api.cudaGraphLaunch(self.executable, self.workspace.streams.compute)
        cuda.check(result, f"running a batch of {self.batch}")

    def run(self, pipeline: Pipeline) -> None:
        """Run a pipeline once in the same contexts."""
        pipeline(self.stages, *self.workspace.inputs(self.batch).values())

    def close(self) -> None:
        """Release the CUDA graph and its contexts."""
        self.workspace.cuda.api.cudaGraphExecDestroy(self.executable)
        self.stages.close()
