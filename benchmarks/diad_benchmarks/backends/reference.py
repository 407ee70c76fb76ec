"""The PyTorch reference without guidance, eager: what the accuracy columns are held against."""

from diad_benchmarks.backends.backend import Runner, Subject
from diad_benchmarks.backends.torch_device import find_device
from diad_benchmarks.backends.torch_runner import TorchRunner, load_subject


def open_runner(subject: Subject) -> Runner:
    """See `diad_benchmarks.backends.backend.Way.open`."""
    return TorchRunner(load_subject(subject), subject, device=find_device(subject.device))
