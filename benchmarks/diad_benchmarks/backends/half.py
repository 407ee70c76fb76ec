"""The PyTorch reference without guidance in float16 on a GPU; distances and map in float32."""

from typing import Any

import torch

from diad_benchmarks.backends.backend import Runner, Subject
from diad_benchmarks.backends.torch_device import need_gpu


def open_runner(subject: Subject) -> Runner:
    """See `diad_benchmarks.backends.backend.Way.open`."""
    need_gpu(subject.device, "float16 in PyTorch")
    return open_half(subject, device="cuda")


def open_half(subject: Subject, *, device: str) -> Runner:
    """The runner on any device."""
    # only where there is a GPU: without one, the row says so seconds earlier
    from diad_benchmarks.backends.torch_runner import TorchRunner, load_subject

    model = load_subject(subject)
    model.features.register_forward_hook(_widen)
    return TorchRunner(model, subject, device=device, dtype=torch.float16)


def _widen(module: Any, inputs: Any, maps: list[torch.Tensor]) -> list[torch.Tensor]:
    # a cosine sums squares over channels: float16 would overflow, and SciPy's filter refuses it
    del module, inputs
    return [features.float() for features in maps]
