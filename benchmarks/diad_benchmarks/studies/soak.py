"""Long runs, with faults among the images, and what they cost."""

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from diad_benchmarks.studies.soak_images import demo_image, standin_image, write_images
from diad_benchmarks.studies.soak_model import StandinDetector
from diad_deploy import Detector
from diad_deploy.arrays import ImageArray
from diad_deploy.bundle.folder import builtin_bundle
from diad_deploy.cli.console import run_command
from diad_deploy.errors import DiadError
from diad_deploy.images.discover import find_images
from diad_deploy.inspection.inspect import InspectionOptions, inspect
from diad_deploy.inspection.summary import Progress
from diad_deploy.report import folder as layout
from diad_deploy.report.results import read_rows
from diad_deploy.thresholds.decide import Decider

FAULT_EVERY = 100
THRESHOLD = 0.3
"""Of the score: decisions and regions are part of the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """One long run, in a process of its own.

    Attributes:
        model: what ran.
        images, faulty: how many there were, and how many of them could not be read.
        early: after how many images `early_peak_bytes` was taken.
        early_peak_bytes, peak_bytes: most memory the process had until then, and in all.
        seconds: the whole run, with its page.
        pictures_per_second: over `seconds`.
        model_seconds: of them, in the model.
        report_bytes, page_bytes: all files of the report, and its page.
        resume_seconds: how long `--resume` took, which tries the faulty ones again.
        resume_peak_bytes: most memory it had.
    """

    model: str
    pictures: int
    faulty: int
    early: int
    early_peak_bytes: int
    peak_bytes: int
    seconds: float
    pictures_per_second: float
    model_seconds: float
    report_bytes: int
    page_bytes: int
    resume_seconds: float
    resume_peak_bytes: int


def soak(
    work: Path, model: str, count: int, draw: Callable[[int], ImageArray], *, fault_every: int
) -> Soak:
    """Draw `count` images into `work`, inspect them, check every row, and resume.

    Args:
        work: an empty folder.
        model: `stand-in`, or `demo` for the built-in bundle.
        count: of images.
        draw: the image of a number.
        fault_every: one image in so many cannot be read.

    Raises:
        DiadError: a row is missing, or says of an image what is not so.
    """
    faulty = write_images(work / "pictures", count, fault_every=fault_every, draw=draw)
    early = count // 10
    first = _in_own_process(work, model, early)
    _check_rows(work, count, faulty)
    files = [path for path in (work / "report").rglob("*") if path.is_file()]
    report_bytes = sum(path.stat().st_size for path in files)
    page_bytes = (work / "report" / layout.PAGE).stat().st_size
    again = _in_own_process(work, model, early)
    _check_rows(work, count, faulty)
    return Soak(
        model=model,
        pictures=count,
        faulty=len(faulty),
        early=early,
        early_peak_bytes=first["early_peak_bytes"],
        peak_bytes=first["peak_bytes"],
        seconds=first["seconds"],
        pictures_per_second=count / first["seconds"],
        model_seconds=first["model_seconds"],
        report_bytes=report_bytes,
        page_bytes=page_bytes,
        resume_seconds=again["seconds"],
        resume_peak_bytes=again["peak_bytes"],
    )


def _in_own_process(work: Path, model: str, early: int) -> dict[str, Any]:
    # started afresh: a fork would begin with this process's memory
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_run, work, model, early).result()


def _run(work: Path, model: str, early: int) -> dict[str, Any]:
    peaks: dict[int, int] = {}

    def look(now: Progress) -> None:
        if now.done == early:
            peaks[early] = _peak_bytes()

    options = InspectionOptions(
        bundle_name=model, existing="resume", decider=Decider(threshold=THRESHOLD)
    )
    opened = (
        nullcontext(StandinDetector())
        if model == "stand-in"
        else Detector.open(builtin_bundle(), thresholds=None)
    )
    with opened as detector:
        began = time.perf_counter()
        images = find_images([work / "pictures"])
        summary = inspect(images, detector, work / "report", options, progress=look)
        seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "model_seconds": summary.model_seconds,
        "early_peak_bytes": peaks.get(early, 0),
        # the kernel counts in batches: a later reading can be a little lower
        "peak_bytes": max(_peak_bytes(), *peaks.values(), 0),
    }


def _peak_bytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        # Linux counts in ru_maxrss what the process was before it became this program
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _check_rows(work: Path, count: int, faulty: set[str]) -> None:
    seen: list[str] = []
    wrong = []
    for row in read_rows(work / "report" / layout.RESULTS):
        seen.append(row.picture)
        failed = row.status == "failed"
        if failed != (row.picture in faulty) or (failed and not row.reason):
            wrong.append(row.picture)
    if seen != sorted(set(seen)) or len(seen) != count or wrong:
        raise DiadError(
            f"soak: expected {count} rows in order, {len(faulty)} of them failed; found "
            f"{len(seen)}, {len(wrong)} with the wrong status: {', '.join(wrong[:3]) or 'none'}"
        )


def soak_table(soaks: list[Soak]) -> Table:
    """The figures side by side."""
    table = Table(title="Long runs")
    table.add_column("")
    for each in soaks:
        table.add_column(each.model, justify="right")
    rows: list[tuple[str, Callable[[Soak], str]]] = [
        ("pictures, of them faulty", lambda s: f"{s.pictures:,}, {s.faulty:,}"),
        ("peak memory, first tenth", lambda s: f"{s.early_peak_bytes / 1e6:.0f} MB"),
        ("peak memory", lambda s: f"{s.peak_bytes / 1e6:.0f} MB"),
        ("time", lambda s: f"{s.seconds:.1f} s"),
        ("pictures/s", lambda s: f"{s.pictures_per_second:.1f}"),
        ("time in the model", lambda s: f"{s.model_seconds:.1f} s"),
        ("report", lambda s: f"{s.report_bytes / 1e6:.1f} MB"),
        ("its page", lambda s: f"{s.page_bytes / 1e6:.2f} MB"),
        ("resuming", lambda s: f"{s.resume_seconds:.1f} s"),
        ("peak memory of resuming", lambda s: f"{s.resume_peak_bytes / 1e6:.0f} MB"),
    ]
    for name, shown in rows:
        table.add_row(name, *map(shown, soaks))
    return table


@click.command(name="soak")
@click.option(
    "--pictures",
    type=click.IntRange(min=0),
    default=20_000,
    show_default=True,
    help="How many go through the stand-in.",
)
@click.option(
    "--demo-pictures",
    type=click.IntRange(min=0),
    default=500,
    show_default=True,
    help="How many go through the built-in bundle.",
)
@click.option(
    "--fault-every",
    type=click.IntRange(min=2),
    default=FAULT_EVERY,
    show_default=True,
    help="One image in so many cannot be read.",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Where images and reports lie meanwhile.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(
    images: int, demo_pictures: int, fault_every: int, work: Path | None, as_json: bool
) -> None:
    """Inspect very many images, check every row, and print what it cost.

    Small images go through a stand-in for the model, the demo's through the built-in bundle.
    They and the reports lie in a new folder below --work (the system's own for such) and are
    removed again.

    Example: python -m diad_benchmarks.studies.soak --pictures 100000 --demo-images 0
    """
    plan = (("stand-in", images, standin_image), ("demo", demo_pictures, demo_image))
    soaks = []
    for model, count, draw in plan:
        if count:
            with tempfile.TemporaryDirectory(prefix="soak-", dir=work) as folder:
                soaks.append(soak(Path(folder), model, count, draw, fault_every=fault_every))
    if as_json:
        click.echo(json.dumps([asdict(each) for each in soaks], indent=2))
    else:
        Console().print(soak_table(soaks))


if __name__ == "__main__":
    run_command(command)
