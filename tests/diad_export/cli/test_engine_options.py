"""The command-line options for engines."""

import click
import pytest
from click.testing import CliRunner

from diad_deploy.bundle.engine_spec import BatchProfile
from diad_deploy.errors import OptionError
from diad_export.cli.engine_options import engine_options
from diad_export.engines.options import EngineOptions


def parse(*arguments: str) -> EngineOptions | None:
    found: list[EngineOptions | None] = []

    @click.command()
    @engine_options(required=False)
    def command(engines: EngineOptions | None) -> None:
        found.append(engines)

    CliRunner().invoke(command, arguments, catch_exceptions=False)
    return found[0]


def test_all_options_become_one_object() -> None:
    assert parse() is None
    rtx = parse("--target", "tensorrt-rtx", *("--compute-capability", "8.6") * 1)
    assert rtx == EngineOptions(target="tensorrt-rtx", compute_capabilities=("8.6",))
    words = "--target tensorrt --batch 1 4 16 --workspace 512 --optimization-level 5"
    more = "--aux-streams 2 --timing-cache times.bin --no-memory-check"
    assert parse(*words.split(), *more.split()) == EngineOptions(
        target="tensorrt",
        profile=BatchProfile(smallest=1, tuned=4, largest=16),
        workspace_mib=512,
        optimization_level=5,
        aux_streams=2,
        timing_cache="times.bin",
        memory_check=False,
    )


def test_engine_options_without_a_target_are_rejected() -> None:
    with pytest.raises(OptionError, match="--compute-capability, --batch: needs --target"):
        parse("--compute-capability", "8.9", "--batch", "1", "2", "3")


def test_a_capability_is_a_number_with_a_point() -> None:
    with pytest.raises(OptionError, match=r"sm89: expected a number such as 8\.9"):
        parse("--target", "tensorrt-rtx", "--compute-capability", "sm89")
