"""ONNX Runtime's CUDA provider without a GPU: its sessions run on the CPU in simulated memory."""

import gc
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime as real

from tests.simulator.cudart import SimulatedCudart
from tests.simulator.memory import SimulationFault
from tests.simulator.onnxruntime_binding import Bound, SimulatedBinding
from tests.simulator.streams import Capture, SimulatedStream
from tests.simulator.tensorrt import session_of

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
OPTIONS = {
    "device_id",
    "user_compute_stream",
    "has_user_compute_stream",
    "gpu_mem_limit",
    "arena_extend_strategy",
    "cudnn_conv_algo_search",
    "do_copy_in_default_stream",
    "cudnn_conv_use_max_workspace",
    "cudnn_conv1d_pad_to_nc1d",
    "enable_cuda_graph",
    "enable_skip_layer_norm_strict_mode",
    "prefer_nhwc",
    "use_ep_level_unified_stream",
    "use_tf32",
    "fuse_conv_bias",
    "sdpa_kernel",
    "tunable_op_enable",
    "tunable_op_tuning_enable",
    "tunable_op_max_tuning_duration_ms",
}
"""The provider's options; it rejects any other name."""


class SimulatedOnnxRuntime:
    """The module. Sessions on the CPU are real. Tests set what fails.

    Attributes:
        for_cuda: whether it was built with the CUDA provider.
        refusal: the error of every session on CUDA.
        starts: if false, sessions open on the CPU, which ONNX Runtime only logs.
        before_run: called with the number of the run, from 1; may raise.
        while_recording: called during each capture.
        runs: number of runs.
        recordings: number of captured runs; each thread has its own.
        preloaded: how often CUDA's libraries were preloaded.
    """

    GraphOptimizationLevel = real.GraphOptimizationLevel
    ExecutionMode = real.ExecutionMode
    SessionOptions = real.SessionOptions
    RunOptions = real.RunOptions
    __version__ = "1.31.1"
    __spec__ = real.__spec__  # libraries look whether it is installed

    def __init__(self, cudart: SimulatedCudart) -> None:
        self.cudart = cudart
        self.for_cuda = False
        self.refusal: str | None = None
        self.starts = True
        self.before_run: Callable[[int], None] = lambda number: None
        self.while_recording: Callable[[], None] = lambda: None
        self.runs = 0
        self.recordings = 0
        self.preloaded = 0
        self.alive: weakref.WeakSet[Any] = weakref.WeakSet()

    def get_available_providers(self) -> list[str]:
        return [CUDA, CPU] if self.for_cuda else [CPU]

    def set_default_logger_severity(self, severity: int) -> None:
        self.severity = severity

    def preload_dlls(self, **where: Any) -> None:
        self.preloaded += 1

    def InferenceSession(
        self,
        path: str,
        sess_options: Any = None,
        providers: Sequence[Any] | None = None,
        **further: Any,
    ) -> Any:
        names = [one if isinstance(one, str) else one[0] for one in providers or ()]
        if CUDA not in names:
            return real.InferenceSession(path, sess_options, providers, **further)
        if not self.for_cuda:
            raise SimulationFault(f"{CUDA} is not among {self.get_available_providers()}")
        if int(further.get("enable_fallback", 1)):
            raise SimulationFault("what fails would be tried again on the CPU")
        first = (providers or ())[0]
        options = {} if isinstance(first, str) else first[1]
        if self.refusal is not None:
            raise RuntimeError(f"[ONNXRuntimeError] : 1 : FAIL : {self.refusal}")
        if _entry(sess_options, "session.disable_cpu_ep_fallback") == "1":
            raise RuntimeError("nodes that compute shapes are assigned to the CPU")
        return SimulatedSession(self, path, {name: str(value) for name, value in options.items()})

    def left_over(self) -> list[Any]:
        """Sessions that were not released."""
        gc.collect()
        return list(self.alive)


