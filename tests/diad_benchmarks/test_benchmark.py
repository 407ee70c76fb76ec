"""A whole run on a small model: rows in turns, one that cannot run, and the files."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from diad_benchmarks.benchmark import Request, run_benchmark
from diad_benchmarks.cli.run import command
from diad_benchmarks.report.output import write_results
from diad_benchmarks.report.results import Results, read_results
from diad_deploy.bundle.folder import Bundle

NAMES = ("reference", "onnxruntime", "onnxruntime-cuda")


@pytest.fixture(scope="module")
def results(small_checkpoint: Path, small_bundle: Bundle) -> Results:
    *_, last = run_benchmark(
        Request(
            checkpoint=small_checkpoint,
            bundle=small_bundle.path,
            backends=NAMES,
            rounds=2,
            batches=(1, 3),
            compared=6,
            device="cpu",
            threads=1,
        ),
        echo=lambda line: None,
    )
    return last


def test_rows_that_ran(results: Results) -> None:
    for name in ("reference", "onnxruntime"):
        row = results.row(name)
        assert row is not None
        assert row.why_not is None
        assert row.latency is not None
        assert row.latency.count == 2
        assert row.latency.p50_ms > 0
        assert [t.batch for t in row.throughput] == [1, 3]
        assert [s.stage for s in row.stages][-2:] == ["decode", "score"]
        assert sum(stage.share for stage in row.stages) == pytest.approx(1)
        assert row.first_result_s is not None
        assert row.opening_s is not None
        assert row.first_result_s > row.opening_s
        assert row.peak_host_bytes is not None
        assert row.peak_host_bytes > 5e7
        assert row.limit_share is not None
        assert 0 < row.limit_share < 1.5
        assert row.accuracy is not None
        assert row.accuracy.pictures == 6
        assert row.accuracy.largest_difference < 1e-4
    yardstick = results.row("onnxruntime")
    assert yardstick is not None
    assert yardstick.times_yardstick == 1.0


def test_what_cannot_run_is_a_row(results: Results) -> None:
    cuda, compiled = results.row("onnxruntime-cuda"), results.row("compile")
    assert cuda is not None
    assert cuda.latency is None
    assert "cuda" in (cuda.why_not or "")
    assert compiled is not None
    assert "--all or --way compile" in (compiled.why_not or "")


def test_files(results: Results, tmp_path: Path) -> None:
    write_results(results, tmp_path)
    assert read_results(tmp_path / "results.json") == results
    assert "ONNX Runtime, CPU" in (tmp_path / "index.html").read_text()
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 1 + len(results.rows)


def test_the_command_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    done = CliRunner().invoke(command, ["-o", str(tmp_path / "out")])
    assert done.exception is not None
    assert "already exists" in str(done.exception)


def test_the_command_needs_a_folder() -> None:
    done = CliRunner().invoke(command, [])
    assert done.exit_code == 2
    assert "-o is missing" in done.output


def test_help_names_the_others() -> None:
    done = CliRunner().invoke(command, ["--help"])
    assert done.exit_code == 0
    for part in ("compare", "diad-benchmark -o out"):
        assert part in done.output


def test_the_command_prints_json(
    small_checkpoint: Path, small_bundle: Bundle, tmp_path: Path
) -> None:
    arguments = ["-o", str(tmp_path / "out"), "--json", "--rounds", "1", "--pictures", "0"]
    arguments += ["--checkpoint", str(small_checkpoint), "--bundle", str(small_bundle.path)]
    done = CliRunner().invoke(command, [*arguments, "--way", "tensorrt"])
    assert done.exit_code == 0, done.output
    rows = {row["name"]: row for row in json.loads(done.stdout)["rows"]}
    assert "tensorrt" in rows["tensorrt"]["why_not"].lower()
    assert (tmp_path / "out" / "index.html").is_file()


def test_without_a_checkpoint_the_bundle_is_measured_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # as installed from a wheel, which does not hold the demo
    for name in ("demo", "demo.drawing", "demo.drawing.dataset", "demo.drawing.products"):
        monkeypatch.setitem(sys.modules, name, None)
    request = Request(
        backends=("reference", "onnxruntime"), rounds=1, batches=(1,), compared=0, device="cpu"
    )
    lines: list[str] = []
    *_, last = run_benchmark(request, echo=lines.append)
    reference, exported = last.row("reference"), last.row("onnxruntime")
    assert reference is not None
    assert reference.latency is None
    assert "--checkpoint" in (reference.why_not or "")
    assert exported is not None
    assert exported.latency is not None
    assert exported.accuracy is None
    assert last.model.pictures == "1 images of pictures, resized to 128 px"
    assert lines[0].startswith("only the built-in bundle is available")
