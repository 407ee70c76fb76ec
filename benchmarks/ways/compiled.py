"""The PyTorch reference without guidance, its networks through `torch.compile`."""

import shutil

from benchmarks.ways.torch_device import find_device
from benchmarks.ways.torch_runner import TorchRunner, load_subject
from benchmarks.ways.way import Runner, Subject
from diad_deploy.errors import BackendError

COMPILERS = ("g++", "clang++", "c++", "cl")


def open_runner(subject: Subject) -> Runner:
    """See `benchmarks.ways.way.Way.open`; compiling waits for the first run."""
    device = find_device(subject.device)
    if device == "cpu" and not any(map(shutil.which, COMPILERS)):
        raise BackendError(
            f"torch.compile needs a C++ compiler on the CPU, found none of {', '.join(COMPILERS)}; "
            f"install one"
        )
    model = load_subject(subject)
    networks = (
        model.unet,
        model.semantic_guided,
        model.autoencoder.encoder,
        model.autoencoder.decoder,
        model.features,
    )
    for network in networks:
        network.compile()
    return TorchRunner(model, subject, device=device, detail="torch.compile, default mode")
