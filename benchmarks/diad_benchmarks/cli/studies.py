"""The commands of the studies. Each imports its study only when it runs."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diad_deploy.cli.extras import check_extras

if TYPE_CHECKING:
    from rich.table import Table

PATH = click.Path(path_type=Path)
MINUTES = click.FloatRange(min=0, min_open=True)
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")


@click.command()
@as_json_option
def ladder(as_json: bool) -> None:
    """Count the operations at the published size, from the published code to the graphs.

    Example: diad-benchmark ladder
    """
    check_extras("benchmarks", "export")
    from diad_benchmarks.studies.savings import count_published, rungs_table

    rungs = count_published()
    _print(as_json, {"rungs": [asdict(rung) for rung in rungs]}, rungs_table(rungs))


@click.command()
@click.option(
    "--checkpoint",
    type=PATH,
    help="A trained model  [default: random weights at the published size].",
)
@click.option("--bundle", type=PATH, help="Its bundle  [default: a temporary one is built].")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--count-only", is_flag=True, help="Only count operations, as `ladder` does.")
@as_json_option
@click.pass_context
def savings(
    context: click.Context,
    checkpoint: Path | None,
    bundle: Path | None,
    rounds: int,
    count_only: bool,
    as_json: bool,
) -> None:
    """Compare the times of the published code in PyTorch and the bundle on ONNX Runtime.

    At the published size this needs 15 GB of memory, 11 GB of disk space and ten minutes.

    Example: diad-benchmark savings --checkpoint model.ckpt --bundle bundle
    """
    if count_only:
        context.invoke(ladder, as_json=as_json)
        return
    check_extras("benchmarks", "export")
    from diad_benchmarks.studies.savings import measure_savings

    found = measure_savings(checkpoint, bundle, rounds=rounds, echo=echo)
    _print(as_json, found.as_json(), *found.tables())


@click.command()
@click.option(
    "--pictures",
    type=click.IntRange(min=0),
    default=20_000,
    show_default=True,
    help="Number of images for the stand-in.",
)
@click.option(
    "--demo-pictures",
    type=click.IntRange(min=0),
    default=500,
    show_default=True,
    help="Number of images for the built-in bundle.",
)
@click.option(
    "--fault-every",
    type=click.IntRange(min=2),
    default=100,
    show_default=True,
    help="One image in this number cannot be read.",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder for images and reports  [default: the system's temporary folder].",
)
@as_json_option
def soak(
    pictures: int, demo_pictures: int, fault_every: int, work: Path | None, as_json: bool
) -> None:
    """Inspect many images, check every row, and print the time and memory used.

    Small images run through a stand-in for the model, the demo's through the built-in bundle.
    Images and reports are written to a temporary folder below --work, which is removed at the end.

    Example: diad-benchmark soak --pictures 100000 --demo-pictures 0
    """
    check_extras("benchmarks")
    from diad_benchmarks.studies.soak import soak_all, soak_table

    counts = {"stand-in": pictures, "demo": demo_pictures}
    soaks = soak_all(counts, fault_every=fault_every, work=work)
    _print(as_json, [asdict(each) for each in soaks], soak_table(soaks))


@click.command(name="cuda-options")
@click.argument("bundle", type=PATH)
@click.option("--half-bundle", type=PATH, help="The same bundle in float16.")
@click.option("-o", "--output", type=PATH, required=True, help="JSON file for the results.")
@click.option(
    "--graph",
    "graphs",
    multiple=True,
    type=click.Choice(["encoder", "denoiser", "decoder", "scorer"]),
    default=("denoiser",),
    show_default=True,
)
@click.option(
    "--batch",
    "batches",
    multiple=True,
    type=click.IntRange(min=1),
    default=(1, 8),
    show_default=True,
)
@click.option("--minutes", type=MINUTES, help="Time limit of the run.")
def cuda_options(**given: Any) -> None:
    """Measure the options of ONNX Runtime's CUDA provider on the denoiser of BUNDLE.

    Example: diad-benchmark cuda-options bundle -o options.json
    """
    from diad_benchmarks.studies.cuda_options import study

    study(**given, echo=click.echo)


@click.command(name="evaluation-metrics")
@click.option("--size", "size_px", type=click.IntRange(min=16), default=256, show_default=True)
@as_json_option
def evaluation_metrics(size_px: int, as_json: bool) -> None:
    """Measure time and memory of all metrics on as many synthetic maps as MVTec-AD has images.

    Example: diad-benchmark evaluation-metrics --json
    """
    check_extras("benchmarks", "evaluate")
    from diad_benchmarks.studies.evaluation_metrics import MVTEC_AD_TEST, measure

    found = measure(MVTEC_AD_TEST, size_px)
    click.echo(json.dumps(asdict(found), indent=2) if as_json else str(found))


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("gpu-report"),
    show_default=True,
    help="Folder for the results, also packed as DIR.tar.gz. An existing folder is renamed.",
)
@click.option(
    "--minutes",
    type=MINUTES,
    default=10,
    show_default=True,
    help="Time limit of the benchmark, not including the tests.",
)
def gpu(output: Path, minutes: float) -> int:
    """Run the GPU tests and the benchmark on this machine's NVIDIA GPU.

    Needs a clone of the repository. The exit status is 1 if a test or the benchmark failed, and 2
    if the GPU cannot be used.

    Example: diad-benchmark gpu -o gpu-report --minutes 10
    """
    check_extras("benchmarks", "export")
    from diad_benchmarks.studies.gpu_report.run import make_report

    return 0 if make_report(output, minutes=minutes, echo=click.echo) else 1


STUDIES = (ladder, savings, soak, cuda_options, evaluation_metrics, gpu)


def echo(line: str) -> None:
    """Print a line of progress on standard error."""
    click.echo(line, err=True)


def _print(as_json: bool, record: Any, *tables: "Table") -> None:
    """Print the record as JSON, or the tables."""
    if as_json:
        click.echo(json.dumps(record, indent=2))
        return
    from rich.console import Console

    console = Console()
    for table in tables:
        console.print(table)
