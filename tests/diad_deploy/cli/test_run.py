"""`diad-run` as a person or a script meets it."""

import json
from pathlib import Path
from typing import Any

import pytest

from diad_deploy.errors import BackendError, BundleMissingError
from diad_deploy.images.formats.opening import LIMIT_PX
from diad_deploy.report.results import read_rows
from tests.diad_deploy.cli.run_case import (
    Run,
    one_line,
)
from tests.diad_deploy.fake_detector import FakeDetector, write_image


def test_a_run_ends_with_a_table_and_the_reports_path(
    run: Run, parts: Path, tmp_path: Path
) -> None:
    status, out, _ = run(parts, "--bundle", "b", "-o", tmp_path / "out")
    assert status == 0
    assert "Highest scores" in out
    assert out.index("parts/013.png") < out.index("parts/006.png")
    assert out.count(".png") == 12
    assert out.splitlines()[-1] == f"report: {tmp_path / 'out' / 'report.html'}"
    assert (tmp_path / "out" / "report.html").is_file()


def test_json_is_all_of_standard_output(run: Run, parts: Path, tmp_path: Path) -> None:
    (parts / "bad.png").write_bytes(b"")
    status, out, err = run(parts, "--bundle", "b", "-o", tmp_path / "out", "--json")
    assert status == 1
    summary = json.loads(out)
    assert (summary["pictures"], summary["ok"], summary["failed"]) == (15, 14, 1)
    assert summary["highest"][0]["picture"] == "parts/013.png"
    assert err.splitlines()[-1] == "15 of 15 images, 1 failed"


def test_workers_reach_the_reading(
    run: Run, parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diad_deploy.inspection import inspect as inspection

    received: list[int | None] = []

    def stream(*files: Any, workers: int | None, **given: Any) -> Any:
        received.append(workers)
        return real(*files, workers=workers, **given)

    real = inspection.stream
    monkeypatch.setattr(inspection, "stream", stream)
    assert run(parts, "--bundle", "b", "-o", tmp_path / "a")[0] == 0
    assert run(parts, "--bundle", "b", "-o", tmp_path / "b", "--workers", 3)[0] == 0
    assert received == [None, 3]


def test_options_reach_the_detector_and_the_report(
    run: Run, parts: Path, tmp_path: Path, opened: list[dict[str, Any]]
) -> None:
    out = tmp_path / "out"
    model = ("--backend", "onnxruntime", "--batch-size", 3, "--threads", 2)
    report = ("--scale", -0.5, 2, "--maps", "tiff")
    status, *_ = run(parts, "--bundle", tmp_path / "my bundle", "-o", out, *model, *report)
    assert status == 0
    assert opened == [
        {
            "bundle": tmp_path / "my bundle",
            "backend": "onnxruntime",
            "device": "auto",
            "threads": 2,
            "tf32": False,
            "batch_size": 3,
            "thresholds": None,
            "bit_depth": None,
            "white": None,
            "max_megapixels": LIMIT_PX / 1e6,
        }
    ]
    record = json.loads((out / "run.json").read_text())
    assert (record["bundle"], record["scale"], record["maps"]) == ("my bundle", [-0.5, 2.0], "tiff")
    assert (out / "maps/parts/000.png.tiff").is_file()


def test_all_failed_is_nothing_done(run: Run, tmp_path: Path) -> None:
    status, out, _ = run(tmp_path / "gone.png", "--bundle", "b", "-o", tmp_path / "out")
    assert status == 2
    assert "1 failed" in out
    (row,) = read_rows(tmp_path / "out" / "results.jsonl")
    assert (row.picture, row.reason) == ("gone.png", "no such file")


def test_demo_takes_what_is_built_in(
    run: Run,
    parts: Path,
    tmp_path: Path,
    opened: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("diad_deploy.bundle.folder.builtin_images", lambda: parts)
    monkeypatch.setattr("diad_deploy.bundle.folder.builtin_bundle", lambda: tmp_path / "builtin")
    status, out, _ = run("--demo", "-o", tmp_path / "out", "--json")
    assert (status, json.loads(out)["pictures"]) == (0, 14)
    assert opened[0]["bundle"] == tmp_path / "builtin"


def test_resume_and_force(run: Run, parts: Path, tmp_path: Path, detector: FakeDetector) -> None:
    arguments = (parts, "--bundle", "b", "-o", tmp_path / "out")
    assert run(*arguments)[0] == 0
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert one_line(err)
    assert "--resume" in err
    write_image(parts / "new.png")
    assert run(*arguments, "--resume")[0] == 0
    assert detector.seen == 15
    assert run(*arguments, "--force")[0] == 0
    assert detector.seen == 30


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bundle", "b", "-o", "out"], "PATHS are missing"),
        (["p", "-o", "out"], "--bundle is missing"),
        (["p", "--bundle", "b"], "Missing option '-o'"),
        (["p", "--bundle", "b", "-o", "out", "--force", "--resume"], "cannot be used together"),
        (["p", "--bundle", "b", "-o", "out", "--scale", "1", "0"], "the lower one first"),
        (["p", "--bundle", "b", "-o", "out", "--scale", "nan", "1"], "finite"),
        (["p", "--bundle", "b", "-o", "out", "--scale", "1"], "requires 2 arguments"),
        (["p", "--bundle", "b", "-o", "out", "--maps", "exr"], "'npy', 'tiff'"),
        (["p", "--bundle", "b", "-o", "out", "--batch-size", "0"], "x>=1"),
        (["p", "--bundle", "b", "-o", "out", "--threads", "many"], "not a valid integer"),
        (["p", "--bundle", "b", "-o", "out", "--colour"], "No such option"),
    ],
)
def test_usage_errors_are_one_line(run: Run, arguments: list[str], message: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert one_line(err)
    assert message in err


def test_an_empty_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    status, _, err = run(tmp_path / "parts", "--bundle", "b", "-o", tmp_path / "out")
    assert status == 2
    assert one_line(err)
    assert "no images found" in err
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_made(run: Run, parts: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    status, _, err = run(parts, "--bundle", "b", "-o", tmp_path / "file" / "out")
    assert status == 2
    assert one_line(err)


@pytest.mark.parametrize("error", [BundleMissingError("b: no such folder"), BackendError("none")])
def test_a_bundle_that_does_not_open(
    run: Run, parts: Path, tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> FakeDetector:
        raise error

    monkeypatch.setattr("diad_deploy.detector.Detector.open", refuse)
    status, out, err = run(parts, "--bundle", "b", "-o", tmp_path / "out")
    assert (status, out, err) == (2, "", f"diad-run: {error}\n")
    assert not (tmp_path / "out").exists()


def test_names_cannot_talk_to_the_terminal(run: Run, tmp_path: Path) -> None:
    write_image(tmp_path / "parts" / "\x1b[31m[red]\udcff.png")
    _, out, _ = run(tmp_path / "parts", "--bundle", "b", "-o", tmp_path / "out")
    assert "\\x1b[31m[red]\\udcff.png" in out
    status, out, _ = run(tmp_path / "parts", "--bundle", "b", "-o", tmp_path / "out2", "--json")
    assert status == 0
    assert json.loads(out)["highest"][0]["picture"] == "parts/\x1b[31m[red]\udcff.png"
