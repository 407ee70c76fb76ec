"""`python -m diad_benchmarks`: every way to run a DiAD model, side by side."""

import json
from pathlib import Path
from typing import Any

import click

PATH = click.Path(path_type=Path)
EXAMPLES = """\b
Examples:
  python -m diad_benchmarks -o out
  python -m diad_benchmarks -o out --all
  python -m diad_benchmarks -o out --size full
  python -m diad_benchmarks -o out --minutes 10
  python -m diad_benchmarks -o out --checkpoint diad.ckpt --images photos
  python -m diad_benchmarks compare before/results.json after/results.json --limit 10%"""


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
@click.option("-o", "--output", type=PATH, metavar="DIR", help="Where the results go.")
@click.option(
    "--size",
    type=click.Choice(["demo", "full"]),
    help="The demo's model, or a stand-in of the published size  [default: demo, or what the "
    "checkpoint is].",
)
@click.option("--checkpoint", type=PATH, help="Your own model.")
@click.option("--bundle", type=PATH, help="Its bundle [default: one is built and thrown away].")
@click.option(
    "--half-bundle",
    type=PATH,
    metavar="PATH",
    help="The same in float16, for a GPU's rows  [default: one is built where there is a GPU].",
)
@click.option("--images", type=PATH, help="Your own images [default: the demo's, drawn].")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="torch.compile, Winograd's convolutions, OpenVINO and sweeps, too.",
)
@click.option("--way", "ways", multiple=True, metavar="NAME", help="This row alone; repeatable.")
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    help="Turns of each row [default: 10; full size 5; 3 long ones on a GPU].",
)
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(min=1),
    multiple=True,
    help="A batch size to measure; repeatable  [default: 1, 2, 4, 8; full size 1, 2; on a GPU 1 to "
    "32].",
)
@click.option(
    "--pictures",
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
    type=click.FloatRange(min=0, min_open=True),
    help="End by then, bundles built and all: the most telling rows first, and what does not fit "
    "is left out and says so.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option("--force", is_flag=True, help="Replace results that are there already.")
@click.pass_context
def command(
    context: click.Context, /, output: Path | None, as_json: bool, force: bool, **given: Any
) -> None:
    """Measure every way to run a DiAD model, in turns, and write a page.

    DIR then holds results.json, results.csv and index.html, written as figures come: a run that is
    stopped leaves what it has measured. What cannot run here is a row that says why. Where there is
    a GPU, the run is about it, unless --device cpu says otherwise. At full size, no more than two
    models are in memory at once; stand-in weights and their bundle take 11 GB of disk while it
    runs, 14 GB on a GPU, and 20 GB with --all.
    """
    if context.invoked_subcommand is not None:
        return
    if output is None:
        raise click.UsageError("-o is missing: name a folder for the results.")
    from diad_benchmarks.benchmark import Request, run_benchmark
    from diad_benchmarks.cli.tables import cost_table, reasons, speed_table
    from diad_benchmarks.report.output import keep_results
    from diad_benchmarks.report.results import to_json

    growing = run_benchmark(Request(**given), tell=_tell)
    results = keep_results(growing, output, force=force, tell=_tell)
    if as_json:
        click.echo(to_json(results), nl=False)
        return
    from rich.console import Console

    console = Console(highlight=False)
    console.print(speed_table(results))
    console.print(cost_table(results))
    for line in reasons(results):
        console.print(line, soft_wrap=True, markup=False)
    console.print(f"page: {output / 'index.html'}", soft_wrap=True, markup=False)


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
    help="Times as multiples of the published order of work in the same record.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything, as JSON.")
def compare(before: Path, after: Path, limit: float, relative: bool, as_json: bool) -> int:
    """Show what changed from BEFORE to AFTER, two results.json.

    Ends with status 1 where anything became worse by more than the limit, with 2 where they cannot
    be read.

    Example: python -m diad_benchmarks compare before/results.json after/results.json --limit 10%
    """
    from dataclasses import asdict

    from diad_benchmarks.report.compare import compare as compare_results
    from diad_benchmarks.report.results import read_results

    found = compare_results(
        read_results(before), read_results(after), limit=limit, relative=relative
    )
    if as_json:
        click.echo(json.dumps({**asdict(found), "passed": not found.beyond}, indent=2))
        return 1 if found.beyond else 0
    from rich.console import Console

    from diad_benchmarks.cli.tables import comparison_table

    console = Console(highlight=False, soft_wrap=True)
    console.print(comparison_table(found))
    for caution in found.cautions:
        console.print(f"note: {caution}", markup=False)
    console.print("nothing beyond the limit" if not found.beyond else f"{len(found.beyond)} beyond")
    return 1 if found.beyond else 0


def _tell(line: str) -> None:
    click.echo(line, err=True)
