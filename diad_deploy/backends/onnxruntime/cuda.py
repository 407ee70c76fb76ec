"""ONNX Runtime on CUDA: its sessions read and write fixed addresses, replayed as CUDA graphs.

Each graph has one session with a free batch, so weights are on the GPU once, and one recording a
batch size. A whole loop cannot be recorded by us, since a session's run cannot be captured by its
caller: the replays of a pass follow each other on one stream without the host waiting.
"""

from dataclasses import dataclass
from functools import partial

from diad_deploy.backends.cuda.calls import Cuda, check_room, find_gpu
from diad_deploy.backends.cuda.graph import end_recording, without_finalisers
from diad_deploy.backends.cuda.model import CudaModel
from diad_deploy.backends.cuda.tensors import SCALARS_BYTES, DeviceTensor
from diad_deploy.backends.cuda.thread import CudaThread, make_in_thread
from diad_deploy.backends.cuda.transfers import OUTPUTS
from diad_deploy.backends.cuda.workspace import Workspace, buffer_bytes
from diad_deploy.backends.onnxruntime.cuda_stages import OnnxRuntimeCudaStages
from diad_deploy.backends.onnxruntime.module import (
    import_onnxruntime,
    prepare_cuda_libraries,
)
from diad_deploy.backends.onnxruntime.sessions import FATAL_ONLY, check_provider, open_sessions
from diad_deploy.bundle.folder import Bundle
from diad_deploy.diffusion.stages import Order, check_graphs

UNRECORDED = "-1"
"""The graph id that has ONNX Runtime run its kernels one by one."""


def open_onnxruntime_cuda(
    bundle: Bundle,
    *,
    order: Order,
    batch_size: int,
    device: int = 0,
    threads: int | None = None,
    tf32: bool = False,
    record: bool = True,
) -> CudaModel:
    """Load the four graphs on a GPU and record every batch size.

    Args:
        bundle: an opened bundle.
        order: one pass through the stages, with steps of the bundle's schedule.
        batch_size: most images that will be handed in at once; more are split.
        device: index of the GPU.
        threads: threads that the little work on the CPU may use.
        tf32: whether float32 is multiplied in TF32.
        record: whether batches are replayed as CUDA graphs; without, each kernel is launched.

    Raises:
        CudaError: there is no GPU, or too little memory on it.
        BackendError: ONNX Runtime is not installed, not for CUDA, refuses a graph, or would run
            part of one on the CPU.
        BundleDamagedError: a graph is not what the manifest says.
    """
    runtime = import_onnxruntime()
    check_provider(runtime, "cuda")
    # plans of cuDNN that do not fit are tried and passed over, each with a red line
    runtime.set_default_logger_severity(FATAL_ONLY)
    prepare_cuda_libraries()
    check_graphs(bundle.manifest)
    load = partial(
        OnnxRuntimePrograms, bundle=bundle, order=order, threads=threads, tf32=tf32, record=record
    )

    def make(thread: CudaThread) -> CudaModel:
        weights, buffers = _weight_bytes(bundle), buffer_bytes(bundle.manifest, batch_size)
        gpu = find_gpu(thread.cuda)
        check_room(thread.cuda, gpu, {"weights": weights, "buffers": buffers})
        return CudaModel(
            bundle.manifest, thread, smallest_batch=1, largest_batch=batch_size, load=load
        )

    return make_in_thread(Cuda.load(device), make)


def provider_options(device: int, stream: int, *, tensor_cores: bool) -> dict[str, str]:
    """How ONNX Runtime's CUDA provider runs a graph here.

    Args:
        device: index of the GPU.
        stream: handle of the stream that all sessions share.
        tensor_cores: whether they may be used, which multiply float32 in TF32.
    """
    return {
        "device_id": str(device),
        "user_compute_stream": str(stream),
        # refused where anything but the arithmetic of shapes would run on the CPU
        "enable_cuda_graph": "1",
        # without it no convolution of any type has tensor cores
        "use_tf32": str(int(tensor_cores)),
        # on an H100 the exhaustive search found nothing faster, and took longer to open
        "cudnn_conv_algo_search": "HEURISTIC",
        "cudnn_conv_use_max_workspace": "1",
        "prefer_nhwc": "0",
        # by powers of two, a large model would take up to twice what it needs
        "arena_extend_strategy": "kSameAsRequested",
    }


