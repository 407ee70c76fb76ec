"""The options of all commands that run a model."""

from collections.abc import Callable
from typing import Any

import click

Function = Callable[..., Any]

device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    help="Device to run on: auto, cpu, cuda (the first GPU), cuda:1, several as cuda:0,cuda:1, or "
    "cuda:all.",
)

tf32_option = click.option(
    "--tf32",
    is_flag=True,
    help="Multiply float32 in TF32 (ONNX Runtime on CUDA only): faster, with the precision of "
    "float16.",
)

_OPTIONS = (
    click.option(
        "--backend",
        default="auto",
        show_default=True,
        help="Backend to run the model: auto (the best available), onnxruntime, tensorrt, or "
        "tensorrt-rtx.",
    ),
    device_option,
    click.option(
        "--batch-size",
        type=click.IntRange(min=1),
        default=8,
        show_default=True,
        help="Images per batch; a larger batch needs more memory.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        help="Threads of the model.  [default: all cores]",
    ),
    tf32_option,
)


def model_options(function: Function) -> Function:
    """Add the options `backend`, `device`, `batch_size`, `threads` and `tf32` to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
