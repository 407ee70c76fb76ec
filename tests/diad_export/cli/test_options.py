"""Every limit can be set."""

from dataclasses import asdict, fields

import click
from click.testing import CliRunner

from diad_export.cli.options import limit_options
from diad_export.verify.result import Limits


def test_each_field_of_the_limits_has_an_option_with_its_default() -> None:
    seen: dict[str, float] = {}

    @click.command()
    @limit_options
    def command(**given: float) -> None:
        seen.update(given)

    CliRunner().invoke(command, [], catch_exceptions=False)
    assert seen == asdict(Limits())
    for field in fields(Limits):
        CliRunner().invoke(command, [f"--{field.name.replace('_', '-')}", "0.5"])
        assert seen[field.name] == 0.5
