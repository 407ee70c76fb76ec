"""Whether a run may write to a folder."""

import dataclasses
import json
from pathlib import Path

import pytest

from diad_deploy.errors import OutputError
from diad_deploy.report.results import ResultRow, ResultsFiles
from diad_deploy.report.run_record import RunRecord, begin_report, check_folder, read_record

RECORD = RunRecord(
    bundle="bundle",
    bundle_sha256="ab" * 32,
    backend="fake",
    scale=(0.0, 1.0),
    maps=None,
    devices=("cuda:0", "cuda:1"),
)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    assert begin_report(folder, RECORD, "refuse") is False
    return folder


def test_a_new_or_empty_folder_is_taken(tmp_path: Path) -> None:
    assert begin_report(tmp_path / "deep" / "out", RECORD, "refuse") is False
    (tmp_path / "empty").mkdir()
    assert begin_report(tmp_path / "empty", RECORD, "resume") is False
    assert read_record(tmp_path / "empty") == RECORD


def test_a_kill_before_the_first_file_was_whole_does_not_take_the_folder(tmp_path: Path) -> None:
    (tmp_path / ".run.json.partial").write_bytes(b"{")
    assert begin_report(tmp_path, RECORD, "refuse") is False


def test_a_report_is_not_overwritten_unasked(begun: Path) -> None:
    with pytest.raises(OutputError, match="resume it with --resume or replace it with --force"):
        begin_report(begun, RECORD, "refuse")


def test_a_folder_of_other_things_is_not_written_to_unasked(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(OutputError, match="not empty; choose another one"):
        begin_report(tmp_path, RECORD, "refuse")
    with pytest.raises(OutputError, match=r"has no run\.json"):
        begin_report(tmp_path, RECORD, "resume")


def test_force_leaves_other_files_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    assert begin_report(tmp_path, RECORD, "force") is False
    assert (tmp_path / "mine.txt").read_text() == "x"


@pytest.mark.parametrize("name", ["results.csv", "report.html", "results.jsonl"])
def test_force_does_not_take_somebody_elses_file_for_ours(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputError, match=rf"contains {name} but no run\.json"):
        begin_report(tmp_path, RECORD, "force")
    assert (tmp_path / name).read_text() == "mine"


def test_force_removes_an_earlier_report(begun: Path) -> None:
    with ResultsFiles(begun / "results.jsonl", begun / "results.csv") as files:
        files.append(ResultRow(picture="a.png", path="a", status="failed", reason="r"))
    heatmap = begun / "heatmaps" / "a.png.png"
    heatmap.parent.mkdir()
    heatmap.write_bytes(b"x")
    other = dataclasses.replace(RECORD, maps="npy")
    assert begin_report(begun, other, "force") is False
    assert [path.name for path in begun.iterdir()] == ["run.json"]
    assert read_record(begun) == other


def test_force_gets_over_results_that_cannot_be_read(begun: Path) -> None:
    (begun / "results.jsonl").write_text("torn\n")
    assert begin_report(begun, RECORD, "force") is False
    assert not (begun / "results.jsonl").exists()


def test_resume_goes_on_with_the_same_settings(begun: Path) -> None:
    assert begin_report(begun, RECORD, "resume") is True
    renamed = dataclasses.replace(RECORD, bundle="the same under another name")
    assert begin_report(begun, renamed, "resume") is True
    elsewhere = dataclasses.replace(RECORD, devices=("cuda:3",))
    assert begin_report(begun, elsewhere, "resume") is True


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"bundle": "other", "bundle_sha256": "cd" * 32},
            r"was 'bundle' \(abababababab…\), now 'other' \(cdcdcdcdcdcd…\)",
        ),
        ({"scale": (0.0, 2.0)}, r"scale was 0\.0 to 1\.0, now 0\.0 to 2\.0"),
        ({"maps": "npy"}, "maps was None, now npy"),
        ({"backend": "other"}, "backend was fake, now other"),
        ({"threshold": 0.5}, r"threshold was None, now 0\.5"),
        ({"thresholds_sha256": "ef" * 32}, "thresholds_sha256 was None, now efefefefefef…"),
        ({"class_name": "screw"}, "class_name was None, now screw"),
    ],
)
def test_resume_with_other_settings_names_both(
    begun: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(OutputError, match=message):
        begin_report(begun, dataclasses.replace(RECORD, **changes), "resume")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', "\x00"])
def test_a_record_that_is_none(begun: Path, text: str) -> None:
    (begun / "run.json").write_text(text)
    with pytest.raises(OutputError, match="expected the settings of a run"):
        begin_report(begun, RECORD, "resume")


def test_the_record_is_json_for_others_to_read(begun: Path) -> None:
    assert json.loads((begun / "run.json").read_text()) == {
        "format": 1,
        "bundle": "bundle",
        "bundle_sha256": "ab" * 32,
        "backend": "fake",
        "scale": [0.0, 1.0],
        "maps": None,
        "threshold": None,
        "thresholds_sha256": None,
        "class_name": None,
        "white": None,
        "devices": ["cuda:0", "cuda:1"],
    }


def test_the_record_of_a_version_without_thresholds_is_one_without(begun: Path) -> None:
    values = json.loads((begun / "run.json").read_text())
    for name in ("threshold", "thresholds_sha256", "class_name", "white", "devices"):
        del values[name]
    (begun / "run.json").write_text(json.dumps(values))
    assert begin_report(begun, RECORD, "resume") is True
    with pytest.raises(OutputError, match=r"threshold was None, now 0\.5"):
        begin_report(begun, dataclasses.replace(RECORD, threshold=0.5), "resume")
    with pytest.raises(OutputError, match="white was --bit-depth auto, now --bit-depth 12"):
        begin_report(begun, dataclasses.replace(RECORD, white=4095.0), "resume")


def test_a_file_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("x")
    for place in (path, path / "deeper"):
        with pytest.raises(OutputError, match=r"is a file|cannot be written: Not a directory"):
            begin_report(place, RECORD, "force")
    assert path.read_text() == "x"


def test_checking_changes_nothing(tmp_path: Path) -> None:
    check_folder(tmp_path / "out", "refuse")
    assert list(tmp_path.iterdir()) == []
