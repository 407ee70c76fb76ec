"""The metrics against what the published code gave, and against scikit-learn on all pixels."""

import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from diad_deploy.errors import EvaluationError
from diad_evaluate.metrics.figures import (
    EXACT_AU_PRO,
    IMAGE_METRICS,
    METRICS,
    PIXEL_METRICS,
    Figures,
    best_threshold,
    describe_metrics,
    image_figures,
    pixel_figures,
    rank_images,
)
from tests.diad_evaluate.random_maps import random_class
from tests.golden_case import GOLDEN

PUBLISHED = dict(
    zip(
        ("max", "apsp", "f1sp", "pixel", "appx", "f1px", "pro"),
        (*IMAGE_METRICS, *PIXEL_METRICS),
        strict=True,
    )
)
CLASSES = ("bottle", "cable", "zipper")


def published_score(anomaly_map: np.ndarray) -> float:
    """Eight average pools of 8 x 8 in a row, then the maximum."""
    pooled = anomaly_map.astype(np.float64)
    for _ in range(8):
        pooled = np.lib.stride_tricks.sliding_window_view(pooled, (8, 8)).mean(axis=(-1, -2))
    return float(pooled.max())


@pytest.fixture(scope="module")
def golden() -> dict[str, Figures]:
    """Our figures of the golden maps."""
    values = np.load(GOLDEN / "metrics_public.npz")
    found = {}
    for name in CLASSES:
        own = values["classes"] == name
        maps, masks = values["preds"][own], values["masks"][own] > 0
        scores = [published_score(anomaly_map) for anomaly_map in maps]
        pixels, _ = pixel_figures(maps, masks)
        found[name] = image_figures(masks.any(axis=(1, 2)), scores) | pixels
    return found


def as_published(name: str, value: float) -> float:
    return max(value, 1 - value) if name.endswith("auroc") else value


@pytest.mark.parametrize("published", PUBLISHED)
def test_what_the_published_code_gave(golden: dict[str, Figures], published: str) -> None:
    recorded = json.loads((GOLDEN / "metrics_public.json").read_text())
    name = PUBLISHED[published]
    ours = {each: as_published(name, golden[each][name]) for each in CLASSES}
    for each in CLASSES:
        assert ours[each] == pytest.approx(recorded[f"{each}_{published}_auc"], abs=1e-9)
    mean = recorded[f"mean_{published}_auc"]
    assert np.mean(list(ours.values())) == pytest.approx(mean, abs=1e-9)


def test_the_exact_area_stands_beside(golden: dict[str, Figures]) -> None:
    for figures in golden.values():
        assert figures.keys() == set(METRICS)
        assert figures[EXACT_AU_PRO] == pytest.approx(figures["pixel_au_pro"], abs=0.02)
        assert figures[EXACT_AU_PRO] != figures["pixel_au_pro"]


@pytest.mark.parametrize("levels", [None, 5, 60])
@pytest.mark.parametrize("seed", range(4))
def test_pixels_as_scikit_learn_on_all_of_them(seed: int, levels: int | None) -> None:
    each = random_class(seed, levels=levels)
    found, _ = pixel_figures(each.maps, each.masks, chunk_px=1000)
    truth, values = each.masks.ravel(), each.maps.ravel()
    precision, recall, _ = precision_recall_curve(truth, values)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-30)
    assert found["pixel_auroc"] == pytest.approx(roc_auc_score(truth, values), abs=1e-12)
    assert found["pixel_ap"] == pytest.approx(average_precision_score(truth, values), abs=1e-12)
    assert found["pixel_f1_max"] == pytest.approx(f1.max(), abs=1e-12)


def test_an_auroc_under_half_stays() -> None:
    found = image_figures([False, False, False, True], [0.9, 0.8, 0.1, 0.2])
    assert found["image_auroc"] == pytest.approx(1 / 3)


def test_the_threshold_is_the_lowest_that_has_the_highest_f1() -> None:
    ranked = rank_images([False, False, True, True], [0.1, 0.6, 0.5, 0.9])
    # from 0.5 up: two found, one false alarm
    assert best_threshold(ranked) == 0.5
    assert best_threshold(rank_images([False, True], [0.1, 0.7])) == 0.7


def test_metrics_describe_metrics() -> None:
    assert describe_metrics(METRICS) == "image metrics, pixel metrics"
    assert describe_metrics([*IMAGE_METRICS, "pixel_ap"]) == "image metrics, pixel_ap"
    assert describe_metrics(["image_ap"]) == "image_ap"


def test_one_kind_has_no_metrics() -> None:
    with pytest.raises(EvaluationError, match="found 2 good and 0 defective"):
        image_figures([False, False], [0.1, 0.2])
    maps = np.zeros((1, 4, 4), dtype=np.float32)
    with pytest.raises(EvaluationError, match=r"pixels: .*found 0 good and 16 defective"):
        pixel_figures(maps, np.ones(maps.shape, dtype=bool))


def test_numbers_that_are_none() -> None:
    with pytest.raises(EvaluationError, match="scores: expected finite numbers"):
        image_figures([False, True], [0.1, float("nan")])
    each = random_class(0, levels=None)
    each.maps[2, 3, 3] = np.inf
    with pytest.raises(EvaluationError, match="maps: expected finite numbers"):
        pixel_figures(each.maps, each.masks)
