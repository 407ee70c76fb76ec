"""A run that was stopped or killed resumes to the same files."""

import dataclasses
import json
import signal
from pathlib import Path

import pytest

from diad_deploy.errors import BackendError, OutputError
from diad_deploy.inspection.inspect import WRITERS, InspectionOptions
from diad_deploy.thresholds.decide import Decider
from tests.diad_deploy.fake_detector import FakeDetector, write_image
from tests.diad_deploy.inspection.inspection_case import (
    RESUME,
    Stop,
    files,
    python,
    rows,
    run,
    stop_at,
)
from tests.diad_deploy.thresholds.threshold_case import make_thresholds


@pytest.mark.parametrize("batch", [0, 1, 3, 6])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), BackendError("broken"), Stop()])
def test_a_stopped_run_goes_on_to_the_same_files(
    parts: Path, tmp_path: Path, batch: int, error: BaseException
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(parts, whole, InspectionOptions(maps="npy"))
    with pytest.raises(type(error)):
        run(
            parts,
            out,
            InspectionOptions(maps="npy"),
            FakeDetector(before=stop_at(batch, error)),
        )
    finished = sum(row.status == "ok" for row in rows(out))
    if not isinstance(error, Stop):
        # all that the model had done, and the page with it
        assert finished == batch * 4
        assert "The run was stopped" in (out / "report.html").read_text()
    detector = FakeDetector()
    summary = run(parts, out, InspectionOptions(maps="npy", existing="resume"), detector)
    assert detector.seen == 27 - finished
    assert (summary.resumed, summary.pictures, summary.failed) == (finished, 30, 3)
    assert files(out) == files(whole)


def test_a_killed_run_goes_on_to_the_same_files(parts: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(parts, whole)
    code = """
        import os, signal, sys
        from pathlib import Path
        from diad_deploy.inspection.inspect import InspectionOptions, inspect
        from diad_deploy.images.discover import find_images
        from tests.diad_deploy.fake_detector import FakeDetector

        def before(batch):
            if batch == 4:
                os.kill(os.getpid(), signal.SIGKILL)

        detector = FakeDetector(before=before)
        inspect(find_images([sys.argv[1]]), detector, sys.argv[2], InspectionOptions())
    """
    killed = python(code, parts, out)
    assert killed.returncode == -signal.SIGKILL
    left = rows(out)
    # 16 and a failure were through the model; those just being drawn are lost too
    assert len(left) >= 17 - WRITERS - 1
    assert not (out / "report.html").exists()
    with (out / "results.jsonl").open("ab") as torn:
        torn.write(b'{"picture": "parts/0')
    run(parts, out, RESUME)
    assert files(out) == files(whole)


def test_resuming_a_finished_run_tries_failures_again(parts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(parts, out)
    write_image(parts / "013.png", red=77)
    detector = FakeDetector()
    summary = run(parts, out, RESUME, detector)
    assert detector.seen == 1
    assert (summary.ok, summary.failed, summary.resumed) == (28, 2, 27)
    assert [row.picture for row in rows(out)] == [f"parts/{n:03}.png" for n in range(30)]
    whole = tmp_path / "whole"
    run(parts, whole)
    assert files(out) == files(whole)


def test_resuming_takes_in_new_and_changed_images(parts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(parts, out)
    write_image(parts / "007b.png", red=250)
    write_image(parts / "020.png", red=1, width=33)
    run(parts, out, RESUME)
    whole = tmp_path / "whole"
    run(parts, whole)
    assert files(out) == files(whole)


def test_resuming_in_a_new_folder_begins(parts: Path, tmp_path: Path) -> None:
    assert run(parts, tmp_path / "out", RESUME).pictures == 30


def test_resuming_with_another_bundle_is_refused(parts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(parts, out)
    before = files(out)
    with pytest.raises(OutputError, match=r"bundle_sha256 was 'bundle' \(.*now 'bundle' \("):
        run(parts, out, RESUME, FakeDetector(seed=1))
    assert files(out) == before


def test_a_report_is_not_overwritten_unasked_and_with_force_it_is(
    parts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(parts, out)
    (out / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        run(parts, out)
    (parts / "014.png").unlink()
    run(parts, out, InspectionOptions(existing="force"))
    assert (out / "mine.txt").read_text() == "mine"
    assert not (out / "heatmaps/parts/014.png.png").exists()
    (out / "mine.txt").unlink()
    run(parts, tmp_path / "whole")
    assert files(out) == files(tmp_path / "whole")


def test_a_stopped_run_with_thresholds_goes_on_to_the_same_files(
    parts: Path, tmp_path: Path
) -> None:
    decider = Decider(thresholds=make_thresholds(overall=0.6, parts=0.4))
    options = InspectionOptions(decider=decider)
    summary = run(parts, tmp_path / "whole", options)
    decided = [row for row in rows(tmp_path / "whole") if row.decision is not None]
    assert summary.decisions == {
        name: sum(row.decision == name for row in decided) for name in ("good", "defect")
    }
    assert {(row.class_name, row.threshold) for row in decided} == {("parts", 0.4)}
    assert len(decided) == 27
    with pytest.raises(BackendError):
        run(parts, tmp_path / "out", options, FakeDetector(before=stop_at(3, BackendError("x"))))
    resumed = run(parts, tmp_path / "out", dataclasses.replace(options, existing="resume"))
    assert resumed.decisions == summary.decisions
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def test_results_of_a_version_without_thresholds_are_gone_on_with(
    parts: Path, tmp_path: Path
) -> None:
    run(parts, tmp_path / "out")
    path = tmp_path / "out" / "results.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for values in lines:
        for name in ("class", "threshold", "decision", "margin", "regions"):
            del values[name]
    path.write_text("".join(json.dumps(values) + "\n" for values in lines[:20]))
    detector = FakeDetector()
    assert run(parts, tmp_path / "out", RESUME, detector).resumed == 18
    assert detector.seen == 9
    assert [row.picture for row in rows(tmp_path / "out")] == [
        f"parts/{n:03}.png" for n in range(30)
    ]
