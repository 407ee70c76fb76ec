"""The options of all commands that read images."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import click

Function = Callable[..., Any]

_OPTIONS = (
    click.option(
        "--bit-depth",
        metavar="N|auto",
        help="Bits used by the camera in samples of more than 8 bits: 10, 12, 14 …, or auto for "
        "those of each file.  [default: as the thresholds were set, else auto]",
    ),
    click.option(
        "--white",
        type=float,
        metavar="VALUE",
        help="The white value, instead of --bit-depth: 255 for floating-point samples of 0 to 255.",
    ),
    click.option(
        "--max-megapixels",
        type=click.IntRange(min=1),
        help="Read images up to this size; prints the memory that they need.  [default: 179]",
    ),
)

strict_option = click.option(
    "--strict",
    is_flag=True,
    help="Before the model runs, exit with status 2 if a defective image has no mask, or one "
    "that cannot be used, marks nothing or the whole image, or has lossy compression (JPEG). The "
    "message names all of them. Masks that mark most of an image are only noted.",
)


def image_options(function: Function) -> Function:
    """Add the options to a command, which receives them as `reading`, an `ImageOptions`."""

    @wraps(function)
    def command(
        *args: Any,
        bit_depth: str | None,
        white: float | None,
        max_megapixels: int | None,
        **given: Any,
    ) -> Any:
        from diad_deploy.images.options import image_options_of

        reading = image_options_of(bit_depth=bit_depth, white=white, max_megapixels=max_megapixels)
        if max_megapixels is not None:
            _print_memory(reading.limit_px, given)
        return function(*args, reading=reading, **given)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _print_memory(limit_px: int, given: Mapping[str, Any]) -> None:
    from diad_deploy.images.formats.memory import memory_gib
    from diad_deploy.streaming.stream import WORKERS

    workers, batch_size = given.get("workers") or WORKERS, given.get("batch_size", 1)
    needed = memory_gib(limit_px, workers=workers, batch_size=batch_size)
    minimum = memory_gib(limit_px)
    click.echo(
        f"images of {limit_px / 1e6:.0f} megapixels need about {needed:.0f} GiB of memory with "
        f"{workers} workers and a batch size of {batch_size}; {minimum:.0f} GiB with 1 of each",
        err=True,
    )
