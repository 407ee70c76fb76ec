"""`compare` shows what changed, and fails where something became worse."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from diad_benchmarks.cli.run import command
from diad_benchmarks.report.compare import compare
from diad_benchmarks.report.results import Results, read_results, to_json
from diad_benchmarks.report.rows import Row
from diad_deploy.errors import InputError
from tests.diad_benchmarks.planted import ACCURACY, planted_results, planted_row


def with_row(results: Results, row: Row) -> Results:
    rows = tuple(row if old.name == row.name else old for old in results.rows)
    return replace(results, rows=rows)


def run(tmp_path: Path, after: Results, *options: str) -> tuple[int, str]:
    files = []
    for name, results in (("before", planted_results()), ("after", after)):
        path = tmp_path / f"{name}.json"
        path.write_text(to_json(results))
        files.append(str(path))
    done = CliRunner().invoke(command, ["compare", *files, *options], standalone_mode=False)
    return (1 if done.exception else done.return_value), done.output


def test_the_same_passes(tmp_path: Path) -> None:
    status, output = run(tmp_path, planted_results())
    assert status == 0
    assert "nothing beyond" in output


def test_a_planted_slowdown_fails(tmp_path: Path) -> None:
    slower = with_row(planted_results(), planted_row("onnxruntime", "ONNX Runtime, CPU", 0.25))
    status, output = run(tmp_path, slower, "--limit", "10%")
    assert status == 1
    assert "beyond" in output
    assert "+25.0%" in output
    assert run(tmp_path, slower, "--limit", "30%")[0] == 0


def test_a_stopped_run_is_named(tmp_path: Path) -> None:
    cut = replace(planted_results(), unfinished="sweeps")
    assert "after: the run was stopped before sweeps" in run(tmp_path, cut)[1]


def test_faster_is_not_worse() -> None:
    faster = with_row(planted_results(), planted_row("onnxruntime", "ONNX Runtime, CPU", 0.1))
    found = compare(planted_results(), faster, limit=0.1)
    assert not found.beyond
    [change] = [c for c in found.changes if (c.row, c.figure) == ("onnxruntime", "p50_ms")]
    assert change.worse == pytest.approx(-0.5)


def test_a_row_that_no_longer_runs_fails() -> None:
    gone = Row(name="onnxruntime", title="ONNX Runtime, CPU", why_not="not installed")
    found = compare(planted_results(), with_row(planted_results(), gone), limit=9.0)
    assert [(c.row, c.figure) for c in found.beyond] == [("onnxruntime", "runs")]


@pytest.mark.parametrize(
    ("figure", "changed"),
    [
        ("flipped", replace(ACCURACY, flipped=2)),
        ("image_auroc_lost", replace(ACCURACY, image_auroc_change=-0.01)),
        ("pixel_auroc_lost", replace(ACCURACY, pixel_auroc_change=-0.01)),
    ],
)
def test_lost_accuracy_fails_however_wide_the_limit(figure: str, changed: object) -> None:
    row = planted_row("onnxruntime", "ONNX Runtime, CPU", 0.2, accuracy=changed)
    found = compare(planted_results(), with_row(planted_results(), row), limit=9.0)
    assert [c.figure for c in found.beyond] == [figure]


def test_memory_and_disk_count(tmp_path: Path) -> None:
    row = planted_row("onnxruntime", "ONNX Runtime, CPU", 0.2, peak_host_bytes=900_000_000)
    found = compare(planted_results(), with_row(planted_results(), row), limit=0.1)
    assert [c.figure for c in found.beyond] == ["peak_host_bytes"]


def test_a_machine_that_became_slower_as_a_whole() -> None:
    after = with_row(planted_results(), planted_row("onnxruntime", "ONNX Runtime, CPU", 0.3))
    after = with_row(after, planted_row("published", "PyTorch, published order of work", 1.5))
    assert compare(planted_results(), after, limit=0.1).beyond
    assert not compare(planted_results(), after, limit=0.1, relative=True).beyond


def test_cautions() -> None:
    after = planted_results()
    machine = replace(after.machine, processor="Another", versions={"torch": "3.0"})
    rates = (replace(after.rates[0], flops=1e11),)
    found = compare(planted_results(), replace(after, machine=machine, rates=rates), limit=0.1)
    cautions = " ".join(found.cautions)
    for part in ("different machines", "torch 2.14.1, then 3.0", "onnxruntime 1.32.0, then none"):
        assert part in cautions
    assert "--relative" in cautions


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_results(tmp_path / "absent.json")
    odd = tmp_path / "odd.json"
    odd.write_text('{"format_revision": 1}')
    with pytest.raises(InputError, match="not the results"):
        read_results(odd)


@pytest.mark.parametrize("limit", ["ten", "-5%", "inf"])
def test_a_limit_is_a_share(tmp_path: Path, limit: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(to_json(planted_results()))
    done = CliRunner().invoke(command, ["compare", str(path), str(path), "--limit", limit])
    assert done.exit_code == 2
    assert "expected" in done.output
