"""Rates of matrix products and memory copies, measured between the turns."""

import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from diad_benchmarks.measure.rounds import seconds_of
from diad_deploy.record import Record
from diad_deploy.usable_cores import usable_cores

SIDE = 2048
COPIED_BYTES = 256 * 1024**2
"""Much larger than any cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates(Record):
    """The rates of one device in one precision.

    Attributes:
        device: `cpu` or `cuda`.
        precision: `float32` or `float16`.
        flops, best_flops: floating-point operations per second in products of square matrices with
            the fastest library: median of all samples, and best. Without TF32.
        library: that library.
        copy_bytes_per_s, best_copy_bytes_per_s: bytes read and written per second while copying
            256 MiB, on the CPU with one thread per core: median and best.
        side: side of the matrices.
    """

    device: str
    precision: str
    flops: float
    best_flops: float
    library: str
    copy_bytes_per_s: float
    best_copy_bytes_per_s: float
    side: int = SIDE


class ProcessorRates:
    """Samples the processor's rates."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        left, right = (rng.standard_normal((SIDE, SIDE), np.float32) for _ in range(2))
        self._products: dict[str, Callable[[], object]] = {"NumPy": lambda: left @ right}
        multiply = _onnxruntime_product(left, right)
        if multiply is not None:
            self._products["ONNX Runtime"] = multiply
        self._flops: dict[str, list[float]] = {name: [] for name in self._products}
        self._bytes: list[float] = []
        count = COPIED_BYTES // 4
        self._source = np.ones(count, dtype=np.float32)
        self._target = np.empty_like(self._source)
        self._cores = usable_cores()
        for multiply in self._products.values():
            multiply()
        self._copy()

    def sample(self) -> None:
        """Time one product in each library, and one copy."""
        for name, multiply in self._products.items():
            self._flops[name].append(2 * SIDE**3 / seconds_of(multiply))
        self._bytes.append(2 * COPIED_BYTES / seconds_of(self._copy))

    def found(self) -> Rates:
        """The rates over all samples so far; takes a sample if there are none."""
        if not self._bytes:
            self.sample()
        library = max(self._flops, key=lambda name: statistics.median(self._flops[name]))
        return _rates("cpu", "float32", library, SIDE, self._flops[library], self._bytes)

    def _copy(self) -> None:
        edges = np.linspace(0, len(self._source), self._cores + 1).astype(int).tolist()
        parts = [slice(a, b) for a, b in pairwise(edges)]
        with ThreadPoolExecutor(max_workers=self._cores) as pool:
            list(pool.map(lambda part: np.copyto(self._target[part], self._source[part]), parts))


def _onnxruntime_product(left: Any, right: Any) -> Callable[[], object] | None:
    """The product as a graph of one node; None if ONNX Runtime is not installed."""
    try:
        import onnxruntime
        from onnx import TensorProto, helper
    except ImportError:
        return None
    sides = [SIDE, SIDE]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, sides) for name in "ab"],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, sides)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(["c"], {"a": left, "b": right})


def measure_gpu_rates(turns: int = 20) -> tuple[Rates, ...]:
    """The rates of the first CUDA device in PyTorch, by CUDA events; empty without a GPU."""
    import torch

    if not torch.cuda.is_available():
        return ()
    torch.backends.cuda.matmul.allow_tf32 = False
    source = torch.ones(COPIED_BYTES, dtype=torch.float32, device="cuda")
    target = torch.empty_like(source)
    moved = 2 * source.numel() * source.element_size()
    copies = [moved / t for t in _event_seconds(torch, lambda: target.copy_(source), turns)]
    found = []
    for name, dtype in (("float32", torch.float32), ("float16", torch.float16)):
        side = 4 * SIDE
        left, right = (torch.randn(side, side, device="cuda", dtype=dtype) for _ in range(2))
        times = _event_seconds(torch, partial(torch.matmul, left, right), turns)
        rates = [2 * side**3 / seconds for seconds in times]
        found.append(_rates("cuda", name, "PyTorch", side, rates, copies))
    return tuple(found)


def _rates(
    device: str,
    precision: str,
    library: str,
    side: int,
    flops: Sequence[float],
    copies: Sequence[float],
) -> Rates:
    return Rates(
        device=device,
        precision=precision,
        flops=statistics.median(flops),
        best_flops=max(flops),
        library=library,
        copy_bytes_per_s=statistics.median(copies),
        best_copy_bytes_per_s=max(copies),
        side=side,
    )


def _event_seconds(torch: Any, work: Callable[[], object], turns: int) -> Sequence[float]:
    for _ in range(3):
        work()
    seconds = []
    for _ in range(turns):
        before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        before.record()
        work()
        after.record()
        torch.cuda.synchronize()
        seconds.append(1e-3 * before.elapsed_time(after))
    return seconds
