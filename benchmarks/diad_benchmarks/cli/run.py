"""`diad-benchmark`: every backend for a DiAD model, side by side, and the studies."""

import json
from pathlib import Path
from typing import Any

import click

from diad_benchmarks.cli.studies import MINUTES, PATH, STUDIES, echo
from diad_deploy import __version__
from diad_deploy.cli.console import run_command
from diad_deploy.cli.extras import check_extras

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
@click.option("-o", "--output", type=PATH, metavar="DIR", help="The folder for the results.")
@click.option(
    "--size",
    type=click.Choice(["demo", "full"]),
    help="The demo's model, or a stand-in of the published size  [default: demo, or the "
    "checkpoint's].",
)
@click.option("--checkpoint", type=PATH, help="Your own model.")
@click.option(
    "--bundle",
    type=PATH,
    help="Its bundle  [default: a temporary one is built]. Without the checkpoint, only what runs "
    "bundles is measured.",
)
@click.option(
    "--half-bundle",
    type=PATH,
    metavar="PATH",
    help="The same in float16, for a GPU  [default: a temporary one is built if there is a GPU].",
)
@click.option("--images", type=PATH, help="Your own images  [default: the demo's].")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Include torch.compile, Winograd's convolutions, OpenVINO and sweeps.",
)
@click.option(
    "--way", "backends", multiple=True, metavar="NAME", help="Only this backend; can be repeated."
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    help="Turns of each backend  [default: 10; full size 5; 3 long ones on a GPU].",
)
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(min=1),
    multiple=True,
    help="A batch size to measure; can be repeated  [default: 1, 2, 4, 8; full size 1, 2; on a "
    "GPU 1 to 32].",
)
@click.option(
    "--pictures",
    "compared",
    type=click.IntRange(min=0),
    help="Images to compare with the reference  [default: 24; full size those of the rounds; "
    "on a GPU 32 and 8].",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Of PyTorch.",
)
@click.option("--threads", type=click.IntRange(min=1), help="Threads on the CPU.")
@click.option(
    "--minutes",
    type=MINUTES,
    help="End by then, building bundles included: the most informative backends come first, and "
    "what does not fit is left out, with the reason.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option("--force", is_flag=True, help="Replace earlier results.")
@click.version_option(__version__, prog_name="diad-benchmark")
@click.pass_context
def command(
    context: click.Context, /, output: Path | None, as_json: bool, force: bool, **given: Any
) -> None:
    """Measure every backend for a DiAD model, in turns, and write a page.

    DIR then holds results.json, results.csv and index.html, which grow while it runs: a run that
    is stopped keeps its figures. A backend that cannot run here is a row with the reason. If there
    is a GPU, the run is about it, unless --device is cpu. At full size, at most two models are in
    memory at once; the stand-in and its bundles need 11 GB of disk meanwhile, 14 GB on a GPU, and
    20 GB with --all.
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
    help="By how much a figure may become worse.",
)
@click.option(
    "--relative",
    is_flag=True,
    help="Divide times by those of the published order of work in the same results.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def compare(before: Path, after: Path, limit: float, relative: bool, as_json: bool) -> int:
    """Show what changed from BEFORE to AFTER, two results.json.

    Ends with status 1 if anything became worse by more than the limit, with 2 if they cannot be
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
