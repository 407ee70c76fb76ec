"""The check, the tests, the benchmark, and the folder that holds what came of them."""

import json
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diad_benchmarks.studies.gpu_report.about import about
from diad_benchmarks.studies.gpu_report.steps import run_step
from diad_deploy.backends import NvidiaDriver
from diad_deploy.backends.onnxruntime.gpu_check import check_gpu
from diad_deploy.errors import OutputError
from diad_deploy.files.atomic_file import replacing

ROOT = Path(__file__).parents[4]
NEEDS_BYTES = 4 * 2**30
"""Free memory that the tests and the demo-size benchmark are given."""
TESTS_LIMIT_S = 900.0
SPARE_S = 300.0
"""What the benchmark may take beyond its minutes before it is ended."""

ABOUT, TESTS, JUNIT, BENCHMARK = "about.json", "tests.txt", "tests.xml", "benchmark.txt"
RESULTS = "benchmark"


def make_report(destination: Path, *, minutes: float, tell: Callable[[str], None]) -> bool:
    """Test and measure; whether all went well.

    What fails does not stop what follows, and what there is when it ends, or is interrupted, is
    kept in `destination` and in the archive beside it.

    Raises:
        BackendError: the GPU cannot be used; nothing is written.
        OutputError: the folder cannot be written.
    """
    driver = check_gpu(needs_bytes=NEEDS_BYTES)
    for card in driver.cards:
        free, whole = card.free_bytes / 2**30, card.memory_bytes / 2**30
        tell(f"{card.name}, {free:.1f} GiB free of {whole:.1f}")
    folder = destination.resolve()
    try:
        _keep_earlier(folder)
        folder.mkdir(parents=True)
        try:
            return _fill(folder, driver, minutes, tell)
        finally:
            tell(f"all of it: {destination} and {_pack(folder)}")
    except OSError as error:
        raise OutputError(
            f"{destination}: cannot be written: {error.strerror or error}; free the space or "
            f"rights, or take another folder with -o"
        ) from error


def _fill(folder: Path, driver: NvidiaDriver, minutes: float, tell: Callable[[str], None]) -> bool:
    record: dict[str, Any] = {**about(driver, ROOT), "minutes": minutes}
    _write(folder, record)
    record["tests"] = {
        "status": run_step(
            _tests_command(folder), folder / TESTS, folder=ROOT, limit_s=TESTS_LIMIT_S, tell=tell
        ),
        **count_tests(folder / JUNIT),
    }
    _write(folder, record)
    record["benchmark"] = {
        "status": run_step(
            _benchmark_command(folder, minutes),
            folder / BENCHMARK,
            folder=ROOT,
            limit_s=60 * minutes + SPARE_S,
            tell=tell,
        )
    }
    _write(folder, record)
    for name, kept in (("tests", TESTS), ("benchmark", BENCHMARK)):
        facts = ", ".join(f"{fact} {value}" for fact, value in record[name].items())
        tell(f"{name}: {facts} ({folder / kept})")
    return all(record[name]["status"] == 0 for name in ("tests", "benchmark"))


def _tests_command(folder: Path) -> list[str]:
    """Pytest on the files that hold tests for a GPU: others may import what is not installed."""
    files = sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if "pytest.mark.gpu" in path.read_text(encoding="utf-8")
    )
    words = ["-m", "pytest", "-m", "gpu", "-v", "--durations=10", f"--junitxml={folder / JUNIT}"]
    # what other releases of libraries warn of is none of these tests' business
    words += ["-W", "default"]
    return [sys.executable, *words, *files]


def _benchmark_command(folder: Path, minutes: float) -> list[str]:
    return [
        *(sys.executable, "-m", "diad_benchmarks", "-o", str(folder / RESULTS)),
        *("--minutes", f"{minutes:g}"),
    ]


def count_tests(junit: Path) -> dict[str, int]:
    """Tests, failures, errors and skipped ones; empty where pytest ended before it wrote them."""
    try:
        suite = ElementTree.parse(junit).getroot().find("testsuite")
    except (OSError, ElementTree.ParseError):
        return {}
    if suite is None:
        return {}
    return {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}


def _write(folder: Path, record: dict[str, Any]) -> None:
    (folder / ABOUT).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _keep_earlier(folder: Path) -> None:
    if folder.exists():
        made = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
        folder.rename(folder.with_name(f"{folder.name}-{made:%Y%m%d-%H%M%S}"))


def _pack(folder: Path) -> Path:
    """The folder as `FOLDER.tar.gz`, whole or not at all."""
    archive = folder.with_name(f"{folder.name}.tar.gz")
    with replacing(archive) as partial, tarfile.open(partial, "w:gz") as tar:
        tar.add(folder, arcname=folder.name)
    return archive
