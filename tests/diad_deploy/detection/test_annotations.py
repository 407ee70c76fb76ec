"""Regions as COCO and Label Studio JSON, with numbers checked by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diad_deploy import Detection, OptionError, Region, ResultRow, to_coco, to_label_studio
from diad_deploy.detection.annotations import AnnotatedImage
from tests.diad_deploy.fake_detector import IMAGE

SQUARE = Region(
    contour=((10, 20), (10, 29), (19, 29), (19, 20)),
    box=(10, 20, 10, 10),
    area_px=100,
    peak=0.75,
    peak_xy=(12, 22),
)
PIXEL = Region(contour=((5, 5),), box=(5, 5, 1, 1), area_px=1, peak=0.5, peak_xy=(5, 5))
LINE = Region(contour=((0, 3), (9, 3)), box=(0, 3, 10, 1), area_px=10, peak=0.5, peak_xy=(0, 3))


def image(*regions: Region, file_name: str = "a.png") -> AnnotatedImage:
    return AnnotatedImage(file_name=file_name, width=200, height=50, score=0.5, regions=regions)


def detection() -> Detection:
    anomaly_map = np.zeros((64, 64), np.float32)
    anomaly_map[10:20, 30:50] = 0.5
    return Detection(
        score=0.4,
        anomaly_map=anomaly_map,
        reconstruction=np.zeros((3, 64, 64), np.float32),
        image_size_px=(64, 64),
        image=IMAGE,
        threshold=0.3,
        pixel_threshold=0.3,
        path=Path("line 1") / "a.png",
    )


def test_coco() -> None:
    found = to_coco([image(SQUARE, PIXEL), image(file_name="b.png"), image(LINE)])
    assert found["categories"] == [{"id": 1, "name": "defect", "supercategory": "anomaly"}]
    first = {"id": 1, "file_name": "a.png", "width": 200, "height": 50, "score": 0.5}
    assert found["images"][:2] == [first, {**first, "id": 2, "file_name": "b.png"}]
    assert [(one["id"], one["image_id"]) for one in found["annotations"]] == [
        (1, 1),
        (2, 1),
        (3, 3),
    ]
    assert found["annotations"][0] == {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [10, 20, 10, 10],
        "area": 100,
        "segmentation": [[10, 20, 10, 29, 19, 29, 19, 20]],
        "iscrowd": 0,
        "score": 0.75,
    }
    assert json.loads(json.dumps(found)) == found


def test_a_point_or_a_line_is_no_polygon_so_its_box_is() -> None:
    _, pixel, line = to_coco([image(SQUARE, PIXEL, LINE)])["annotations"]
    assert pixel["segmentation"] == [[5, 5, 6, 5, 6, 6, 5, 6]]
    assert line["segmentation"] == [[0, 3, 10, 3, 10, 4, 0, 4]]


def test_label_studio_polygons_are_in_percent() -> None:
    [task] = to_label_studio([image(SQUARE)], prefix="/data/local-files/?d=")
    assert task["data"] == {"image": "/data/local-files/?d=a.png"}
    [prediction] = task["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("diad", 0.5)
    assert prediction["result"] == [
        {
            "id": "region-1",
            "from_name": "label",
            "to_name": "image",
            "type": "polygonlabels",
            "original_width": 200,
            "original_height": 50,
            "image_rotation": 0,
            "value": {
                "points": [[5.0, 40.0], [5.0, 58.0], [9.5, 58.0], [9.5, 40.0]],
                "closed": True,
                "polygonlabels": ["defect"],
            },
            "score": 0.75,
        }
    ]


def test_label_studio_rectangles_are_in_percent() -> None:
    [task] = to_label_studio([image(SQUARE)], shape="rectangle", label="scratch", from_name="tag")
    [result] = task["predictions"][0]["result"]
    assert (result["type"], result["from_name"]) == ("rectanglelabels", "tag")
    expected = {"x": 5.0, "y": 40.0, "width": 5.0, "height": 20.0, "rotation": 0}
    assert result["value"] == {**expected, "rectanglelabels": ["scratch"]}


def test_a_detection_is_named_by_its_path() -> None:
    found = detection()
    coco = found.to_coco()
    assert coco["images"][0]["file_name"] == "line 1/a.png"
    [annotation] = coco["annotations"]
    assert (annotation["bbox"], annotation["area"], annotation["score"]) == (
        [30, 10, 20, 10],
        200,
        0.5,
    )
    assert found.to_label_studio("x.png")["data"] == {"image": "x.png"}
    assert found.to_coco(above=0.6)["annotations"] == []
    with pytest.raises(OptionError, match="the image was an array, so there is no name"):
        replace(found, path=None).to_coco()


def test_rows_of_a_report_are_annotated_too() -> None:
    row = ResultRow(
        picture="a", path="p/a.png", status="ok", score=0.5, width=200, height=50, regions=(SQUARE,)
    )
    assert to_coco([row]) == to_coco([image(SQUARE, file_name="p/a.png")])
    with pytest.raises(OptionError, match="the image failed or the run had no threshold"):
        to_coco([ResultRow(picture="b", path="b.png", status="failed")])
