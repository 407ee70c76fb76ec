"""Every limit can be set."""

from dataclasses import fields, replace

import click
from click.testing import CliRunner

from diad_export.cli.options import limit_options
from diad_export.verify.result import Limits


def test_each_field_of_the_limits_has_an_option_with_its_default() -> None:
    seen: list[Limits] = []

    @click.command()
    @limit_options
    def command(*, limits: Limits) -> None:
        seen.append(limits)

    CliRunner().invoke(command, [], catch_exceptions=False)
    assert seen == [Limits()]
    for field in fields(Limits):
        CliRunner().invoke(command, [f"--{field.name.replace('_', '-')}", "0.5"])
        assert seen[-1] == replace(Limits(), **{field.name: 0.5})
