"""ONNX Runtime on CUDA: CUDA graphs, values bound on the GPU."""

from benchmarks.ways.bundle_runner import BundleRunner
from benchmarks.ways.way import Runner, Subject


def open_runner(subject: Subject) -> Runner:
    """See `benchmarks.ways.way.Way.open`."""
    return BundleRunner(subject, backend="onnxruntime", device="cuda")
