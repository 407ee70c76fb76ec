"""PyTorch backends: the published order of work, the reference, and faster variants.

Only `torch` is imported before the device is known, so that a missing GPU is reported at once.
"""

import shutil
from typing import Any

import torch

from diad_benchmarks.backends.backend import Runner, Subject
from diad_deploy.errors import BackendError

COMPILERS = ("g++", "clang++", "c++", "cl")


def open_published(subject: Subject) -> Runner:
    """The published order of work: eager, with both sides of guidance, and decoding twice."""
    return open_reference(subject, as_published=True)


def open_reference(subject: Subject, *, as_published: bool = False) -> Runner:
    """The reference without guidance, eager: accuracy is measured against it."""
    from diad_benchmarks.backends.torch_reference import TorchReference, load_subject

    device = find_device(subject.device)
    return TorchReference(load_subject(subject), subject, device=device, as_published=as_published)


def open_half_on_gpu(subject: Subject) -> Runner:
    """The reference in float16, with distances and maps in float32."""
    _need_gpu(subject.device, "float16 in PyTorch")
    return open_half(subject, device="cuda")


def open_half(subject: Subject, *, device: str) -> Runner:
    """The same on any device."""
    from diad_benchmarks.backends.torch_reference import TorchReference, load_subject

    model = load_subject(subject)
    model.features.register_forward_hook(_to_float32)
    return TorchReference(model, subject, device=device, dtype=torch.float16)


def open_recorded(subject: Subject) -> Runner:
    """The exported graphs' computation in float16, one CUDA graph per batch size."""
    _need_gpu(subject.device, "a CUDA graph")
    from diad_benchmarks.backends.recorded_pass import RecordedPass

    return RecordedPass(subject)


def open_compiled(subject: Subject) -> Runner:
    """The model through `torch.compile`, which compiles during the first run.

    On a GPU this is the exported graphs' computation in float16, one CUDA graph per batch size, as
    the mode "reduce-overhead" does per network; "max-autotune" would take many minutes to open. On
    the CPU it is the reference, with its networks in the default mode.
    """
    if find_device(subject.device) == "cuda":
        from diad_benchmarks.backends.recorded_pass import RecordedPass

        return RecordedPass(subject, compiled=True)
    if not any(map(shutil.which, COMPILERS)):
        raise BackendError(
            f"torch.compile needs a C++ compiler on the CPU, found none of {', '.join(COMPILERS)}; "
            f"install one"
        )
    from diad_benchmarks.backends.torch_reference import TorchReference, load_subject

    model = load_subject(subject)
    coder = model.autoencoder
    networks = (
        *(model.unet, model.semantic_guided, model.features),
        *(coder.encoder, coder.decoder),
    )
    for network in networks:
        network.compile()
    return TorchReference(model, subject, device="cpu", detail="torch.compile, default mode")


def find_device(requested: str) -> str:
    """`cpu` or `cuda`; `auto` is the GPU if PyTorch finds one.

    Raises:
        BackendError: `cuda` was requested and is not available.
    """
    available = torch.cuda.is_available()
    if requested == "cuda" and not available:
        raise BackendError(
            f"torch {torch.__version__} finds no GPU; install a CUDA build and NVIDIA's driver, "
            f"or use --device cpu"
        )
    return "cuda" if available and requested != "cpu" else "cpu"


def _need_gpu(requested: str, what: str) -> None:
    if find_device(requested) != "cuda":
        reason = "--device cpu excludes it" if requested == "cpu" else "PyTorch finds none"
        raise BackendError(f"{what} needs a GPU, and {reason}; run this on a machine with one")


def _to_float32(module: Any, inputs: Any, maps: list[torch.Tensor]) -> list[torch.Tensor]:
    # a cosine sums squares over channels: float16 would overflow, and SciPy's filter refuses it
    del module, inputs
    return [features.float() for features in maps]