class SimulatedSession:
    """One graph on CUDA."""

    def __init__(self, runtime: SimulatedOnnxRuntime, path: str, options: dict[str, str]) -> None:
        unknown = options.keys() - OPTIONS
        if unknown:
            raise RuntimeError(f"Unknown provider option: {sorted(unknown)}")
        self.runtime = runtime
        self.options = options
        self.device = int(options.get("device_id", "0"))
        if self.device >= runtime.cudart.device_count:
            raise RuntimeError("CUDA failure 101: invalid device ordinal")
        self.session = session_of(path)
        self.nodes = {node.name: node for node in (*self.get_inputs(), *self.get_outputs())}
        self._stream = self._choose_stream()
        self._recorded: dict[tuple[int, str], Bound] = {}
        runtime.alive.add(self)

    def get_providers(self) -> list[str]:
        return [CUDA, CPU] if self.runtime.starts else [CPU]

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        return {CUDA: self.options} if self.runtime.starts else {}

    def get_inputs(self) -> list[Any]:
        return self.session.get_inputs()

    def get_outputs(self) -> list[Any]:
        return self.session.get_outputs()

    def io_binding(self) -> SimulatedBinding:
        return SimulatedBinding(self)

    def run_with_iobinding(self, binding: SimulatedBinding, run_options: Any = None) -> None:
        """Add the run to the session's stream, with the addresses that are bound now."""
        runtime, cudart = self.runtime, self.runtime.cudart
        runtime.runs += 1
        runtime.before_run(runtime.runs)
        if not self._stream.live:
            raise SimulationFault("a run on a stream that was destroyed")
        if self._stream.capture is not None:
            raise SimulationFault("a caller's own recording of a session aborts the process")
        # the session's device stays the thread's current one
        cudart.current.device = self.device
        bound = binding.all_bound()
        graph = _entry(run_options, "gpu_graph_id") or "0"
        if _is_on(self.options.get("enable_cuda_graph")) and graph != "-1":
            self._check_recorded(graph, bound)
        cudart.enqueue(self._stream, _Run(self, bound))
        if _entry(run_options, "disable_synchronize_execution_providers") != "1":
            with cudart.lock:
                self._stream.run()

    def _check_recorded(self, graph: str, bound: Bound) -> None:
        # captures belong to a thread
        key = (threading.get_ident(), graph)
        if key not in self._recorded:
            self._record(key, bound)
        changed = [name for name, place in self._recorded[key].items() if bound[name] != place]
        if changed:
            raise SimulationFault(
                f"graph {graph} was recorded with other places or shapes of {', '.join(changed)}"
            )

    def _record(self, key: tuple[int, str], bound: Bound) -> None:
        cudart = self.runtime.cudart
        # its thread is internal to the provider; the mode affects all threads
        mode = cudart.cudaStreamCaptureMode.cudaStreamCaptureModeGlobal
        cudart.recorded_by_ort = capture = Capture(mode, thread=0)
        try:
            self.runtime.while_recording()
        finally:
            cudart.recorded_by_ort = None
        if capture.broken:
            raise RuntimeError("CUDA failure 901: operation failed due to a previous error")
        self._recorded[key] = bound
        self.runtime.recordings += 1

    def _choose_stream(self) -> SimulatedStream:
        handle = int(self.options.get("user_compute_stream", "0"))
        if not handle:
            raise SimulationFault("a session on a stream of its own, which is never waited for")
        stream = self.runtime.cudart.streams.get(handle)
        if stream is None or not stream.live or stream.device != self.device:
            raise SimulationFault(f"{handle:#x} is no stream of device {self.device}")
        return stream


class _Run:
    """One run; it does not keep its session alive, as a recording does not."""

    def __init__(self, session: SimulatedSession, bound: Bound) -> None:
        self._session = weakref.ref(session)
        self._bound = bound

    def __call__(self) -> None:
        session = self._session()
        if session is None:
            raise SimulationFault("a session is gone whose work still runs")
        inputs = [node.name for node in session.get_inputs()]
        outputs = [node.name for node in session.get_outputs()]
        given = {name: self._data(session, name).copy() for name in inputs}
        for name, value in zip(outputs, session.session.run(outputs, given), strict=True):
            data = self._data(session, name)
            if data.shape != value.shape:
                raise SimulationFault(f"{name} is {value.shape}, and was bound as {data.shape}")
            data[:] = value

    def _data(self, session: SimulatedSession, name: str) -> np.ndarray:
        place, memory = self._bound[name], session.runtime.cudart.memory
        data = memory.view("device", place.address, place.size_bytes, device=session.device)
        return data.view(place.dtype).reshape(place.shape)


def _entry(options: Any, name: str) -> str | None:
    """A configuration entry of session or run options."""
    if options is None:
        return None
    of_a_run = hasattr(options, "get_run_config_entry")
    get = options.get_run_config_entry if of_a_run else options.get_session_config_entry
    try:
        return str(get(name))
    except RuntimeError:  # it has none of that name
        return None


def _is_on(value: str | None) -> bool:
    return value in ("1", "True", "true")
