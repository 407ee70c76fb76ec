"""The PyTorch reference without guidance, eager: what the accuracy columns are held against."""

from benchmarks.ways.torch_device import find_device
from benchmarks.ways.torch_runner import TorchRunner, load_subject
from benchmarks.ways.way import Runner, Subject


def open_runner(subject: Subject) -> Runner:
    """See `benchmarks.ways.way.Way.open`."""
    return TorchRunner(load_subject(subject), subject, device=find_device(subject.device))
