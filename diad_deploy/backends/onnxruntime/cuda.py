"""ONNX Runtime on CUDA: sessions with fixed addresses, replayed as CUDA graphs.

Each graph has one session with a dynamic batch size, so the weights are on the GPU only once, and
one CUDA graph per batch size. The loop cannot be captured as a whole, since ONNX Runtime does not
allow its caller to capture a run. Instead, the replays of all stages are queued on one stream,
without waiting for the GPU.
"""

from dataclasses import dataclass
from functools import partial

from diad_deploy.backends.cuda.calls import Cuda, check_free_memory, query_gpu
from diad_deploy.backends.cuda.graph import abort_capture, gc_disabled
from diad_deploy.backends.cuda.model import CudaModel
from diad_deploy.backends.cuda.tensors import SCALARS_BYTES, DeviceTensor
from diad_deploy.backends.cuda.thread import CudaThread, make_in_thread
from diad_deploy.backends.cuda.transfers import OUTPUTS
from diad_deploy.backends.cuda.workspace import Workspace, buffer_bytes
from diad_deploy.backends.onnxruntime.cuda_stages import OnnxRuntimeCudaStages
from diad_deploy.backends.onnxruntime.module import (
    check_cuda_provider,
    import_onnxruntime,
    preload_cuda_libraries,
)
from diad_deploy.backends.onnxruntime.sessions import FATAL_ONLY, open_sessions
from diad_deploy.bundle.folder import Bundle
from diad_deploy.diffusion.stages import Pipeline, check_graphs

NO_GRAPH = "-1"
"""The graph id for which ONNX Runtime launches each kernel instead of a CUDA graph."""


def open_onnxruntime_cuda(
    bundle: Bundle,
    *,
    pipeline: Pipeline,
    batch_size: int,
    device: int = 0,
    threads: int | None = None,
    tf32: bool = False,
    cuda_graphs: bool = True,
) -> CudaModel:
    """Load the four graphs on a GPU and prepare all batch sizes.

    Args:
        bundle: an opened bundle.
        pipeline: runs the stages, with steps of the bundle's schedule.
        batch_size: largest number of images per batch; larger batches are split.
        device: index of the GPU.
        threads: threads for the few operators that run on the CPU.
        tf32: whether float32 is multiplied in TF32.
        cuda_graphs: whether batches are captured in CUDA graphs; if not, each kernel is launched.

    Raises:
        CudaError: there is no GPU, or not enough memory on it.
        BackendError: ONNX Runtime is not installed, not built for CUDA, cannot load a graph, or
            would run part of it on the CPU.
        BundleDamagedError: a graph differs from the manifest.
    """
    runtime = import_onnxruntime()
    check_cuda_provider(runtime)
    # otherwise each cuDNN plan that is tried and does not fit is logged as an error
    runtime.set_default_logger_severity(FATAL_ONLY)
    preload_cuda_libraries()
    check_graphs(bundle.manifest)
    load = partial(
        OnnxRuntimePrograms,
        bundle=bundle,
        pipeline=pipeline,
        threads=threads,
        tf32=tf32,
        cuda_graphs=cuda_graphs,
    )

    def make(thread: CudaThread) -> CudaModel:
        weights, buffers = _weight_bytes(bundle), buffer_bytes(bundle.manifest, batch_size)
        gpu = query_gpu(thread.cuda)
        check_free_memory(thread.cuda, gpu, {"weights": weights, "buffers": buffers})
        return CudaModel(
            bundle.manifest, thread, smallest_batch=1, largest_batch=batch_size, load=load
        )

    return make_in_thread(Cuda.load(device), make)


