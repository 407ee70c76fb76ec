"""The published order of work in PyTorch: eager, guidance on both sides, decoded twice."""

from diad_benchmarks.backends.backend import Runner, Subject
from diad_benchmarks.backends.torch_device import find_device
from diad_benchmarks.backends.torch_runner import TorchRunner, load_subject


def open_runner(subject: Subject) -> Runner:
    """See `diad_benchmarks.backends.backend.Way.open`."""
    device = find_device(subject.device)
    return TorchRunner(load_subject(subject), subject, device=device, as_published=True)
