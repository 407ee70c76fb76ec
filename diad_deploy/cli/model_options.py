"""The options of every command that runs a model."""

from collections.abc import Callable
from typing import Any

import click

Function = Callable[..., Any]

device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    help="Where: auto, cpu, cuda (the first GPU), cuda:1, several as cuda:0,cuda:1, or cuda:all.",
)

tf32_option = click.option(
    "--tf32",
    is_flag=True,
    help="ONNX Runtime on CUDA: multiply float32 in TF32. Faster, and as exact as float16 is.",
)

_OPTIONS = (
    click.option(
        "--backend",
        default="auto",
        show_default=True,
        help="What runs the model: auto (the best there is), onnxruntime, tensorrt, tensorrt-rtx.",
    ),
    device_option,
    click.option(
        "--batch-size",
        type=click.IntRange(min=1),
        default=8,
        show_default=True,
        help="Images to run at once; more need more memory.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        help="Threads the model may use.  [default: all cores]",
    ),
    tf32_option,
)


def model_options(function: Function) -> Function:
    """Give a command `backend`, `device`, `batch_size`, `threads` and `tf32`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
