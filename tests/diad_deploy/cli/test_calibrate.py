"""`diad-calibrate` as a person or a script meets it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from diad_deploy.bundle.folder import THRESHOLDS_NAME, Bundle, builtin_bundle, builtin_images
from diad_deploy.cli.calibrate import main
from diad_deploy.cli.run import main as run_main
from diad_deploy.report.results import read_rows
from diad_deploy.thresholds.file import read_thresholds
from tests.diad_deploy.fake_detector import write_image
from tests.entry_points import call

ROOT = Path(__file__).parents[3]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `diad-calibrate`, or another entry point: exit status, standard output and error."""

    def called(*arguments: object, entry: Callable[[], None] = main) -> tuple[int, str, str]:
        return call(entry, arguments, monkeypatch, capsys)

    return called


@pytest.fixture
def good(tmp_path: Path) -> Path:
    for red in range(19):
        write_image(tmp_path / "good" / "screw" / f"{red:02}.png", red=red * 13)
    return tmp_path / "good"


def test_a_table_and_the_files_path(run: Run, good: Path, own_bundle: Bundle) -> None:
    (good / "screw" / "bad.png").write_bytes(b"")
    status, out, _ = run(good, "--bundle", own_bundle.path, "--false-alarm-rate", 0.05)
    assert status == 1
    one = read_thresholds(own_bundle.path / THRESHOLDS_NAME).classes["screw"]
    assert f"{one.score:.6g}" in out
    assert "5.00% (0.13% to 17.65%)" in out
    assert "failed: good/screw/bad.png: the file is empty" in out
    assert "highest scores, to be checked for defects: good/screw/" in out
    assert out.splitlines()[-1] == f"thresholds: {own_bundle.path / 'thresholds.json'}"


def test_json_is_all_of_standard_output(run: Run, good: Path, own_bundle: Bundle) -> None:
    arguments = (good, "--bundle", own_bundle.path, "--false-alarm-rate", 0.1, "--json")
    status, out, _ = run(*arguments, "--overall", "-o", own_bundle.path.parent / "t.json")
    found = json.loads(out)
    assert (status, found["failed"], found["left_out"]) == (0, 0, 0)
    stored = json.loads((own_bundle.path.parent / "t.json").read_text())
    assert found["thresholds"] == stored
    assert (stored["classes"], stored["overall"]["above"]) == ({}, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "19 good images, but a false-alarm rate of 0.01 needs at least 99; add more"),
        (["--false-alarm-rate", "0"], "above 0 and below 1"),
        (["--false-alarm-rate", "some"], "not a valid float"),
        (["--colour"], "No such option"),
        (["-o", "."], "is a folder"),
    ],
)
def test_what_does_not_fit_is_one_line(
    run: Run, good: Path, own_bundle: Bundle, arguments: list[str], message: str
) -> None:
    status, out, err = run(good, "--bundle", own_bundle.path, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("diad-calibrate: ")
    assert err.count("\n") == 1
    assert message in err


def test_help_has_an_example_and_loads_nothing_heavy() -> None:
    code = """
import sys
from diad_deploy.cli.calibrate import main
try:
    main()
finally:
    heavy = ["numpy", "PIL", "cv2", "rich", "pydantic", "onnxruntime", "scipy"]
    print([name for name in heavy if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert "diad-calibrate good/ --bundle bundle" in done.stdout


def test_from_good_images_to_decisions_with_the_built_in_bundle(run: Run, tmp_path: Path) -> None:
    """Two good images set a threshold; images with defects of their products are above it."""
    products = ("fabric", "washer")
    for name in products:
        (tmp_path / "good").mkdir(exist_ok=True)
        shutil.copy(builtin_images() / name / "good.png", tmp_path / "good" / f"{name}.png")
    own = tmp_path / "own.json"
    given = ("--bundle", builtin_bundle(), "--false-alarm-rate", 0.34)
    status, out, err = run(tmp_path / "good", *given, "-o", own, "--json")
    assert status == 0, err
    threshold = json.loads(out)["thresholds"]["overall"]["score"]
    defects = [builtin_images() / "fabric/dent.png", builtin_images() / "washer"]
    given = ("--bundle", builtin_bundle(), "--thresholds", own, "-o", tmp_path / "out")
    status, *_ = run(*defects, *given, "--fail-on-defect", entry=run_main)
    assert status == 3
    rows = {row.picture: row for row in read_rows(tmp_path / "out" / "results.jsonl")}
    good = rows.pop("washer/good.png")
    assert (good.decision, good.threshold) == ("good", threshold)
    assert len(rows) == 2
    for row in rows.values():
        assert (row.decision, row.threshold) == ("defect", threshold)
        assert row.regions
        assert row.margin is not None
        assert row.margin > 0


def test_a_class_whose_name_is_no_text_reaches_a_run(
    run: Run, tmp_path: Path, own_bundle: Bundle
) -> None:
    stray = os.fsdecode(b"b\xff")
    for name, red in ((stray, 10), ("c", 200)):
        for place in range(2):
            write_image(tmp_path / "good" / name / f"{place}.png", red=red + place)
    assert run(tmp_path / "good", "--bundle", own_bundle.path, "--false-alarm-rate", 0.34)[0] == 0
    out = tmp_path / "out"
    status, *_ = run(tmp_path / "good", "--bundle", own_bundle.path, "-o", out, entry=run_main)
    assert status == 0
    classes = read_thresholds(own_bundle.path / THRESHOLDS_NAME).classes
    rows = list(read_rows(out / "results.jsonl"))
    assert [row.class_name for row in rows] == [stray, stray, "c", "c"]
    assert [row.threshold for row in rows] == [classes[row.class_name or ""].score for row in rows]
