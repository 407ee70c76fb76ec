"""TensorRT without a GPU: contexts run the ONNX graph through ONNX Runtime at the bound addresses.

An engine is a JSON text (`tests.simulator.engines` writes them). On a real GPU contexts run the
stand-in bundle's kernels instead (`tests.real_cuda`).
"""

import gc
import json
import weakref
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime

from tests.simulator.memory import ALIGNMENT, SimulatedMemory, SimulationFault

DataType = Enum("DataType", ["FLOAT", "HALF", "INT32"])
TensorIOMode = Enum("TensorIOMode", ["NONE", "INPUT", "OUTPUT"])
AllocationStrategy = Enum("AllocationStrategy", ["STATIC", "USER_MANAGED"])
Specialization = Enum("Specialization", ["LAZY", "EAGER"])
TYPES = {
    "tensor(float)": (DataType.FLOAT, np.float32),
    "tensor(float16)": (DataType.HALF, np.float16),
}


class ILogger:
    Severity = Enum("Severity", ["INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE"])

    def log(self, severity: Any, message: str) -> None:
        raise NotImplementedError


@lru_cache
def session_of(path: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Gpu(Protocol):
    """The GPU that contexts run on: simulated or real."""

    def is_capturing(self, stream: int, /) -> bool: ...
    def execute(self, stream: int, execution: "Execution", /) -> None: ...


class SimulatedTensorRt:
    """The module. Tests set what fails.

    Attributes:
        refuse_engines: loading an engine returns None.
        capturable: whether TensorRT-RTX's contexts can be captured.
        before_execution: called with the number of the execution, from 1; may raise, or return
            False to reject it.
        compiled: number of kernels that TensorRT-RTX did not find in a cache.
    """

    DataType = DataType
    TensorIOMode = TensorIOMode
    ExecutionContextAllocationStrategy = AllocationStrategy
    ILogger = ILogger

    def __init__(self, gpu: Gpu, *, rtx: bool) -> None:
        self.__version__ = "1.7.1.116" if rtx else "10.16.1.11"
        self.gpu = gpu
        self.rtx = rtx
        self.refuse_engines = False
        self.capturable = True
        self.before_execution: Callable[[int], bool] = lambda number: True
        self.executions = 0
        self.compiled = 0
        self.alive: weakref.WeakSet[Any] = weakref.WeakSet()
        if rtx:
            self.DynamicShapesKernelSpecializationStrategy = Specialization

    def Runtime(self, logger: ILogger) -> "SimulatedRuntime":
        return SimulatedRuntime(self, logger)

    def left_over(self) -> list[Any]:
        """Engines and contexts that were not released."""
        gc.collect()
        return list(self.alive)


class SimulatedRuntime:
    def __init__(self, trt: SimulatedTensorRt, logger: ILogger) -> None:
        self._trt, self._logger = trt, logger

    def deserialize_cuda_engine(self, content: bytes) -> "SimulatedEngine | None":
        if self._trt.refuse_engines:
            self._logger.log(ILogger.Severity.WARNING, "a harmless warning")
            self._logger.log(ILogger.Severity.ERROR, "the engine plan is\nnot for this GPU")
            return None
        return SimulatedEngine(self._trt, self._logger, **json.loads(content))


class SimulatedEngine:
    def __init__(
        self,
        trt: SimulatedTensorRt,
        logger: ILogger,
        *,
        onnx: str,
        smallest: int,
        largest: int,
        scratch_bytes: int,
    ) -> None:
        self.trt, self.logger = trt, logger
        self.graph = Path(onnx).stem
        self.session = session_of(onnx)
        self.inputs = {node.name: node for node in self.session.get_inputs()}
        self.outputs = {node.name: node for node in self.session.get_outputs()}
        self.nodes = self.inputs | self.outputs
        self.smallest, self.largest = smallest, largest
        self.device_memory_size_v2 = scratch_bytes
        self.num_io_tensors = len(self.nodes)
        trt.alive.add(self)

    def get_tensor_name(self, index: int) -> str:
        return list(self.nodes)[index]

    def get_tensor_mode(self, name: str) -> Any:
        return TensorIOMode.INPUT if name in self.inputs else TensorIOMode.OUTPUT

    def get_tensor_shape(self, name: str) -> list[int]:
        return [size if isinstance(size, int) else -1 for size in self.nodes[name].shape]

    def get_tensor_dtype(self, name: str) -> Any:
        return TYPES[self.nodes[name].type][0]

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[list[int]]:
        if profile != 0 or name not in self.inputs:
            raise SimulationFault(f"no profile {profile} for {name}")
        shape = self.get_tensor_shape(name)
        sizes = (self.smallest, self.largest, self.largest)
        return [[batch if size == -1 else size for size in shape] for batch in sizes]

    def create_runtime_config(self) -> "SimulatedRuntimeConfig":
        if not self.trt.rtx:
            raise SimulationFault("TensorRT has no such thing in every version")
        return SimulatedRuntimeConfig(self.trt)

    def create_execution_context(self, how: Any) -> "SimulatedContext":
        if self.trt.rtx:
            if how.dynamic_shapes_kernel_specialization_strategy != Specialization.EAGER:
                raise SimulationFault("kernels are exchanged behind a recording's back")
            return SimulatedContext(self, how.strategy, how.cache)
        return SimulatedContext(self, how, None)


class SimulatedRuntimeCache:
    """Names of kernels."""

    def __init__(self, trt: SimulatedTensorRt) -> None:
        self._trt = trt
        self._kernels: set[str] = set()

    def compile(self, kernel: str) -> None:
        if kernel not in self._kernels:
            self._trt.compiled += 1
        self._kernels.add(kernel)

    def serialize(self) -> bytes:
        return json.dumps(sorted(self._kernels)).encode()

    def deserialize(self, content: bytes) -> bool:
        if not content.startswith(b"["):
            return False
        self._kernels = set(json.loads(content))
        return True


class SimulatedRuntimeConfig:
    def __init__(self, trt: SimulatedTensorRt) -> None:
        self._trt = trt
        self.cache: SimulatedRuntimeCache | None = None
        self.strategy = AllocationStrategy.STATIC
        self.dynamic_shapes_kernel_specialization_strategy = Specialization.LAZY

    def set_execution_context_allocation_strategy(self, strategy: Any) -> None:
        self.strategy = strategy

    def create_runtime_cache(self) -> SimulatedRuntimeCache:
        return SimulatedRuntimeCache(self._trt)

    def set_runtime_cache(self, cache: SimulatedRuntimeCache) -> bool:
        self.cache = cache
        return True


class SimulatedContext:
    """Enqueuing uses the current shapes and addresses; the work runs later."""

    def __init__(
        self, engine: SimulatedEngine, strategy: Any, cache: "SimulatedRuntimeCache | None"
    ) -> None:
        if strategy != AllocationStrategy.USER_MANAGED:
            raise SimulationFault("a context that brings its own memory cannot share it")
        self._engine = engine
        self._cache = cache
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}
        self._scratch: tuple[int, int] | None = None
        self._executed_with: dict[str, tuple[int, ...]] | None = None
        if engine.trt.rtx:
            self.is_stream_capturable = self._is_stream_capturable
        engine.trt.alive.add(self)

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        smallest, _, largest = self._engine.get_tensor_profile_shape(name, 0)
        bounds = zip(smallest, shape, largest, strict=True)
        if not all(low <= size <= high for low, size, high in bounds):
            return self._refuse(f"{name} {shape} is outside the profile")
        self._shapes[name] = tuple(shape)
        return True

    def infer_shapes(self) -> list[str]:
        return [name for name in self._engine.inputs if name not in self._shapes]

    def set_tensor_address(self, name: str, address: int) -> bool:
        if name not in self._engine.nodes or address % ALIGNMENT:
            return self._refuse(f"{name} at {address:#x}")
        self._addresses[name] = address
        return True

    def set_device_memory(self, address: int, size: int) -> None:
        if size < self._engine.device_memory_size_v2 or address % ALIGNMENT:
            raise SimulationFault("too little working memory, or at a wrong address")
        self._scratch = (address, size)

    def _is_stream_capturable(self, stream: int) -> bool:
        if self._addresses.keys() != self._engine.nodes.keys():
            raise SimulationFault("asked before the tensors have addresses")
        return self._engine.trt.capturable

    def execute_async_v3(self, stream: int) -> bool:
        engine, trt = self._engine, self._engine.trt
        trt.executions += 1
        if not trt.before_execution(trt.executions):
            return self._refuse("an error of the enqueuing")
        missing = [name for name in engine.nodes if name not in self._addresses]
        if missing or self.infer_shapes() or self._scratch is None:
            return self._refuse(f"no address, shape or working memory for {missing}")
        if trt.gpu.is_capturing(stream) and self._executed_with != self._shapes:
            return self._refuse("recorded before it was executed once with these shapes")
        self._executed_with = dict(self._shapes)
        if self._cache is not None:
            self._cache.compile(f"{list(engine.nodes)} {self._shapes}")
        execution = Execution(self, engine, self._shapes, self._addresses, self._scratch)
        trt.gpu.execute(stream, execution)
        return True

    def _refuse(self, message: str) -> bool:
        self._engine.logger.log(ILogger.Severity.ERROR, message)
        return False


