"""Each example is run, with the built-in bundle."""

import csv
import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from diad_deploy import Detector
from diad_deploy.bundle.folder import builtin_bundle, builtin_images
from diad_deploy.report.results import read_rows

EXAMPLES = Path(__file__).parents[2] / "examples"
Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs an example as a script and gives what it printed."""

    def run_example(name: str, *arguments: object) -> str:
        monkeypatch.setattr("sys.argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run_example


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two images in two folders: a good piece, and one with a foreign body on it."""
    for name in ("line-1/good.png", "line-2/foreign_body.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True)
        path.write_bytes((builtin_images() / "washer" / path.name).read_bytes())
    return tmp_path / "photos"


@pytest.fixture(scope="module")
def expected() -> list[float]:
    names = ("good.png", "foreign_body.png")
    with Detector.open(builtin_bundle()) as detector:
        found = detector.detect([builtin_images() / "washer" / name for name in names])
    return [detection.score for detection in found]


def test_score_folder(run: Run, photos: Path, expected: list[float]) -> None:
    good, bad = expected
    lines = run("score_folder", photos, builtin_bundle()).splitlines()
    assert [line.split()[1] for line in lines] == [
        "photos/line-1/good.png",
        "photos/line-2/foreign_body.png",
    ]
    assert [float(line.split()[0]) for line in lines] == pytest.approx([good, bad], abs=1e-4)


def test_camera_frames(run: Run, photos: Path, tmp_path: Path, expected: list[float]) -> None:
    text = run("camera_frames", photos, builtin_bundle(), tmp_path / "heatmaps")
    scores = [float(score) for score in re.findall(r"score ([\d.]+)", text)]
    assert scores == pytest.approx(expected, abs=1e-4)
    assert sorted(path.name for path in (tmp_path / "heatmaps").iterdir()) == [
        "000000.png",
        "000001.png",
    ]


def test_several_lines(run: Run, photos: Path, expected: list[float]) -> None:
    text = run("several_lines", builtin_bundle(), photos / "line-1", photos / "line-2")
    good, bad = expected
    assert text == f"line-1: highest score {good:.4f}\nline-2: highest score {bad:.4f}\n"


def test_decide(run: Run, photos: Path, expected: list[float]) -> None:
    threshold = sum(expected) / 2
    first, second, *regions = run("decide", photos, builtin_bundle(), threshold).splitlines()
    assert first.startswith("good.png: good (-")
    assert second.startswith("foreign_body.png: defect (+")
    assert regions
    assert all(re.fullmatch(r"  \d+ x \d+ px at x \d+, y \d+, peak [\d.]+", r) for r in regions)


def test_write_report_and_own_table(run: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "line-2" / "broken.png").write_bytes(b"")
    report, table = tmp_path / "report", tmp_path / "table.csv"
    text = run("write_report", photos, builtin_bundle(), report)
    assert text == f"2 of 3 images read; {report / 'report.html'}\n"
    run("own_table", report, table)
    with table.open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    assert header == ["folder", "pictures", "failed", "median", "highest"]
    assert [line[:3] for line in lines] == [
        ["photos/line-1", "1", "0"],
        ["photos/line-2", "2", "1"],
    ]
    scores = [row.score for row in read_rows(report / "results.jsonl") if row.score is not None]
    assert [float(line[4]) for line in lines] == pytest.approx(scores, abs=1e-4)


def test_annotations(run: Run, photos: Path, tmp_path: Path, expected: list[float]) -> None:
    output = tmp_path / "annotations"
    text = run("annotations", photos, builtin_bundle(), sum(expected) / 2, output)
    assert re.fullmatch(r"1 defective images, [1-9]\d* regions\n", text)
    coco = json.loads((output / "coco.json").read_text())
    assert [Path(one["file_name"]).name for one in coco["images"]] == ["foreign_body.png"]
    assert coco["annotations"]
    [task] = json.loads((output / "label_studio.json").read_text())
    assert len(task["predictions"][0]["result"]) == len(coco["annotations"])


def test_set_thresholds(run: Run, tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.mkdir()
    content = (builtin_images() / "washer" / "good.png").read_bytes()
    for number in range(9):
        (good / f"{number}.png").write_bytes(content)
    text = run("set_thresholds", good, builtin_bundle(), tmp_path / "thresholds.json")
    assert re.search(r"^threshold [\d.]+ from 9 good images$", text, re.MULTILINE)
    assert "decides on cpu with onnxruntime" in text


def test_every_example_is_run_here() -> None:
    named = set(re.findall(r'run\(\s*"(\w+)"', Path(__file__).read_text()))
    assert named == {path.stem for path in EXAMPLES.glob("*.py")}
