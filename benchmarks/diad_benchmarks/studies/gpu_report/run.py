"""Checks the GPU, runs the tests and the benchmark, and collects their results in a folder."""

import json
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from diad_benchmarks.measure.machine import describe_machine
from diad_benchmarks.studies.gpu_report.steps import run_step
from diad_deploy.backends.onnxruntime.gpu_check import check_gpu
from diad_deploy.errors import InputError, OutputError
from diad_deploy.files.atomic_file import replacing

ROOT = Path(__file__).parents[4]
NEEDS_BYTES = 4 * 2**30
"""Free GPU memory needed by the tests and the benchmark at the demo's size."""
TESTS_LIMIT_S = 900.0
SPARE_S = 300.0
"""Seconds after its time limit at which the benchmark is stopped."""

ABOUT, TESTS, JUNIT, BENCHMARK = "about.json", "tests.txt", "tests.xml", "benchmark.txt"
RESULTS = "benchmark"
PACKAGES = ("cuda", "nvidia", "onnx", "polygraphy", "tensorrt", "torch", "triton")
"""Prefixes of the packages whose versions are recorded."""


def make_report(destination: Path, *, minutes: float, echo: Callable[[str], None]) -> bool:
    """Run the tests and the benchmark, and return whether both succeeded.

    A failure does not stop later steps. The results so far are kept in `destination` and in the
    archive next to it, even if the run is interrupted.

    Raises:
        InputError: this is not a clone of the repository, which contains the tests.
        BackendError: the GPU cannot be used; nothing is written.
        OutputError: the folder cannot be written.
    """
    if not (ROOT / "tests").is_dir():
        raise InputError(
            f"{ROOT}: the tests are not there; run this in a clone of the repository, with make gpu"
        )
    driver = check_gpu(needs_bytes=NEEDS_BYTES)
    for card in driver.cards:
        free, whole = card.free_bytes / 2**30, card.memory_bytes / 2**30
        echo(f"{card.name}, {free:.1f} GiB free of {whole:.1f}")
    folder = destination.resolve()
    try:
        _keep_earlier(folder)
        folder.mkdir(parents=True)
        try:
            return _fill(folder, asdict(driver), minutes, echo)
        finally:
            echo(f"all results: {destination} and {_pack(folder)}")
    except OSError as error:
        raise OutputError(
            f"{destination}: cannot be written: {error.strerror or error}; free some "
            f"space, change the permissions, or choose another folder with -o"
        ) from error


def _fill(
    folder: Path, driver: dict[str, Any], minutes: float, echo: Callable[[str], None]
) -> bool:
    record: dict[str, Any] = {**about(driver), "minutes": minutes}
    _write(folder, record)
    steps = {
        "tests": (_tests_command(folder), TESTS, TESTS_LIMIT_S),
        "benchmark": (_benchmark_command(folder, minutes), BENCHMARK, 60 * minutes + SPARE_S),
    }
    for name, (command, output, limit_s) in steps.items():
        status = run_step(command, folder / output, folder=ROOT, limit_s=limit_s, echo=echo)
        counts = count_tests(folder / JUNIT) if name == "tests" else {}
        record[name] = {"status": status, **counts}
        _write(folder, record)
    for name, (_, output, _) in steps.items():
        facts = ", ".join(f"{fact} {value}" for fact, value in record[name].items())
        echo(f"{name}: {facts} ({folder / output})")
    return all(record[name]["status"] == 0 for name in steps)


def about(driver: dict[str, Any]) -> dict[str, Any]:
    """Card, driver, machine, versions and commit, as JSON values."""
    machine = asdict(describe_machine())
    found = {str(package.metadata["Name"]): package.version for package in distributions()}
    machine["versions"] |= {
        name: found[name] for name in sorted(found) if name.lower().startswith(PACKAGES)
    }
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "changed_files": (_git("status", "--porcelain") or "").splitlines(),
        "driver": driver,
        "machine": machine,
    }


def _git(*words: str) -> str | None:
    """The output of git; None without git or a repository."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.rstrip() if done.returncode == 0 else None


def _tests_command(folder: Path) -> list[str]:
    """Pytest on the files with GPU tests: others may import packages that are not installed."""
    files = sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if "pytest.mark.gpu" in path.read_text(encoding="utf-8")
    )
    words = ["-m", "pytest", "-m", "gpu", "-v", "--durations=10", f"--junitxml={folder / JUNIT}"]
    # warnings of other releases of the libraries are not tested here
    words += ["-W", "default"]
    return [sys.executable, *words, *files]


def _benchmark_command(folder: Path, minutes: float) -> list[str]:
    return [
        *(sys.executable, "-m", "diad_benchmarks", "-o", str(folder / RESULTS)),
        *("--minutes", f"{minutes:g}"),
    ]


def count_tests(junit: Path) -> dict[str, int]:
    """Number of tests, failures, errors and skips; empty if pytest ended before writing them."""
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
    """Write the folder to `FOLDER.tar.gz`, atomically."""
    archive = folder.with_name(f"{folder.name}.tar.gz")
    with replacing(archive) as partial, tarfile.open(partial, "w:gz") as tar:
        tar.add(folder, arcname=folder.name)
    return archive
