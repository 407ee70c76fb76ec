"""The PyTorch model without guidance through `torch.compile`.

On a GPU the exported graphs' work in float16, recorded into one CUDA graph a batch size, which is
what its mode "reduce-overhead" does a network at a time; `max-autotune` would take many minutes to
open. On the CPU the reference, its networks in the default mode.
"""

import shutil

from diad_benchmarks.backends.backend import Runner, Subject
from diad_benchmarks.backends.torch_device import find_device
from diad_deploy.errors import BackendError

COMPILERS = ("g++", "clang++", "c++", "cl")


def open_runner(subject: Subject) -> Runner:
    """See `diad_benchmarks.backends.backend.Way.open`; compiling waits for the first run."""
    device = find_device(subject.device)
    if device == "cuda":
        from diad_benchmarks.backends.recorded_pass import RecordedPass

        return RecordedPass(subject, compiled=True)
    if not any(map(shutil.which, COMPILERS)):
        raise BackendError(
            f"torch.compile needs a C++ compiler on the CPU, found none of {', '.join(COMPILERS)}; "
            f"install one"
        )
    from diad_benchmarks.backends.torch_runner import TorchRunner, load_subject

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
