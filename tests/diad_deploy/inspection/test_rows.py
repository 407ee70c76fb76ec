"""Rows of images that were inspected and of those that could not be read."""

from pathlib import Path

import numpy as np

from diad_deploy.detection import Detection
from diad_deploy.images.discover import ImageFile
from diad_deploy.inspection.rows import failed_row, ok_row
from diad_deploy.report.results import ResultRow
from diad_deploy.streaming.stream import Inspected, Unread
from tests.diad_deploy.fake_detector import IMAGE, plain

FILE = ImageFile(path=Path("in/a.png"), name="a.png")


def inspected() -> Inspected:
    anomaly_map = np.zeros((64, 64), np.float32)
    anomaly_map[8:16, 8:24] = 0.5
    detection = Detection(
        score=0.123456789,
        anomaly_map=anomaly_map,
        reconstruction=np.zeros((3, 64, 64), np.float32),
        image_size_px=(64, 64),
        image=IMAGE,
    )
    return Inspected(file=FILE, identity=(9, 8), pixels=plain(1, 64, 64), detection=detection)


def test_without_thresholds_nothing_is_decided() -> None:
    result = inspected()
    assert ok_row(result, result.detection, "npy") == ResultRow(
        picture="a.png",
        path="in/a.png",
        status="ok",
        score=0.123457,
        width=64,
        height=64,
        heatmap="heatmaps/a.png.png",
        map="maps/a.png.npy",
        size_bytes=9,
        modified_ns=8,
    )


def test_with_thresholds_the_row_says_where() -> None:
    result = inspected()
    row = ok_row(result, result.detection.decided_by(0.1, 0.2, class_name="screw"), None)
    assert (row.class_name, row.threshold, row.decision) == ("screw", 0.1, "defect")
    assert (row.margin, row.map) == (0.023457, None)
    assert row.regions is not None
    assert [region.box for region in row.regions] == [(8, 8, 16, 8)]


def test_an_image_that_could_not_be_read() -> None:
    row = failed_row(Unread(file=FILE, identity=None, reason="gone"))
    assert row == ResultRow(picture="a.png", path="in/a.png", status="failed", reason="gone")
