"""ONNX Runtime on CUDA in float16: CUDA graphs, values bound on the GPU."""

from diad_benchmarks.backends.backend import Runner, Subject
from diad_benchmarks.backends.bundle_runner import BundleRunner, in_half


def open_runner(subject: Subject) -> Runner:
    """See `diad_benchmarks.backends.backend.Way.open`."""
    return BundleRunner(in_half(subject), backend="onnxruntime", device="cuda")
