"""Runs of a fake detector over a folder, and what they wrote."""

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

from diad_deploy.images.discover import find_images
from diad_deploy.inspection.inspect import InspectionOptions, inspect
from diad_deploy.inspection.summary import Progress, Summary
from diad_deploy.report.results import ResultRow, read_rows
from tests.diad_deploy.fake_detector import FakeDetector

ROOT = Path(__file__).parents[3]

RESUME = InspectionOptions(existing="resume")


def rows(out: Path) -> list[ResultRow]:
    return list(read_rows(out / "results.jsonl"))


def files(out: Path) -> dict[str, bytes]:
    """All files of a report; the page without its seconds and speed."""
    found = {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }
    timed = rb"<dt>(Time|Images per second)</dt><dd>[^<]*</dd>"
    found["report.html"] = re.sub(timed, b"", found["report.html"])
    return found


def run(
    parts: Path,
    out: Path,
    options: InspectionOptions | None = None,
    detector: FakeDetector | None = None,
    progress: Callable[[Progress], None] = lambda now: None,
) -> Summary:
    return inspect(
        find_images([parts]),
        detector or FakeDetector(),
        out,
        options or InspectionOptions(),
        progress=progress,
    )


class Stop(Exception):
    """Ends a run as nothing in the run expects."""


def stop_at(batch: int, error: BaseException) -> Callable[[int], None]:
    def before(number: int) -> None:
        if number == batch:
            raise error

    return before


def empty(path: Path) -> None:
    path.write_bytes(b"")


def gone(path: Path) -> None:
    # one step, also while other threads write there
    path.rename(path.with_name("gone"))


def as_file(path: Path) -> None:
    gone(path)
    path.write_text("a file")


def made_anew(path: Path) -> None:
    gone(path)
    path.mkdir()


def after(done: int, change: Callable[[], object]) -> Callable[[Progress], None]:
    """Calls a function once this number of rows is finished."""

    def report(now: Progress) -> None:
        if now.done == done:
            change()

    return report


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
