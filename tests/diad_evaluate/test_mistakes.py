"""The images shown as mistakes, and their data."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy.detection import Detection
from diad_deploy.images.discover import ImageFile
from diad_deploy.labelled.labelled_image import LabelledImage
from diad_deploy.streaming.stream import Inspected
from diad_evaluate.mistakes import THUMBNAIL_PX, Candidates, Mistake, worst
from tests.diad_deploy.fake_detector import IMAGE, plain


def labelled(name: str, kind: str) -> LabelledImage:
    return LabelledImage(path=Path(name), name=name, product="a", kind=kind)


def inspected(name: str, score: float, width: int = 320, height: int = 200) -> Inspected:
    side = IMAGE.size_px
    detection = Detection(
        score=score,
        anomaly_map=np.full((side, side), score, np.float32),
        reconstruction=np.zeros((3, side, side), np.float32),
        image_size_px=(height, width),
        image=IMAGE,
    )
    file = ImageFile(path=Path(name), name=name)
    pixels = plain(100, width, height)
    return Inspected(file=file, identity=None, pixels=pixels, detection=detection)


def offered(images: dict[str, tuple[str, float]], limit: int = 2) -> Candidates:
    candidates = Candidates((0.0, 1.0), limit)
    for name, (kind, score) in images.items():
        mask = np.ones((8, 8), dtype=bool) if kind != "good" else np.zeros((8, 8), dtype=bool)
        candidates.add(labelled(name, kind), inspected(name, score), mask)
    return candidates


def names(mistakes: list[Mistake]) -> list[str]:
    return [each.image.name for each in mistakes]


IMAGES = {
    "g1": ("good", 0.3),
    "g2": ("good", 0.9),
    "g3": ("good", 0.7),
    "g4": ("good", 0.6),
    "d1": ("dent", 0.2),
    "d2": ("dent", 0.8),
    "d3": ("dent", 0.1),
    "d4": ("dent", 0.4),
}


def test_the_furthest_on_the_wrong_side() -> None:
    false_alarms, misses = offered(IMAGES).mistakes(0.5)
    assert names(false_alarms) == ["g2", "g3"]
    assert names(misses) == ["d3", "d1"]
    assert [each.margin for each in misses] == pytest.approx([0.4, 0.3])


def test_only_the_wrong_side_of_the_threshold_counts() -> None:
    false_alarms, misses = offered(IMAGES, limit=9).mistakes(0.7)
    # a score at the threshold is called defective
    assert names(false_alarms) == ["g2", "g3"]
    assert names(misses) == ["d3", "d1", "d4"]
    assert [names(each) for each in offered(IMAGES, limit=0).mistakes(0.5)] == [[], []]


def test_the_worst_of_all_classes() -> None:
    mistakes = [each for part in offered(IMAGES).mistakes(0.5) for each in part]
    assert names(list(worst(mistakes, 3))) == ["d3", "g2", "d1"]


def test_small_images_in_the_images_shape() -> None:
    false_alarms, misses = offered(IMAGES).mistakes(0.5)
    assert false_alarms[0].thumbnails.keys() == {"input", "reconstruction", "heatmap"}
    assert misses[0].thumbnails.keys() == {"input", "reconstruction", "heatmap", "mask"}
    for source in misses[0].thumbnails.values():
        head, content = source.split(",")
        assert head == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(base64.b64decode(content))) as image:
            assert image.size == (THUMBNAIL_PX, 100)
    assert (misses[0].width, misses[0].height) == (THUMBNAIL_PX, 100)
