"""What is undefined or unusual in a class is said, and the rest is there."""

from collections.abc import Iterator

import numpy as np
import pytest

from diad_deploy.labelled.mask_findings import MaskTally
from diad_evaluate.class_images import ClassPictures, class_pictures
from diad_evaluate.class_metrics import class_result
from diad_evaluate.metrics.figures import EXACT_AU_PRO, IMAGE_METRICS, METRICS, PIXEL_METRICS
from diad_evaluate.results import ClassResult
from tests.diad_evaluate.random_maps import random_class

PIXELS = {*PIXEL_METRICS, EXACT_AU_PRO}


@pytest.fixture
def pictures() -> Iterator[ClassPictures]:
    with class_pictures(8, 24) as found:
        yield found


def fill(pictures: ClassPictures, *, scores: dict[bool, list[float]], maps: bool = True) -> None:
    each = random_class(1, levels=None)
    for defective, own in scores.items():
        for score in own:
            pictures.add(defective=defective, score=score)
    if maps:
        for anomaly_map, mask in zip(each.maps, each.masks, strict=True):
            pictures.add_map(anomaly_map, mask)


def result(pictures: ClassPictures, tally: MaskTally | None = None, failed: int = 0) -> ClassResult:
    return class_result("a", pictures, tally or MaskTally(), failed=failed)


def test_a_class_with_everything(pictures: ClassPictures) -> None:
    fill(pictures, scores={False: [0.1, 0.2], True: [0.5, 0.15, 0.9]})
    found = result(pictures)
    assert found.figures.keys() == set(METRICS)
    assert (found.good, found.defective, found.masked) == (2, 3, 5)
    assert (found.undefined, found.notes) == ({}, ())
    assert found.threshold == 0.15
    assert found.curves.image_roc
    assert found.curves.pixel_pro


@pytest.mark.parametrize(("kind", "word"), [(False, "good"), (True, "defective")])
def test_one_kind_only(pictures: ClassPictures, kind: bool, word: str) -> None:
    fill(pictures, scores={kind: [0.1, 0.2]})
    found = result(pictures)
    assert found.undefined == dict.fromkeys(IMAGE_METRICS, f"only {word} pictures")
    assert found.figures.keys() == PIXELS
    assert found.threshold is None
    assert found.notes == (
        f"image metrics undefined and left out of the mean: only {word} pictures",
    )
    assert found.curves.image_roc == ()


def test_nothing_marked(pictures: ClassPictures) -> None:
    fill(pictures, scores={False: [0.1], True: [0.5]}, maps=False)
    found = result(pictures)
    assert found.figures.keys() == set(IMAGE_METRICS)
    assert found.undefined == dict.fromkeys(
        (*PIXEL_METRICS, EXACT_AU_PRO), "no pixel is marked as defective"
    )


def test_nothing_read(pictures: ClassPictures) -> None:
    found = result(pictures, failed=3)
    assert found.figures == {}
    assert set(found.undefined) == set(METRICS)
    assert found.undefined["image_auroc"] == "no picture could be read"
    assert found.notes[0] == "pictures that failed: 3"


def test_flat_maps_have_no_published_au_pro(pictures: ClassPictures) -> None:
    fill(pictures, scores={False: [0.1], True: [0.5]}, maps=False)
    mask = np.zeros((24, 24), dtype=bool)
    mask[3:6, 4:9] = True
    pictures.add_map(np.full((24, 24), 0.5, np.float32), mask)
    found = result(pictures)
    assert found.undefined.keys() == {"pixel_au_pro"}
    assert found.figures[EXACT_AU_PRO] == pytest.approx(0.15)


def test_an_auroc_under_half_is_named_with_the_published_one(pictures: ClassPictures) -> None:
    fill(pictures, scores={False: [0.9, 0.8, 0.7], True: [0.1, 0.75]})
    found = result(pictures)
    assert found.figures["image_auroc"] == pytest.approx(1 / 6)
    assert found.notes == (
        "image_auroc 0.1667 stands as it is; the published code would report 1 minus it, 0.8333",
    )
