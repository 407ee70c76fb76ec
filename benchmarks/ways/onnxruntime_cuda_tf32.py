"""ONNX Runtime on CUDA in float32, whose products are in TF32."""

from benchmarks.ways.bundle_runner import BundleRunner
from benchmarks.ways.way import Runner, Subject


def open_runner(subject: Subject) -> Runner:
    """See `benchmarks.ways.way.Way.open`."""
    return BundleRunner(subject, backend="onnxruntime", device="cuda", tf32=True)
