"""The record comes back as it was, and the CSV has a line a row."""

import csv
from pathlib import Path

from diad_benchmarks.report.compare import compare
from diad_benchmarks.report.results import FORMAT, read_results, to_csv, to_json
from tests.diad_benchmarks.planted import planted_results


def test_json_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(to_json(planted_results()))
    assert read_results(path) == planted_results()


def test_csv() -> None:
    rows = list(csv.DictReader(to_csv(planted_results()).decode().splitlines()))
    assert [row["name"] for row in rows] == ["published", "onnxruntime", "tensorrt"]
    assert float(rows[1]["p50_ms"]) == 200.0
    assert float(rows[1]["pictures_per_s_batch_8"]) > float(rows[1]["pictures_per_s_batch_1"])
    assert rows[1]["flipped"] == "0"
    assert rows[2]["why_not"].startswith("no GPU")
    assert rows[2]["p50_ms"] == ""


def test_records_of_the_first_format_are_still_read() -> None:
    old = read_results(Path(__file__).parents[3] / "docs" / "benchmarks" / "demo.json")
    assert old.format_revision < FORMAT
    assert old.gpu_unread is None
    assert not compare(old, old, limit=0.0).beyond
