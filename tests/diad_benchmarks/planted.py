"""A small record of the benchmark, made by hand, for what reads one."""

from dataclasses import replace

from diad_benchmarks.measure.floor import GraphCount, Limit
from diad_benchmarks.measure.machine import Machine
from diad_benchmarks.measure.rates import Rates
from diad_benchmarks.measure.spread import spread_of
from diad_benchmarks.measure.surroundings import Surroundings
from diad_benchmarks.plan import plan_for
from diad_benchmarks.report.accuracy import Accuracy
from diad_benchmarks.report.predictions import Prediction
from diad_benchmarks.report.results import FORMAT, ModelFacts, Results
from diad_benchmarks.report.rows import Row, StageTime, Throughput
from diad_benchmarks.studies.sweeps import SizePoint, StepsPoint, Sweeps, ThreadsPoint

ACCURACY = Accuracy(
    pictures=36,
    threshold=0.3,
    threshold_from="highest F1 of PyTorch's scores",
    largest_difference=2e-6,
    least_correlation=1.0,
    flipped=0,
    image_auroc=0.9,
    pixel_auroc=0.92,
    image_auroc_change=0.0,
    pixel_auroc_change=0.0,
)


def planted_row(name: str, title: str, seconds: float, **changes: object) -> Row:
    """A row whose image takes `seconds`."""
    row = Row(
        name=name,
        title=title,
        why_not=None,
        detail=f"{name} 1.0",
        device="cpu",
        precision="float32",
        latency=spread_of([seconds, 1.1 * seconds, seconds]),
        times_yardstick=seconds / 0.2,
        throughput=(
            Throughput(batch=1, turns=3, median_ms=1e3 * seconds, pictures_per_s=1 / seconds),
            Throughput(batch=8, turns=2, median_ms=6e3 * seconds, pictures_per_s=8 / 6 / seconds),
        ),
        stages=(
            StageTime(stage="prepare", median_ms=1.0, share=0.1),
            StageTime(stage="step 1", median_ms=4.0, share=0.4),
            StageTime(stage="step 2", median_ms=5.0, share=0.5),
        ),
        opening_s=0.5,
        first_result_s=1.5,
        peak_host_bytes=500_000_000,
        disk_bytes=48_000_000,
        limit=Limit(seconds=0.1, arithmetic_s=0.09, weights_s=0.05),
        limit_share=0.1 / seconds,
        accuracy=ACCURACY,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def planted_results() -> Results:
    """Two rows that ran, and one that could not."""
    return Results(
        format_revision=FORMAT,
        date="2026-01-02T03:04:05+00:00",
        seconds=60.0,
        unfinished=None,
        plan=plan_for("demo", everything=False),
        machine=Machine(
            processor="A processor",
            cores=4,
            usable_cores=2,
            memory_bytes=24_000_000_000,
            system="Linux x86_64",
            python="3.11.7",
            gpus=(),
            versions={"torch": "2.14.1", "onnxruntime": "1.32.0"},
        ),
        rates=(
            Rates(
                device="cpu",
                precision="float32",
                flops=3e11,
                best_flops=3.6e11,
                library="NumPy",
                copy_bytes_per_s=2e10,
                best_copy_bytes_per_s=2.4e10,
            ),
        ),
        model=ModelFacts(
            name="model.safetensors",
            sha256="ab" * 32,
            standin=False,
            parameters=23_600_000,
            image_size_px=128,
            steps=10,
            spacing="trailing",
            precision="float32",
            pictures="36 of the demo's test images, drawn at 128 px",
        ),
        counts=(GraphCount(graph="denoiser", runs=10, flop=1.6e10, weights=18_000_000),),
        predictions=(
            Prediction(
                gpu="H100 SXM",
                batch=1,
                least_ms=0.12,
                most_pictures_per_s=8271.0,
                arithmetic_share=0.2,
            ),
        ),
        rows=(
            planted_row("published", "PyTorch, published order of work", 1.0),
            planted_row("onnxruntime", "ONNX Runtime, CPU", 0.2),
            Row(name="tensorrt", title="TensorRT", why_not="no GPU <here>; take another machine"),
        ),
        surroundings=Surroundings(
            backend="onnxruntime",
            pictures=24,
            batch=8,
            file_size_px=256,
            run_s=(4.1, 4.2),
            model_s=(4.0, 4.0),
            overhead=0.0375,
            work_ms={"read": 2.0, "prepare": 1.0},
        ),
        sweeps=planted_sweeps(),
    )


def planted_sweeps() -> Sweeps:
    """A point or two of each kind."""
    return Sweeps(
        steps=tuple(
            StepsPoint(
                precision="float32",
                spacing="trailing",
                steps=steps,
                batch=batch,
                median_ms=20.0 * steps * batch,
                pictures_per_s=50.0 / steps,
                image_auroc=0.9 - 0.01 / steps if batch == 8 else None,
                pixel_auroc=0.92 if batch == 8 else None,
            )
            for steps in (10, 1)
            for batch in (1, 8)
        ),
        threads=(
            ThreadsPoint(threads=1, median_ms=400.0),
            ThreadsPoint(threads=2, median_ms=210.0),
        ),
        sizes=(
            SizePoint(size_px=64, median_ms=60.0, gflop=7.0),
            SizePoint(size_px=128, median_ms=210.0, gflop=27.0),
        ),
        left_out=("float16: it could not be built",),
    )