def provider_options(device: int, stream: int, *, tensor_cores: bool) -> dict[str, str]:
    """Options of ONNX Runtime's CUDA provider.

    Args:
        device: index of the GPU.
        stream: handle of the stream that all sessions share.
        tensor_cores: whether to use tensor cores, which multiply float32 in TF32.
    """
    return {
        "device_id": str(device),
        "user_compute_stream": str(stream),
        # ONNX Runtime then rejects graphs of which more than shape arithmetic runs on the CPU
        "enable_cuda_graph": "1",
        # without it, convolutions of no type use tensor cores
        "use_tf32": str(int(tensor_cores)),
        # on an H100, exhaustive search found nothing faster and took longer
        "cudnn_conv_algo_search": "HEURISTIC",
        "cudnn_conv_use_max_workspace": "1",
        "prefer_nhwc": "0",
        # extending by powers of two would take up to twice the memory of a large model
        "arena_extend_strategy": "kSameAsRequested",
    }


class OnnxRuntimePrograms:
    """The four sessions, bound to a workspace.

    Raises:
        BackendError, BundleDamagedError: see
            `diad_deploy.backends.onnxruntime.sessions.open_sessions`.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        bundle: Bundle,
        pipeline: Pipeline,
        threads: int | None,
        tf32: bool,
        cuda_graphs: bool,
    ) -> None:
        self._workspace, self._pipeline = workspace, pipeline
        self._cuda_graphs = cuda_graphs
        self._runtime = import_onnxruntime()
        self._scalars = workspace.resources.device(SCALARS_BYTES, "the scalars of a step")
        stream = int(workspace.streams.compute)
        self._sessions = open_sessions(
            bundle,
            "cuda",
            threads=threads,
            # otherwise their allocations would invalidate captures of other models
            prepare_thread=workspace.cuda.use,
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
        """Run a batch size once, during which ONNX Runtime captures its CUDA graphs.

        Raises:
            BackendError: ONNX Runtime failed.
        """
        space = self._workspace
        inputs = tuple(space.inputs(batch).values())
        eager = self._stages(batch, NO_GRAPH)
        stages = self._stages(batch, str(batch)) if self._cuda_graphs else eager
        try:
            with gc_disabled():
                outputs = self._pipeline(stages, *inputs)
            space.synchronize()
        except BaseException:
            # releasing sessions while their stream is being captured would abort the process
            abort_capture(space.cuda, space.streams.compute)
            raise
        return OnnxRuntimeProgram(
            pipeline=self._pipeline,
            inputs=inputs,
            stages=stages,
            eager=eager,
            outputs={name: getattr(outputs, name) for name in OUTPUTS},
        )

    def close(self) -> None:
        """Release the sessions."""
        self._sessions.clear()

    def _stages(self, batch: int, graph_id: str) -> OnnxRuntimeCudaStages:
        options = self._runtime.RunOptions()
        options.add_run_config_entry("gpu_graph_id", graph_id)
        # the host waits only once per batch, for the event at its end
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        return OnnxRuntimeCudaStages(self._sessions, self._workspace, batch, self._scalars, options)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnnxRuntimeProgram:
    """One batch size of the sessions.

    Attributes:
        pipeline: the model's pipeline.
        inputs: the input tensors of the stages.
        stages: stages that replay CUDA graphs, if the model uses them.
        eager: stages that launch each kernel.
        outputs: see `Program`.
    """

    pipeline: Pipeline
    inputs: tuple[DeviceTensor, ...]
    stages: OnnxRuntimeCudaStages
    eager: OnnxRuntimeCudaStages
    outputs: dict[str, DeviceTensor]

    def launch(self) -> None:
        """Put all stages on the stream.

        Raises:
            BackendError: ONNX Runtime failed.
        """
        self.pipeline(self.stages, *self.inputs)

    def run(self, pipeline: Pipeline) -> None:
        """Run a pipeline once, eagerly."""
        pipeline(self.eager, *self.inputs)

    def close(self) -> None:
        """Release the bindings; the sessions own the CUDA graphs."""
        self.stages.close()
        self.eager.close()


def _weight_bytes(bundle: Bundle) -> int:
    """Size of the graphs' files and external data, which is about their GPU memory."""
    files = [graph.file for graph in bundle.manifest.graphs]
    return sum(
        record.size_bytes
        for record in bundle.manifest.files
        if any(record.path.startswith(file) for file in files)
    )
