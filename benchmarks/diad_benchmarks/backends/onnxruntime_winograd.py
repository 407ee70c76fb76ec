"""ONNX Runtime on the CPU, on a bundle whose convolutions are rewritten for processors."""

from dataclasses import replace

from diad_benchmarks.backends.backend import Runner, Subject
from diad_benchmarks.backends.bundle_runner import BundleRunner
from diad_deploy.errors import OptionError


def open_runner(subject: Subject) -> Runner:
    """See `diad_benchmarks.backends.backend.Way.open`."""
    if subject.winograd_bundle is None:
        raise OptionError("no bundle with --convolutions winograd was built for this run")
    rewritten = replace(subject, bundle=subject.winograd_bundle)
    return BundleRunner(rewritten, backend="onnxruntime", device="cpu")
