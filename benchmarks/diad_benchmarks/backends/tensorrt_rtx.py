"""TensorRT-RTX: the pipeline recorded into one CUDA graph a batch size."""

from diad_benchmarks.backends.backend import Runner, Subject
from diad_benchmarks.backends.bundle_runner import BundleRunner, with_engines


def open_runner(subject: Subject) -> Runner:
    """See `diad_benchmarks.backends.backend.Way.open`."""
    return BundleRunner(
        with_engines(subject, "tensorrt-rtx"), backend="tensorrt-rtx", device="cuda"
    )
