"""The four files."""

import csv
import json
from pathlib import Path

from diad_deploy.labelled.mask_findings import MaskCounts
from diad_evaluate.metrics.figures import METRICS
from diad_evaluate.report.output import COLUMNS, write_evaluation
from tests.diad_evaluate.found_evaluations import NASTY, class_found, evaluation, mvtec_ad, row


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_files(tmp_path: Path) -> None:
    found = evaluation(
        class_found("pill", 0.5, notes=("one", "two")),
        class_found("screw", figures={"image_auroc": 0.75}, failed=2),
        rows=(row("a.png"), row(NASTY, status="failed", score=None, reason="empty, or so")),
    )
    write_evaluation(tmp_path, found)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("evaluation.csv", "evaluation.json", "page.html", "pictures.csv"),
    ]
    assert json.loads((tmp_path / "evaluation.json").read_text()) == found.as_json()
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")

    rows = read(tmp_path / "evaluation.csv")
    assert tuple(rows[0]) == COLUMNS
    assert [each["row"] for each in rows] == ["class", "class", "mean"]
    assert (rows[0]["class"], rows[0]["notes"]) == ("pill", "one; two")
    assert (rows[1]["image_auroc"], rows[1]["image_ap"], rows[1]["failed"]) == ("0.75", "", "2")
    assert (rows[2]["good"], rows[2]["image_auroc"], rows[2]["image_ap"]) == ("6", "0.625", "0.5")
    assert rows[2]["notes"].count("without screw") == len(METRICS) - 1

    images = read(tmp_path / "pictures.csv")
    assert [each["status"] for each in images] == ["ok", "failed"]
    assert images[1]["picture"] == "<b>&\"'\\udcff"
    assert (images[1]["score"], images[1]["reason"]) == ("", "empty, or so")


def test_the_papers_row_is_marked(tmp_path: Path) -> None:
    write_evaluation(tmp_path, mvtec_ad())
    last = read(tmp_path / "evaluation.csv")[-1]
    assert (last["row"], last["image_auroc"]) == ("paper", "0.972")
    assert last["notes"] == "the paper's, mean of 15 classes of MVTec-AD; not measured"


def test_masks_are_counted_in_the_table_and_listed_with_each_image(tmp_path: Path) -> None:
    found = evaluation(
        class_found("pill", masks=MaskCounts(empty=2, full=1)),
        class_found("screw", masks=MaskCounts(empty=1, lossy=3)),
        rows=(row("a.png", mask="marks nothing"), row("b.png")),
    )
    write_evaluation(tmp_path, found)
    rows = read(tmp_path / "evaluation.csv")
    columns = ("masks_empty", "masks_full", "masks_lossy", "masks_missing")
    assert [[each[name] for name in columns] for each in rows] == [
        ["2", "1", "0", "0"],
        ["1", "0", "3", "0"],
        ["3", "1", "3", "0"],
    ]
    assert [each["mask"] for each in read(tmp_path / "pictures.csv")] == ["marks nothing", ""]
    classes = json.loads((tmp_path / "evaluation.json").read_text())["classes"]
    assert (classes["pill"]["masks"]["empty"], classes["pill"]["masks"]["full"]) == (2, 1)
    assert "Image metrics only</th>" in (tmp_path / "page.html").read_text()
    assert '<td class="number">4</td>' in (tmp_path / "page.html").read_text()


def test_names_run_in_no_spreadsheet(tmp_path: Path) -> None:
    found = evaluation(class_found("=pill"), rows=(row("-1\r.png", score=-0.5),))
    write_evaluation(tmp_path, found)
    assert read(tmp_path / "evaluation.csv")[0]["class"] == "'=pill"
    [image] = read(tmp_path / "pictures.csv")
    assert (image["picture"], image["score"]) == ("'-1\r.png", "-0.5")
