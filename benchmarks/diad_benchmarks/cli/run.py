"""`diad-benchmark`: compare all backends on a DiAD model, and run the studies."""

import json
from pathlib import Path
from typing import Any

import click

from diad_benchmarks.cli.studies import MINUTES, PATH, STUDIES, echo
from diad_deploy import __version__
from diad_deploy.cli.console import run_command
from diad_deploy.cli.extras import check_extras
from diad_deploy.cli.log_options import log_options

EXAMPLES = """\b
Examples:
  diad-benchmark -o out
  diad-benchmark -o out --all
  diad-benchmark -o out --size full
  diad-benchmark -o out --minutes 10
  diad-benchmark -o out --checkpoint diad.ckpt --images photos
  diad-benchmark compare before/results.json after/results.json --limit 10%"""


class Percent(click.ParamType):  # type: ignore[type-arg]
    """`10%` or `0.1`."""

    name = "share"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The share as a number."""
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            self.fail(f"{value!r}: expected a share such as 10% or 0.1", param, ctx)
        if not 0 <= share < float("inf"):
            self.fail(f"{value!r}: expected 0% or more", param, ctx)
        return share


@click.group(name="diad-benchmark", invoke_without_command=True, epilog=EXAMPLES)
@click.option("-o", "--output", type=PATH, metavar="DIR", help="Folder for the results.")
@click.option(
    "--size",
    type=click.Choice(["demo", "full"]),
    help="The demo's model, or a stand-in of the published size  [default: demo, or the "
    "checkpoint's].",
)
@click.option("--checkpoint", type=PATH, help="Checkpoint of your own model.")
@click.option(
    "--bundle",
    type=PATH,
    help="Its bundle  [default: a temporary one is built]. Without a checkpoint, only the backends "
    "that run bundles are measured.",
)
@click.option(
    "--half-bundle",
    type=PATH,
    metavar="PATH",
    help="Its bundle in float16, for a GPU  [default: a temporary one is built if there is a GPU].",
)
@click.option("--images", type=PATH, help="Your own images  [default: the demo's].")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Include torch.compile, Winograd's convolutions, OpenVINO and sweeps.",
)
@click.option(
    "--way",
    "backends",
    multiple=True,
    metavar="NAME",
    help="Measure only this backend; can be repeated.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    help="Turns of each backend  [default: 10; 5 at full size; 3 long ones on a GPU].",
)
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(min=1),
    multiple=True,
    help="A batch size to measure; can be repeated  [default: 1, 2, 4, 8; 1, 2 at full size; 1 "
    "to 32 on a GPU].",
)
@click.option(
    "--pictures",
    "compared",
    type=click.IntRange(min=0),
    help="Number of images to compare with the reference  [default: 24; those of the rounds at "
    "full size; on a GPU 32, or 8 at full size].",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Device of the PyTorch backends.",
)
@click.option("--threads", type=click.IntRange(min=1), help="Number of CPU threads.")
@click.option(
    "--minutes",
    type=MINUTES,
    help="Time limit of the run, including the building of bundles. The most informative backends "
    "come first, and the rest is listed as left out.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option("--force", is_flag=True, help="Replace existing results.")
@click.version_option(__version__, prog_name="diad-benchmark")
@click.pass_context
@log_options
def command(
    context: click.Context, /, output: Path | None, as_json: bool, force: bool, **given: Any
) -> None:
    """Compare all backends on a DiAD model, and write the results to a folder.

    The folder contains results.json, results.csv and index.html, updated during the run, so that an
    interrupted run keeps its results. A backend that cannot run is listed with the reason. If there
    is a GPU, it is measured, unless --device is cpu. At full size, at most two models are in memory
    at once; the stand-in and its bundles need 11 GB of disk space during the run, 14 GB on a GPU,
    and 20 GB with --all.
    """
    if context.invoked_subcommand is not None:
        return
    if output is None:
        raise click.UsageError("-o is missing: name a folder for the results.")
    check_extras("benchmarks")
    from diad_benchmarks.benchmark import Request, run_benchmark
    from diad_benchmarks.cli.tables import print_results
    from diad_benchmarks.report.output import PAGE, keep_results
    from diad_benchmarks.report.results import to_json

    growing = run_benchmark(Request(**given), echo=echo)
    results = keep_results(growing, output, force=force, echo=echo)
    if as_json:
        click.echo(to_json(results), nl=False)
    else:
        print_results(results, output / PAGE)


@command.command()
@click.argument("before", type=PATH)
@click.argument("after", type=PATH)
@click.option(
    "--limit",
    type=Percent(),
    default="10%",
    show_default=True,
    help="How much worse a figure may become.",
)
@click.option(
    "--relative",
    is_flag=True,
    help="Divide times by those of the published order of work in the same results.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def compare(before: Path, after: Path, limit: float, relative: bool, as_json: bool) -> int:
    """Show what changed between two results.json, BEFORE and AFTER.

    The exit status is 1 if a figure became worse by more than the limit, and 2 if a file cannot be
    read.

    Example: diad-benchmark compare before/results.json after/results.json --limit 10%
    """
    check_extras("benchmarks")
    from dataclasses import asdict

    from diad_benchmarks.cli.tables import print_comparison
    from diad_benchmarks.report.compare import compare as compare_results
    from diad_benchmarks.report.results import read_results

    found = compare_results(
        read_results(before), read_results(after), limit=limit, relative=relative
    )
    if as_json:
        click.echo(json.dumps({**asdict(found), "passed": not found.beyond}, indent=2))
    else:
        print_comparison(found)
    return 1 if found.beyond else 0


for study in STUDIES:
    command.add_command(study)


def main() -> None:
    """Entry point of `diad-benchmark`."""
    run_command(command)
