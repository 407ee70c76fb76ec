"""TensorRT: the pipeline recorded into one CUDA graph a batch size."""

from benchmarks.ways.bundle_runner import BundleRunner, with_engines
from benchmarks.ways.way import Runner, Subject


def open_runner(subject: Subject) -> Runner:
    """See `benchmarks.ways.way.Way.open`."""
    return BundleRunner(with_engines(subject, "tensorrt"), backend="tensorrt", device="cuda")
