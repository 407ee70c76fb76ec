"""ONNX Runtime on the CPU, as `diad-run` runs it."""

from diad_benchmarks.backends.backend import Runner, Subject
from diad_benchmarks.backends.bundle_runner import BundleRunner


def open_runner(subject: Subject) -> Runner:
    """See `diad_benchmarks.backends.backend.Way.open`."""
    return BundleRunner(subject, backend="onnxruntime", device="cpu")
