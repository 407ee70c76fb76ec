"""Command-line options for building engines, collected in one object."""

import functools
import re
from collections.abc import Callable
from typing import Any

import click

from diad_deploy.bundle.engine_spec import BatchProfile
from diad_deploy.errors import OptionError
from diad_export.engines.options import DEFAULT_PROFILE, EngineOptions, check_options

Function = Callable[..., Any]

_OPTIONS = (
    click.option(
        "--compute-capability",
        "compute_capabilities",
        multiple=True,
        metavar="X.Y",
        help="Compute capability of a GPU, such as 8.9, for tensorrt-rtx; can be repeated.",
    ),
    click.option(
        "--batch",
        type=(int, int, int),
        metavar="MIN OPT MAX",
        help="Batch sizes: smallest, optimal and largest [default: 1 1 8].",
    ),
    click.option(
        "--workspace", "workspace_mib", type=int, help="Limit of an engine's working memory in MiB."
    ),
    click.option(
        "--optimization-level",
        type=int,
        help="0 (fast build) to 5 (fast engine) [default: TensorRT's].",
    ),
    click.option(
        "--aux-streams", type=int, help="Streams besides the main one [default: TensorRT's choice]."
    ),
    click.option(
        "--timing-cache",
        metavar="FILE",
        help="Read and write measured kernel times in this file; for tensorrt.",
    ),
    click.option("--no-memory-check", is_flag=True, help="Build even if memory seems too small."),
)


def engine_options(*, required: bool) -> Callable[[Function], Function]:
    """Add the options to a command, which receives them as `engines`, an `EngineOptions`.

    If `required` is false and no `--target` is given, `engines` is None.
    """
    target = click.option(
        "--target",
        type=click.Choice(["tensorrt", "tensorrt-rtx"]),
        required=required,
        help="Build engines for this machine's GPU (tensorrt), or for RTX GPUs of any machine.",
    )

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def wrapped(*args: Any, **given: Any) -> Any:
            names = ("target", *_NAMES)
            return function(
                *args,
                engines=gather({name: given.pop(name) for name in names}),
                **given,
            )

        command: Function = wrapped
        for option in reversed((target, *_OPTIONS)):
            command = option(command)
        return command

    return decorate


_NAMES = (
    "compute_capabilities",
    "batch",
    "workspace_mib",
    "optimization_level",
    "aux_streams",
    "timing_cache",
    "no_memory_check",
)


def gather(given: dict[str, Any]) -> EngineOptions | None:
    """The options as one checked object; None without a target.

    Raises:
        OptionError: an option needs `--target`, or a value is not valid.
    """
    if given["target"] is None:
        given_names = [name for name in _NAMES if given[name] not in (None, (), False)]
        if given_names:
            words = ", ".join(
                f"--{_WORDS.get(name, name.replace('_', '-'))}" for name in given_names
            )
            raise OptionError(f"{words}: needs --target; add it, or leave this out")
        return None
    malformed = [c for c in given["compute_capabilities"] if not re.fullmatch(r"\d+\.\d", c)]
    if malformed:
        raise OptionError(
            f"--compute-capability {', '.join(malformed)}: expected a number such as 8.9"
        )
    batch = given["batch"]
    profile = BatchProfile(smallest=batch[0], tuned=batch[1], largest=batch[2]) if batch else None
    options = EngineOptions(
        target=given["target"],
        compute_capabilities=given["compute_capabilities"],
        profile=profile or DEFAULT_PROFILE,
        workspace_mib=given["workspace_mib"],
        optimization_level=given["optimization_level"],
        aux_streams=given["aux_streams"],
        timing_cache=given["timing_cache"],
        memory_check=not given["no_memory_check"],
    )
    check_options(options)
    return options


_WORDS = {"compute_capabilities": "compute-capability", "workspace_mib": "workspace"}
