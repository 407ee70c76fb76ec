"""The options of every command that reads images."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import click

Function = Callable[..., Any]

_OPTIONS = (
    click.option(
        "--bit-depth",
        metavar="N|auto",
        help="Bits that the camera uses of samples of more than 8: 10, 12, 14 …; auto takes each "
        "file's own.  [default: as the thresholds were set, else auto]",
    ),
    click.option(
        "--white",
        type=float,
        metavar="VALUE",
        help="The value that is white, in place of --bit-depth: 255 for floats of 0 to 255.",
    ),
    click.option(
        "--max-megapixels",
        type=click.IntRange(min=1),
        help="Read images up to this size; what memory it takes is said first.  [default: 179]",
    ),
)

strict_option = click.option(
    "--strict",
    is_flag=True,
    help="End with status 2 before anything runs where a defective image has no mask, or one "
    "that cannot be used, marks nothing or the whole image, or is stored with loss (JPEG). All "
    "are named. Masks that mark most of an image stay a note.",
)


def image_options(function: Function) -> Function:
    """Give a command `reading`, the `ImageOptions` of its options."""

    @wraps(function)
    def command(
        *args: Any,
        bit_depth: str | None,
        white: float | None,
        max_megapixels: int | None,
        **given: Any,
    ) -> Any:
        from diad_deploy.images.options import make_image_options

        reading = make_image_options(
            bit_depth=bit_depth, white=white, max_megapixels=max_megapixels
        )
        if max_megapixels is not None:
            _tell_memory(reading.limit_px, given)
        return function(*args, reading=reading, **given)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _tell_memory(limit_px: int, given: Mapping[str, Any]) -> None:
    from diad_deploy.images.formats.memory import memory_gib
    from diad_deploy.streaming.stream import WORKERS

    workers, batch_size = given.get("workers") or WORKERS, given.get("batch_size", 1)
    needed = memory_gib(limit_px, workers=workers, batch_size=batch_size)
    least = memory_gib(limit_px)
    click.echo(
        f"images of {limit_px / 1e6:.0f} megapixels need about {needed:.0f} GiB of memory with "
        f"{workers} workers and a batch size of {batch_size}; {least:.0f} GiB with 1 of each",
        err=True,
    )
