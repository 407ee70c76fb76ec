"""ONNX Runtime on CUDA in float16 without CUDA graphs."""

from benchmarks.ways.bundle_runner import BundleRunner, in_half
from benchmarks.ways.way import Runner, Subject


def open_runner(subject: Subject) -> Runner:
    """See `benchmarks.ways.way.Way.open`."""
    return BundleRunner(in_half(subject), backend="onnxruntime", device="cuda", record=False)
