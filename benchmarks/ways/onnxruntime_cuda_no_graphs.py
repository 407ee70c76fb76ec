"""ONNX Runtime on CUDA without CUDA graphs: every kernel launched by the host."""

from benchmarks.ways.bundle_runner import BundleRunner
from benchmarks.ways.way import Runner, Subject


def open_runner(subject: Subject) -> Runner:
    """See `benchmarks.ways.way.Way.open`."""
    return BundleRunner(subject, backend="onnxruntime", device="cuda", record=False)
