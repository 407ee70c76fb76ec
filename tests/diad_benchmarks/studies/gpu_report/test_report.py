"""The folder is kept after every failure, and the exit status reports it."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from diad_benchmarks.cli.studies import gpu
from diad_benchmarks.studies.gpu_report import run
from diad_benchmarks.studies.gpu_report.steps import run_step
from diad_deploy.backends import Card, NvidiaDriver

ROOT = Path(__file__).parents[4]
CARD = Card(
    index=0,
    name="NVIDIA L4",
    compute_capability=(8, 9),
    memory_bytes=22 * 2**30,
    free_bytes=20 * 2**30,
)
TESTED = """
from pathlib import Path
import sys
Path(sys.argv[1]).write_text(
    '<testsuites><testsuite tests="7" failures="1" errors="0" skipped="2"/></testsuites>'
)
print("1 failed")
sys.exit(1)
"""
MEASURED = """
from pathlib import Path
import sys
folder = Path(sys.argv[1])
folder.mkdir()
(folder / "results.json").write_text(sys.argv[2])
print("measured")
"""


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that can be used, a test that fails, and a benchmark that ends well."""
    driver = NvidiaDriver(cuda=(13, 0), cards=(CARD,))
    monkeypatch.setattr(run, "check_gpu", lambda needs_bytes: driver)
    on_steps(monkeypatch, tests=TESTED, benchmark=MEASURED)


def on_steps(monkeypatch: pytest.MonkeyPatch, tests: str, benchmark: str) -> None:
    def tests_command(folder: Path) -> list[str]:
        return [sys.executable, "-c", tests, str(folder / run.JUNIT)]

    def benchmark_command(folder: Path, minutes: float) -> list[str]:
        return [sys.executable, "-c", benchmark, str(folder / run.RESULTS), f"{minutes:g}"]

    monkeypatch.setattr(run, "_tests_command", tests_command)
    monkeypatch.setattr(run, "_benchmark_command", benchmark_command)


def report(folder: Path) -> Result:
    words = ["-o", str(folder), "--minutes", "3"]
    return CliRunner().invoke(gpu, words, standalone_mode=False)


@pytest.mark.usefixtures("card")
def test_a_failed_test_does_not_stop_the_benchmark(tmp_path: Path) -> None:
    folder = tmp_path / "gpu-report"
    done = report(folder)
    assert done.return_value == 1
    record = json.loads((folder / "about.json").read_text())
    assert record["driver"]["cards"][0]["name"] == "NVIDIA L4"
    assert record["machine"]["versions"]["torch"]
    assert len(record["commit"]) == 40
    assert record["tests"] == {"status": 1, "tests": 7, "failures": 1, "errors": 0, "skipped": 2}
    assert record["benchmark"] == {"status": 0}
    assert (folder / "tests.txt").read_text() == "1 failed\n"
    assert "1 failed" in done.output
    assert (folder / "benchmark" / "results.json").read_text() == "3"
    with tarfile.open(tmp_path / "gpu-report.tar.gz") as tar:
        assert "gpu-report/benchmark/results.json" in tar.getnames()
    # a second one takes nothing from the first
    report(folder)
    assert len(list(tmp_path.glob("gpu-report-*/about.json"))) == 1


@pytest.mark.usefixtures("card")
def test_all_well_and_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_steps(monkeypatch, tests="", benchmark="import os; os.abort()")
    folder = tmp_path / "gpu-report"
    assert report(folder).return_value == 1
    record = json.loads((folder / "about.json").read_text())
    assert record["tests"] == {"status": 0}
    assert record["benchmark"]["status"] < 0
    on_steps(monkeypatch, tests="", benchmark="")
    assert report(folder).return_value == 0


@pytest.mark.usefixtures("card")
def test_interrupted_it_keeps_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*given: object, **named: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "run_step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.make_report(tmp_path / "gpu-report", minutes=1, echo=lambda line: None)
    assert (tmp_path / "gpu-report.tar.gz").exists()


def test_a_step_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    hangs = "import subprocess, sys; print('up', flush=True); subprocess.run(['sleep', '60'])"
    output = tmp_path / "step.txt"
    status = run_step(
        [sys.executable, "-c", hangs], output, folder=tmp_path, limit_s=1, echo=lambda line: None
    )
    assert status != 0
    assert output.read_text().startswith("up\n")


def test_files_with_gpu_tests_are_found() -> None:
    files = run._tests_command(Path("out"))
    assert "tests/diad_deploy/backends/onnxruntime/test_gpu_check.py" in files
    assert "tests/test_documents.py" not in files


def make_gpu(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--silent", "gpu", f"PYTHON={sys.executable}"],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_card_it_is_one_line() -> None:
    # no card, whatever the machine has: no driver is found, or the driver shows none
    done = make_gpu(CUDA_VISIBLE_DEVICES="-1")
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1
    assert lines[0].startswith("gpu-report: ")
    assert "NVIDIA" in lines[0]


def test_without_packages_it_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-m", "diad_benchmarks.studies.gpu_report"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "benchmarks")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "lacks click" in line
    assert 'pip install --editable ".[gpu,export,benchmarks,dev]"' in line