class OnnxRuntimePrograms:
    """The four sessions in a workspace.

    Raises:
        BackendError, BundleDamagedError: as of `onnxruntime_sessions.open_sessions`.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        bundle: Bundle,
        order: Order,
        threads: int | None,
        tf32: bool,
        record: bool,
    ) -> None:
        self._workspace, self._order, self._record = workspace, order, record
        self._runtime = import_onnxruntime()
        self._scalars = workspace.resources.device(SCALARS_BYTES, "a step's scalars")
        stream = int(workspace.streams.compute)
        self._sessions = open_sessions(
            bundle,
            "cuda",
            threads=threads,
            # else their allocations would break another model's recording
            prepare=workspace.cuda.use,
            provider_options={
                graph.name: provider_options(
                    workspace.cuda.device,
                    stream,
                    tensor_cores=tf32 or graph.precision == "float16",
                )
                for graph in bundle.manifest.graphs
            },
        )

    def prepare(self, batch: int) -> "OnnxRuntimeProgram":
        """Run one batch size once, which records it.

        Raises:
            BackendError: ONNX Runtime failed.
        """
        space = self._workspace
        inputs = tuple(space.inputs(batch).values())
        kernels = self._stages(batch, UNRECORDED)
        stages = self._stages(batch, str(batch)) if self._record else kernels
        try:
            with without_finalisers():
                found = self._order(stages, *inputs)
            space.synchronize()
        except BaseException:
            # sessions that go while the stream is still being recorded end the process
            end_recording(space.cuda, space.streams.compute)
            raise
        return OnnxRuntimeProgram(
            order=self._order,
            inputs=inputs,
            stages=stages,
            kernels=kernels,
            outputs={name: getattr(found, name) for name in OUTPUTS},
        )

    def close(self) -> None:
        """Release the sessions."""
        self._sessions.clear()

    def _stages(self, batch: int, graph_id: str) -> OnnxRuntimeCudaStages:
        options = self._runtime.RunOptions()
        options.add_run_config_entry("gpu_graph_id", graph_id)
        # the host waits once a batch, for the event behind it
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        return OnnxRuntimeCudaStages(self._sessions, self._workspace, batch, self._scalars, options)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnnxRuntimeProgram:
    """One batch size of the sessions.

    Attributes:
        order: the model's own.
        inputs: where the stages read.
        stages: replay recordings, where the model records.
        kernels: launch each kernel.
        outputs: see `Program`.
    """

    order: Order
    inputs: tuple[DeviceTensor, ...]
    stages: OnnxRuntimeCudaStages
    kernels: OnnxRuntimeCudaStages
    outputs: dict[str, DeviceTensor]

    def launch(self) -> None:
        """Put all stages on the stream, one after the other.

        Raises:
            BackendError: ONNX Runtime failed.
        """
        self.order(self.stages, *self.inputs)

    def run(self, order: Order) -> None:
        """Run `order` once, its kernels one by one."""
        order(self.kernels, *self.inputs)

    def close(self) -> None:
        """Release the bindings; the recordings go with the sessions."""
        self.stages.close()
        self.kernels.close()


def _weight_bytes(bundle: Bundle) -> int:
    """Of the graphs' files and what lies beside them: about what they take on the GPU."""
    files = [graph.file for graph in bundle.manifest.graphs]
    return sum(
        record.size_bytes
        for record in bundle.manifest.files
        if any(record.path.startswith(file) for file in files)
    )
