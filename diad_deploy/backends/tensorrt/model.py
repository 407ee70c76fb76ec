"""TensorRT 10, 11 or TensorRT-RTX: the whole loop recorded into one CUDA graph a batch size."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from diad_deploy.backends.cuda.calls import Cuda, check_room, find_gpu
from diad_deploy.backends.cuda.graph import record
from diad_deploy.backends.cuda.model import CudaModel
from diad_deploy.backends.cuda.tensors import DeviceTensor
from diad_deploy.backends.cuda.thread import CudaThread, make_in_thread
from diad_deploy.backends.cuda.transfers import OUTPUTS
from diad_deploy.backends.cuda.workspace import Workspace, buffer_bytes
from diad_deploy.backends.tensorrt.api import import_tensorrt
from diad_deploy.backends.tensorrt.engine_files import find_engines, size_bytes
from diad_deploy.backends.tensorrt.engines import Engines, load_engines
from diad_deploy.backends.tensorrt.stages import TensorRtStages
from diad_deploy.bundle.engine_spec import Target
from diad_deploy.bundle.folder import Bundle
from diad_deploy.diffusion.stages import Order, check_graphs


def open_tensorrt(
    bundle: Bundle, *, target: Target, order: Order, batch_size: int, device: int = 0
) -> CudaModel:
    """Check that the bundle's engines fit this machine, load and record them.

    Args:
        bundle: an opened bundle.
        target: whose engines.
        order: one pass through the stages, with steps of the bundle's schedule.
        batch_size: most images that will be handed in at once; more are split, and so are those
            that the engines' profile does not hold.
        device: index of the GPU.

    Raises:
        CudaError: there is no GPU, or too little memory on it.
        BackendError: the library is not installed, or the engines do not fit the machine.
        BundleDamagedError: an engine's file is not what the manifest records.
    """
    check_graphs(bundle.manifest)
    trt = import_tensorrt(target)

    def make(thread: CudaThread) -> CudaModel:
        cuda = thread.cuda
        gpu = find_gpu(cuda)
        specs = find_engines(bundle, target, gpu, trt.__version__)
        held = min(batch_size, *(spec.profile.largest for spec in specs))
        buffers = {"buffers": buffer_bytes(bundle.manifest, held)}
        # what the engines work in is known once they are loaded, what they weigh before
        check_room(cuda, gpu, {"engines": size_bytes(bundle, specs), **buffers})
        engines = load_engines(bundle, target, trt, specs, gpu)
        check_room(cuda, gpu, {"working memory": engines.scratch_bytes, **buffers})
        model = CudaModel(
            bundle.manifest,
            thread,
            smallest_batch=engines.smallest_batch,
            largest_batch=max(min(batch_size, engines.largest_batch), engines.smallest_batch),
            load=partial(TensorRtPrograms, engines=engines, order=order),
        )
        engines.keep_kernels()
        return model

    return make_in_thread(Cuda.load(device), make)


class TensorRtPrograms:
    """The four engines in a workspace.

    Raises:
        CudaError: there is too little memory for what they work in.
    """

    def __init__(self, workspace: Workspace, *, engines: Engines, order: Order) -> None:
        self._workspace, self._engines, self._order = workspace, engines, order
        size = max(engines.scratch_bytes, 1)
        self._scratch = (workspace.resources.device(size, "the engines' working memory"), size)

    def prepare(self, batch: int) -> "TensorRtProgram":
        """Record one batch size.

        Raises:
            BackendError: TensorRT refuses. CudaError: the work cannot be recorded.
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
        # the first execution sets up what may not happen while recording
        outputs = self._order(stages, *inputs)
        space.synchronize()
        stream = space.streams.compute
        executable = record(space.cuda, stream, lambda: self._order(stages, *inputs))
        return TensorRtProgram(
            workspace=space,
            batch=batch,
            stages=stages,
            executable=executable,
            outputs={name: getattr(outputs, name) for name in OUTPUTS},
        )

    def close(self) -> None:
        """Nothing beside what the workspace owns; engines go with the last reference."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TensorRtProgram:
    """One batch size's CUDA graph, the stages it runs in, and where it leaves its results."""

    workspace: Workspace
    batch: int
    stages: TensorRtStages
    executable: Any
    outputs: dict[str, DeviceTensor]

    def launch(self) -> None:
        """Replay the recording.

        Raises:
            CudaError: the GPU has failed.
        """
        cuda = self.workspace.cuda
        launched = cuda.api.cudaGraphLaunch(self.executable, self.workspace.streams.compute)
        cuda.check(launched, f"running a batch of {self.batch}")

    def run(self, order: Order) -> None:
        """Run `order` once in the same contexts."""
        order(self.stages, *self.workspace.inputs(self.batch).values())

    def close(self) -> None:
        """Release the recording and its contexts."""
        self.workspace.cuda.api.cudaGraphExecDestroy(self.executable)
        self.stages.close()
