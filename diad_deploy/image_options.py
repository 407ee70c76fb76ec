"""The options of every command that reads images."""

from collections.abc import Callable
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
        help="Read images up to this size; what memory it takes is said first.  [default: 178]",
    ),
)


def image_options(function: Function) -> Function:
    """Give a command `images`, the `ImageOptions` of its options."""

    @wraps(function)
    def command(
        *args: Any,
        bit_depth: str | None,
        white: float | None,
        max_megapixels: int | None,
        **given: Any,
    ) -> Any:
        from diad_deploy.images.options import image_options_of

        images = image_options_of(bit_depth=bit_depth, white=white, max_megapixels=max_megapixels)
        return function(*args, images=images, **given)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command
