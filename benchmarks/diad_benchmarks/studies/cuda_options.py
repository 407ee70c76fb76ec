"""Compares options of ONNX Runtime's CUDA provider on one graph, replayed as a CUDA graph.

Every combination of convolution search, layout, TF32 and batch size runs in a separate process. The
file is written after each of them; one that fails is recorded with the reason.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from diad_benchmarks.measure.apart import apart
from diad_benchmarks.measure.deadline import Deadline
from diad_benchmarks.measure.gpu_meter import GpuMeter
from diad_benchmarks.measure.rounds import seconds_of
from diad_deploy.backends.onnxruntime.module import (
    import_onnxruntime,
    one_line,
    preload_cuda_libraries,
)
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import GraphSpec, TensorSpec
from diad_deploy.errors import BackendError, DiadError, OptionError
from diad_deploy.report.folder import replace_file

PROVIDER = "CUDAExecutionProvider"
SEARCHES = ("EXHAUSTIVE", "HEURISTIC", "DEFAULT")
SECONDS = 1.0
"""Duration of a measurement."""

WARM_UPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """A graph of a bundle, and the provider's options."""

    bundle: str
    graph: str
    batch: int
    search: str
    prefer_nhwc: bool
    use_tf32: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The figures of a combination.

    Attributes:
        precision: of the graph.
        why_not: why there are no figures; None if there are.
        session_s: seconds for creating the session.
        first_run_s: seconds of the first run, which searches and captures.
        runs: number of replays, each timed on the host until the GPU has finished.
        median_ms, fastest_ms: of a replay.
        memory_bytes: growth of the GPU's memory in use, the CUDA context included.
    """

    combination: Combination
    precision: str
    why_not: str | None = None
    session_s: float | None = None
    first_run_s: float | None = None
    runs: int | None = None
    median_ms: float | None = None
    fastest_ms: float | None = None
    memory_bytes: int | None = None

    def __str__(self) -> str:
        asked = self.combination
        name = (
            f"{asked.graph} {self.precision} batch {asked.batch} {asked.search} "
            f"{'NHWC' if asked.prefer_nhwc else 'NCHW'}{' TF32' if asked.use_tf32 else ''}"
        )
        if self.why_not is not None:
            return f"{name}: {self.why_not}"
        memory = "" if self.memory_bytes is None else f", {1e-9 * self.memory_bytes:.2f} GB"
        return (
            f"{name}: {self.median_ms:.3f} ms, opened in {self.session_s:.1f} + "
            f"{self.first_run_s:.1f} s{memory}"
        )


def combinations(
    bundle: Path, half_bundle: Path | None, *, graphs: tuple[str, ...], batches: tuple[int, ...]
) -> Iterator[Combination]:
    """All of them: float16, then float32 without TF32, then with it."""
    kinds = [(half_bundle, False)] if half_bundle is not None else []
    for path, use_tf32 in (*kinds, (bundle, False), (bundle, True)):
        for graph, nhwc, search, batch in product(graphs, (False, True), SEARCHES, batches):
            yield Combination(
                bundle=str(path),
                graph=graph,
                batch=batch,
                search=search,
                prefer_nhwc=nhwc,
                use_tf32=use_tf32,
            )


def measure(combination: Combination) -> Finding:
    """Open the graph, capture it, and time replays; errors become part of the finding."""
    bundle = Bundle.open(Path(combination.bundle), verify=False)
    graph = bundle.manifest.graph(combination.graph)
    meter = GpuMeter.open()
    before = meter.used_bytes()
    try:
        runtime = import_onnxruntime()
        preload_cuda_libraries()
        start = time.perf_counter()
        session = _open(runtime, bundle.file(graph.file), combination)
        opened = time.perf_counter()
        run = _bind(runtime, session, graph, combination.batch)
        run()
        first_run_s = time.perf_counter() - opened
        for _ in range(WARM_UPS):
            run()
        seconds = _replays(run)
        after = meter.used_bytes()
    except Exception as error:  # noqa: BLE001 - whatever a combination raises is its result
        return Finding(
            combination=combination, precision=graph.precision, why_not=one_line(error)[:500]
        )
    return Finding(
        combination=combination,
        precision=graph.precision,
        session_s=opened - start,
        first_run_s=first_run_s,
        runs=len(seconds),
        median_ms=1e3 * float(np.median(seconds)),
        fastest_ms=1e3 * min(seconds),
        memory_bytes=None if before is None or after is None else after - before,
    )


def _open(runtime: Any, path: Path, combination: Combination) -> Any:
    """A session with a fixed batch size that runs only on the GPU."""
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.add_free_dimension_override_by_name("batch", combination.batch)
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    provider = {
        "cudnn_conv_algo_search": combination.search,
        "cudnn_conv_use_max_workspace": "1",
        "prefer_nhwc": str(int(combination.prefer_nhwc)),
        "use_tf32": str(int(combination.use_tf32)),
        "arena_extend_strategy": "kSameAsRequested",
        "enable_cuda_graph": "1",
    }
    session = runtime.InferenceSession(
        str(path), sess_options=options, providers=[(PROVIDER, provider)], enable_fallback=0
    )
    if session.get_providers()[:1] != [PROVIDER]:
        raise BackendError(f"expected {PROVIDER}, found {', '.join(session.get_providers())}")
    return session


def _bind(
    runtime: Any, session: Any, graph: GraphSpec, batch: int, *, device: str = "cuda"
) -> Callable[[], object]:
    """A function that runs the session on values at fixed addresses on the device."""
    rng = np.random.default_rng(0)
    binding = session.io_binding()
    values = []

    def shape_of(spec: TensorSpec) -> list[int]:
        return [batch if isinstance(size, str) else size for size in spec.shape]

    for spec in graph.inputs:
        array = rng.standard_normal(shape_of(spec))
        if spec.name == "timestep":
            array = np.full(shape_of(spec), 500.0)
        array = array.astype(spec.dtype)
        values.append(runtime.OrtValue.ortvalue_from_numpy(array, device, 0))
        binding.bind_ortvalue_input(spec.name, values[-1])
    for spec in graph.outputs:
        dtype = np.dtype(spec.dtype).type
        values.append(
            runtime.OrtValue.ortvalue_from_shape_and_type(shape_of(spec), dtype, device, 0)
        )
        binding.bind_ortvalue_output(spec.name, values[-1])

    def run() -> object:
        session.run_with_iobinding(binding)
        return values  # must live as long as this function

    return run


def _replays(run: Callable[[], object]) -> list[float]:
    seconds: list[float] = []
    end = time.perf_counter() + SECONDS
    while not seconds or time.perf_counter() < end:
        seconds.append(seconds_of(run))
    return seconds


def study(
    bundle: Path,
    half_bundle: Path | None,
    output: Path,
    *,
    graphs: tuple[str, ...],
    batches: tuple[int, ...],
    minutes: float | None,
    echo: Callable[[str], None],
) -> list[Finding]:
    """Measure all combinations within the time limit; `output` is written after each.

    Raises:
        BackendError: ONNX Runtime cannot use CUDA. OptionError: `output` has no folder.
    """
    available = import_onnxruntime().get_available_providers()
    if PROVIDER not in available:
        raise BackendError(
            f"this onnxruntime cannot run on CUDA: expected {PROVIDER}, found "
            f'{", ".join(available)}; install "diad_deploy[gpu]" in its place'
        )
    if not output.resolve().parent.is_dir():
        raise OptionError(f"{output}: its folder does not exist; create it first")
    for path in (bundle, half_bundle):
        if path is not None:
            Bundle.open(path, verify=False)
    wanted = list(combinations(bundle, half_bundle, graphs=graphs, batches=batches))
    deadline, found = Deadline.after(minutes), list[Finding]()
    for place, combination in enumerate(wanted, start=1):
        if not deadline.fits(0.0):
            echo(f"{len(wanted) - place + 1} left out: {deadline.passed()} have passed")
            break
        try:
            finding = apart(measure, combination, timeout_s=deadline.timeout_s())
        except DiadError as error:
            finding = Finding(combination=combination, precision="", why_not=str(error))
        found.append(finding)
        records = [asdict(each) for each in found]
        replace_file(output, f"{json.dumps(records, indent=1)}\n".encode())
        echo(f"{place} of {len(wanted)}: {finding}")
    return found
