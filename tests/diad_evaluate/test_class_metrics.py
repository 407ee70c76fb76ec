"""Undefined or unusual metrics of a class are noted, and the others are computed."""

from collections.abc import Iterator

import numpy as np
import pytest

from diad_deploy.labelled.mask_findings import MaskTally
from diad_evaluate.class_images import ClassImages, class_images
from diad_evaluate.class_metrics import class_result
from diad_evaluate.metrics.figures import EXACT_AU_PRO, IMAGE_METRICS, METRICS, PIXEL_METRICS
from diad_evaluate.results import ClassResult
from tests.diad_evaluate.random_maps import random_class

PIXELS = {*PIXEL_METRICS, EXACT_AU_PRO}


@pytest.fixture
def images() -> Iterator[ClassImages]:
    with class_images(8, 24) as found:
        yield found


def fill(images: ClassImages, *, scores: dict[bool, list[float]], maps: bool = True) -> None:
    each = random_class(1, levels=None)
    for defective, own in scores.items():
        for score in own:
            images.add(defective=defective, score=score)
    if maps:
        for anomaly_map, mask in zip(each.maps, each.masks, strict=True):
            images.add_map(anomaly_map, mask)


def result(images: ClassImages, tally: MaskTally | None = None, failed: int = 0) -> ClassResult:
    return class_result("a", images, tally or MaskTally(), failed=failed)


def test_a_class_with_everything(images: ClassImages) -> None:
    fill(images, scores={False: [0.1, 0.2], True: [0.5, 0.15, 0.9]})
    found = result(images)
    assert found.figures.keys() == set(METRICS)
    assert (found.good, found.defective, found.masked) == (2, 3, 5)
    assert (found.undefined, found.notes) == ({}, ())
    assert found.threshold == 0.15
    assert found.curves.image_roc
    assert found.curves.pixel_pro


@pytest.mark.parametrize(("kind", "word"), [(False, "good"), (True, "defective")])
def test_one_kind_only(images: ClassImages, kind: bool, word: str) -> None:
    fill(images, scores={kind: [0.1, 0.2]})
    found = result(images)
    assert found.undefined == dict.fromkeys(IMAGE_METRICS, f"only {word} images")
    assert found.figures.keys() == PIXELS
    assert found.threshold is None
    assert found.notes == (f"image metrics undefined and left out of the mean: only {word} images",)
    assert found.curves.image_roc == ()


def test_nothing_marked(images: ClassImages) -> None:
    fill(images, scores={False: [0.1], True: [0.5]}, maps=False)
    found = result(images)
    assert found.figures.keys() == set(IMAGE_METRICS)
    assert found.undefined == dict.fromkeys(
        (*PIXEL_METRICS, EXACT_AU_PRO), "no pixel is marked as defective"
    )


def test_nothing_read(images: ClassImages) -> None:
    found = result(images, failed=3)
    assert found.figures == {}
    assert set(found.undefined) == set(METRICS)
    assert found.undefined["image_auroc"] == "no image could be read"
    assert found.notes[0] == "images that failed: 3"


def test_flat_maps_have_no_published_au_pro(images: ClassImages) -> None:
    fill(images, scores={False: [0.1], True: [0.5]}, maps=False)
    mask = np.zeros((24, 24), dtype=bool)
    mask[3:6, 4:9] = True
    images.add_map(np.full((24, 24), 0.5, np.float32), mask)
    found = result(images)
    assert found.undefined.keys() == {"pixel_au_pro"}
    assert found.figures[EXACT_AU_PRO] == pytest.approx(0.15)


def test_an_auroc_under_half_is_named_with_the_published_one(images: ClassImages) -> None:
    fill(images, scores={False: [0.9, 0.8, 0.7], True: [0.1, 0.75]})
    found = result(images)
    assert found.figures["image_auroc"] == pytest.approx(1 / 6)
    assert found.notes == (
        "image_auroc 0.1667 is reported as it is; the published code would report "
        "1 - image_auroc = 0.8333",
    )
