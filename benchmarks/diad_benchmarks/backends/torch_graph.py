"""PyTorch in float16 in one CUDA graph a batch size: the fastest that one writes by hand.

It does the exported graphs' work (`lean_pass`), from static inputs, with pinned copies. Which
layout of the convolutions' weights pays is measured when it opens.
"""

from diad_benchmarks.backends.backend import Runner, Subject
from diad_benchmarks.backends.torch_device import need_gpu


def open_runner(subject: Subject) -> Runner:
    """See `diad_benchmarks.backends.backend.Way.open`."""
    need_gpu(subject.device, "a CUDA graph")
    # only where there is a GPU: without one, the row says so seconds earlier
    from diad_benchmarks.backends.recorded_pass import RecordedPass

    return RecordedPass(subject)
