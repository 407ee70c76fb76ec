"""PyTorch in float16 in one CUDA graph a batch size: the fastest that one writes by hand.

It does the exported graphs' work (`lean_pass`), from static inputs, with pinned copies. Which
layout of the convolutions' weights pays is measured when it opens.
"""

from benchmarks.ways.torch_device import need_gpu
from benchmarks.ways.way import Runner, Subject


def open_runner(subject: Subject) -> Runner:
    """See `benchmarks.ways.way.Way.open`."""
    need_gpu(subject.device, "a CUDA graph")
    # only where there is a GPU: without one, the row says so seconds earlier
    from benchmarks.ways.recorded_pass import RecordedPass

    return RecordedPass(subject)
