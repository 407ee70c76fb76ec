"""Options shared by several commands, and options made from the fields of a configuration."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from diad_export.verify.result import Limits

Function = Callable[..., Any]

_PATH = click.Path(path_type=Path)

_SOURCES = (
    click.option("--autoencoder", type=_PATH, help="Take the autoencoder from this file instead."),
    click.option(
        "--features", type=_PATH, help="Take the feature extractor from this file instead."
    ),
    click.option(
        "--context", type=_PATH, help="Take the empty prompt's context from this .npy file."
    ),
    click.option(
        "--extractor", help="The extractor's timm network, if its shapes do not identify it."
    ),
)

_LIMITS = {
    "stage_error": (click.FloatRange(min=0), "Largest relative error of any stage."),
    "map_correlation": (
        click.FloatRange(-1, 1),
        "Smallest correlation between the two maps of an image.",
    ),
    "score_difference": (
        click.FloatRange(min=0),
        "Largest difference between the two scores of an image, as a share of the threshold.",
    ),
    "flipped_share": (click.FloatRange(0, 1), "Share of images whose decision may flip."),
    "auroc_change": (click.FloatRange(0, 1), "Largest change of image or pixel AUROC."),
}
"""Field of `Limits` -> its range and help."""


def source_options(function: Function) -> Function:
    """Add the options for the files of a model's parts to a command."""
    return _with(function, _SOURCES)


def limit_options(function: Function) -> Function:
    """Add an option per field of `Limits` to a command, which receives them as `limits`."""
    defaults = Limits()

    @wraps(function)
    def command(*args: Any, **given: Any) -> Any:
        limits = Limits(**{name: given.pop(name) for name in _LIMITS})
        return function(*args, limits=limits, **given)

    return _with(
        command,
        (
            click.option(
                f"--{name.replace('_', '-')}",
                type=kind,
                default=getattr(defaults, name),
                show_default=True,
                help=text,
            )
            for name, (kind, text) in _LIMITS.items()
        ),
    )


def _with(function: Function, options: Any) -> Function:
    for option in reversed(tuple(options)):
        function = option(function)
    return function