class Execution:
    """One execution; it does not keep its context alive, as a recording does not.

    Attributes:
        graph: the graph's name.
        shapes: of its inputs, in their order.
        addresses: of its inputs and outputs, in their order.
        scratch: address and size in bytes of its working memory.
    """

    def __init__(
        self,
        context: SimulatedContext,
        engine: SimulatedEngine,
        shapes: dict[str, tuple[int, ...]],
        addresses: dict[str, int],
        scratch: tuple[int, int],
    ) -> None:
        self._context = weakref.ref(context)
        self.graph = engine.graph
        self.shapes = {name: shapes[name] for name in engine.inputs}
        self.addresses = {name: addresses[name] for name in engine.nodes}
        self.scratch = scratch

    def run_in(self, memory: SimulatedMemory, device: int) -> None:
        """Run the graph through ONNX Runtime, now, in a device's memory."""
        context = self._context()
        if context is None:
            raise SimulationFault("a context is gone whose work still runs")
        engine = context._engine
        memory.view("device", *self.scratch, device=device)[:] = 0xAB

        def tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
            dtype = np.dtype(TYPES[engine.nodes[name].type][1])
            size = int(np.prod(shape)) * dtype.itemsize
            data = memory.view("device", self.addresses[name], size, device=device)
            return data.view(dtype).reshape(shape)

        given = {name: tensor(name, shape).copy() for name, shape in self.shapes.items()}
        names = list(engine.outputs)
        for name, value in zip(names, engine.session.run(names, given), strict=True):
            tensor(name, value.shape)[:] = value
