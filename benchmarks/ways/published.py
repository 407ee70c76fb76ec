"""The published order of work in PyTorch: eager, guidance on both sides, decoded twice."""

from benchmarks.ways.torch_device import find_device
from benchmarks.ways.torch_runner import TorchRunner, load_subject
from benchmarks.ways.way import Runner, Subject


def open_runner(subject: Subject) -> Runner:
    """See `benchmarks.ways.way.Way.open`."""
    device = find_device(subject.device)
    return TorchRunner(load_subject(subject), subject, device=device, as_published=True)
