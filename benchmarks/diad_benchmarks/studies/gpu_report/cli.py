"""The command behind `make gpu`."""

from pathlib import Path

import click


@click.command(name="gpu-report")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("gpu-report"),
    show_default=True,
    help="The folder; DIR.tar.gz holds the same. An earlier one is kept under another name.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=10,
    show_default=True,
    help="What the benchmark may take; the tests come on top.",
)
def command(output: Path, minutes: float) -> int:
    """Test and measure on the NVIDIA GPU at hand, and keep all of it in one folder.

    Ends with status 1 where a test failed or the benchmark did not end well, and with 2 and one
    line where the GPU cannot be used.

    Example: python -m diad_benchmarks.studies.gpu_report -o gpu-report --minutes 10
    """
    from diad_benchmarks.studies.gpu_report.run import make_report

    return 0 if make_report(output, minutes=minutes, tell=click.echo) else 1
