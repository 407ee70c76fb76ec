"""`diad-run` with thresholds: decisions, classes, exit status."""

import json
from pathlib import Path

import pytest

from diad_deploy.bundle.folder import Bundle
from diad_deploy.report.results import read_rows
from diad_deploy.thresholds.file import write_thresholds
from tests.diad_deploy.cli.run_case import (
    Run,
    one_line,
    with_thresholds,
)
from tests.diad_deploy.fake_detector import FakeDetector, write_image
from tests.diad_deploy.thresholds.threshold_case import make_thresholds


def test_rows_carry_what_the_bundles_thresholds_decide(run: Run, tmp_path: Path) -> None:
    write_image(tmp_path / "parts" / "screw" / "a.png", red=150, width=64, height=64)
    write_image(tmp_path / "parts" / "gear" / "b.png", red=150)
    write_image(tmp_path / "parts" / "c.png", red=10)
    bundle = with_thresholds(tmp_path, overall=0.6, screw=0.3)
    status, out, _ = run(tmp_path / "parts", "--bundle", bundle, "-o", tmp_path / "out")
    assert status == 0
    assert f"1 defective, 2 good; thresholds: {bundle / 'thresholds.json'}\n" in out
    other, gear, screw = read_rows(tmp_path / "out" / "results.jsonl")
    assert (other.class_name, other.threshold, other.decision) == (None, 0.6, "good")
    assert (gear.class_name, gear.decision, gear.regions) == (None, "good", ())
    assert (screw.class_name, screw.threshold, screw.decision) == ("screw", 0.3, "defect")
    assert screw.score is not None
    assert screw.margin == pytest.approx(screw.score - 0.3, abs=1e-6)
    assert screw.regions is not None
    assert [region.box for region in screw.regions] == [(0, 0, 64, 64)]


def test_defects_end_with_status_3_where_asked_for(run: Run, parts: Path, tmp_path: Path) -> None:
    (parts / "bad.png").write_bytes(b"")
    bundle = with_thresholds(tmp_path, overall=0.6)
    arguments = (parts, "--bundle", bundle, "--json")
    assert run(*arguments, "-o", tmp_path / "1")[0] == 1
    status, out, _ = run(*arguments, "-o", tmp_path / "2", "--fail-on-defect")
    summary = json.loads(out)
    reds = [(n * 37) % 251 for n in range(14)]
    defects = sum(red / 255 > 0.6 for red in reds)
    assert status == 3
    assert summary["decisions"] == {"good": 14 - defects, "defect": defects}
    high = ("--threshold", 0.99, "--fail-on-defect")
    status, out, _ = run(*arguments, "-o", tmp_path / "3", *high)
    assert (status, json.loads(out)["thresholds"]) == (1, "--threshold 0.99")
    (parts / "bad.png").unlink()
    assert run(*arguments, "-o", tmp_path / "4", *high)[0] == 0
    # what an earlier run found counts, too
    assert run(*arguments, "-o", tmp_path / "2", "--fail-on-defect", "--resume")[0] == 3


def test_class_and_file_of_thresholds(run: Run, parts: Path, tmp_path: Path) -> None:
    bundle = with_thresholds(tmp_path, overall=0.6)
    write_thresholds(tmp_path / "own.json", make_thresholds(overall=0.9, screw=0.1))
    arguments = (parts, "--bundle", bundle, "--thresholds", tmp_path / "own.json")
    assert run(*arguments, "-o", tmp_path / "out", "--class", "screw")[0] == 0
    rows = list(read_rows(tmp_path / "out" / "results.jsonl"))
    assert {(row.class_name, row.threshold) for row in rows} == {("screw", 0.1)}
    status, out, err = run(*arguments, "-o", tmp_path / "out2", "--class", "scew")
    assert (status, out) == (2, "")
    assert one_line(err)
    assert "expected one of screw" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fail-on-defect"], "no threshold says what is defective"),
        (["--threshold", "nan"], "expected a finite number"),
        (["--threshold", "1", "--thresholds", "t.json"], "cannot be used together"),
        (["--thresholds", "t.json"], "t.json: cannot be read"),
    ],
)
def test_thresholds_that_do_not_fit_are_one_line(
    run: Run, parts: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    status, out, err = run(parts, "--bundle", "b", "-o", tmp_path / "out", *arguments)
    assert (status, out) == (2, "")
    assert one_line(err)
    assert message in err
    assert not (tmp_path / "out").exists()


def test_another_bundles_thresholds_stop_the_run_before_it_writes(
    run: Run, parts: Path, tmp_path: Path, standin_bundle: Bundle
) -> None:
    path = tmp_path / "t.json"
    write_thresholds(path, make_thresholds(standin_bundle.manifest))
    status, _, err = run(parts, "--bundle", "b", "-o", tmp_path / "out", "--thresholds", path)
    assert status == 2
    assert one_line(err)
    assert "set with another bundle" in err
    assert not (tmp_path / "out").exists()


def test_resuming_with_other_thresholds_is_refused(
    run: Run, parts: Path, tmp_path: Path, detector: FakeDetector
) -> None:
    bundle = with_thresholds(tmp_path)
    arguments = (parts, "--bundle", bundle, "-o", tmp_path / "out")
    assert run(*arguments)[0] == 0
    assert run(*arguments, "--resume")[0] == 0
    write_thresholds(bundle / "thresholds.json", make_thresholds(overall=0.2), force=True)
    for changes in ((), ("--threshold", 0.5), ("--class", "screw")):
        status, _, err = run(*arguments, "--resume", *changes)
        assert status == 2
        assert one_line(err)
        assert "started with other settings: thresh" in err
    assert detector.seen == 14
