"""ONNX Runtime on the CPU, as `diad-run` runs it."""

from benchmarks.ways.bundle_runner import BundleRunner
from benchmarks.ways.way import Runner, Subject


def open_runner(subject: Subject) -> Runner:
    """See `benchmarks.ways.way.Way.open`."""
    return BundleRunner(subject, backend="onnxruntime", device="cpu")
