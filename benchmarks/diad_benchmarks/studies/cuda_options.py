"""Which options of ONNX Runtime's CUDA provider pay: one graph, replayed as a CUDA graph, measured.

    python -m diad_benchmarks.studies.cuda_options BUNDLE --half-bundle BUNDLE16 -o options.json

Every combination of convolution search, layout, TF32 and batch size opens in a process of its own.
What fails is a line that says why; the file is written after each of them.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np

from diad_benchmarks.measure.deadline import Deadline
from diad_benchmarks.measure.gpu_meter import GpuMeter
from diad_benchmarks.models.models import apart
from diad_deploy.backends.onnxruntime.module import (
    import_onnxruntime,
    one_line,
    preload_cuda_libraries,
)
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import GRAPH_NAMES, GraphSpec
from diad_deploy.cli.console import run_command
from diad_deploy.errors import BackendError, DiadError, OptionError
from diad_deploy.report.folder import replace_file

PROVIDER = "CUDAExecutionProvider"
SEARCHES = ("EXHAUSTIVE", "HEURISTIC", "DEFAULT")
SECONDS = 1.0
"""A measurement replays for so long."""

WARM_UPS = 3
_TYPES = {"float32": np.float32, "float16": np.float16}


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """A graph of a bundle, and how the provider is to run it."""

    bundle: str
    graph: str
    batch: int
    search: str
    prefer_nhwc: bool
    use_tf32: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was seen of a combination.

    Attributes:
        precision: of the graph.
        why_not: why there are no figures; None where there are.
        session_s: making the session; `first_run_s`: the run that searches and records.
        runs: how many replays were timed on the host, each until the GPU was done.
        median_ms, fastest_ms: of one of them.
        memory_bytes: by how much the GPU's memory in use grew, the CUDA context included.
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


def combinations(
    bundle: Path, half_bundle: Path | None, *, graphs: tuple[str, ...], batches: tuple[int, ...]
) -> Iterator[Combination]:
    """All of them, the most telling first: float16, then float32 without TF32, then with it."""
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
    """Open the graph, record it, and time replays; a failure is a finding, too."""
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
    except Exception as error:  # noqa: BLE001 - each combination is tried, whatever it raises
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
    """A session of a fixed batch size, all of it on the GPU."""
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
    """A call that runs the session on values that stay where they are on the device."""
    rng = np.random.default_rng(0)
    binding = session.io_binding()
    held = []
    for spec in graph.inputs:
        shape = [batch if isinstance(size, str) else size for size in spec.shape]
        values = rng.standard_normal(shape).astype(_TYPES[spec.dtype])
        if spec.name == "timestep":
            values = np.full(shape, 500, dtype=_TYPES[spec.dtype])
        held.append(runtime.OrtValue.ortvalue_from_numpy(values, device, 0))
        binding.bind_ortvalue_input(spec.name, held[-1])
    for spec in graph.outputs:
        shape = [batch if isinstance(size, str) else size for size in spec.shape]
        held.append(
            runtime.OrtValue.ortvalue_from_shape_and_type(shape, _TYPES[spec.dtype], device, 0)
        )
        binding.bind_ortvalue_output(spec.name, held[-1])

    def run() -> object:
        session.run_with_iobinding(binding)
        return held  # which are to live as long as this function

    return run


def _replays(run: Callable[[], object]) -> list[float]:
    seconds: list[float] = []
    end = time.perf_counter() + SECONDS
    while not seconds or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds


def study(wanted: list[Combination], deadline: Deadline, output: Path) -> list[Finding]:
    """Measure each in a process of its own until time is over; the file grows as it goes."""
    found: list[Finding] = []
    for place, combination in enumerate(wanted, start=1):
        if not deadline.fits(0.0):
            click.echo(f"{len(wanted) - place + 1} left out: {deadline.passed()} are over")
            break
        try:
            finding = apart(measure, combination, timeout_s=deadline.timeout_s())
        except DiadError as error:
            finding = Finding(combination=combination, precision="", why_not=str(error))
        found.append(finding)
        replace_file(output, _as_json(found))
        click.echo(f"{place} of {len(wanted)}: {_line(finding)}")
    return found


def _as_json(found: list[Finding]) -> bytes:
    return (json.dumps([asdict(finding) for finding in found], indent=1) + "\n").encode()


def _line(finding: Finding) -> str:
    asked = finding.combination
    name = (
        f"{asked.graph} {finding.precision} batch {asked.batch} {asked.search} "
        f"{'NHWC' if asked.prefer_nhwc else 'NCHW'}{' TF32' if asked.use_tf32 else ''}"
    )
    if finding.why_not is not None:
        return f"{name}: {finding.why_not}"
    memory = finding.memory_bytes
    return (
        f"{name}: {finding.median_ms:.3f} ms, opened in {finding.session_s:.1f} + "
        f"{finding.first_run_s:.1f} s"
        f"{f', {1e-9 * memory:.2f} GB' if memory is not None else ''}"
    )


@click.command(name="diad_benchmarks.studies.cuda_options")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--half-bundle", type=click.Path(path_type=Path), help="The same in float16.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A JSON file.")
@click.option(
    "--graph",
    "graphs",
    multiple=True,
    type=click.Choice(GRAPH_NAMES),
    default=("denoiser",),
    show_default=True,
)
@click.option(
    "--batch", "batches", multiple=True, type=click.IntRange(min=1), default=(1, 8),
    show_default=True,
)  # fmt: skip
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="End by then.")
def command(
    bundle: Path,
    half_bundle: Path | None,
    output: Path,
    graphs: tuple[str, ...],
    batches: tuple[int, ...],
    minutes: float | None,
) -> None:
    """Measure ONNX Runtime's CUDA provider with its options, on the denoiser of BUNDLE.

    Example: python -m diad_benchmarks.studies.cuda_options bundle -o options.json
    """
    available = import_onnxruntime().get_available_providers()
    if PROVIDER not in available:
        raise BackendError(
            f"this onnxruntime cannot run on CUDA: expected {PROVIDER}, found "
            f'{", ".join(available)}; install "diad_deploy[gpu]" in its place'
        )
    if not output.resolve().parent.is_dir():
        raise OptionError(f"{output}: its folder is not there; make it first")
    for path in (bundle, half_bundle):
        if path is not None:
            Bundle.open(path, verify=False)
    wanted = list(combinations(bundle, half_bundle, graphs=graphs, batches=batches))
    study(wanted, Deadline.after(minutes), output)


if __name__ == "__main__":
    run_command(command)
