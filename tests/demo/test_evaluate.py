"""`python -m demo.evaluate` on the built-in bundle."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from demo.drawing.dataset import HELD_OUT_DEFECTS, PRODUCTS
from demo.evaluate import as_text, command, evaluate
from demo.metrics import Scored, auroc, by_class, by_kind, mean_over_classes
from diad_deploy.bundle.folder import Bundle


def scored(product: str, defect: str | None, score: float) -> Scored:
    mask = np.zeros((4, 4), dtype=bool)
    mask[0, 0] = defect is not None
    anomaly_map = np.full((4, 4), 0.1, dtype=np.float32)
    anomaly_map[0, 0] = score
    return Scored(product=product, defect=defect, mask=mask, anomaly_map=anomaly_map, score=score)


def test_auroc_of_a_known_case() -> None:
    images = [scored("a", None, 0.2), scored("a", "x", 0.9), scored("a", "x", 0.15)]
    assert auroc(images)["image_auroc"] == pytest.approx(0.5)
    assert auroc(images)["pixel_auroc"] == pytest.approx((46 + 45) / 92)


def test_classes_and_their_mean() -> None:
    images = [
        scored(name, defect, score)
        for name, good, bad in (("a", 0.2, 0.9), ("b", 0.9, 0.2))
        for defect, score in ((None, good), ("x", bad))
    ]
    classes = by_class(images)
    assert classes["a"]["image_auroc"] == 1.0
    assert classes["b"]["image_auroc"] == 0.0
    assert mean_over_classes(classes)["image_auroc"] == 0.5


def test_json_has_all_figures() -> None:
    result = CliRunner().invoke(command, ["--json", "--per-product", "2"], catch_exceptions=False)
    found = json.loads(result.output)
    assert found["classes"].keys() == PRODUCTS.keys()
    assert found["steps"].keys() >= {"1", "2", "5", "10"}
    assert found["steps"]["10"].items() <= found["mean"].items()
    assert found["pictures"] == 2 * len(PRODUCTS)
    for figures in (found["mean"], found["autoencoder_only"], *found["classes"].values()):
        assert figures.keys() == {
            f"{level}_{figure}"
            for level in ("image", "pixel")
            for figure in ("auroc", "low", "high")
        }
        assert all(0 <= value <= 1 for value in figures.values())
    for kind, figures in found["kinds"].items():
        assert figures["held_out"] == (kind in HELD_OUT_DEFECTS)


def test_a_kind_is_compared_with_the_good_images_of_its_classes() -> None:
    images = [
        scored("a", None, 0.5),
        scored("a", "x", 0.9),
        scored("a", "y", 0.2),
        scored("b", None, 0.5),
        scored("b", "y", 0.9),
    ]
    kinds = by_kind(images)
    assert kinds["x"]["image_auroc"] == 1.0
    assert kinds["y"]["image_auroc"] == 0.5


def test_text_has_a_row_for_each_class(standin_bundle: Bundle) -> None:
    from demo.drawing.dataset import draw_split

    size_px = standin_bundle.manifest.image.size_px
    samples = list(draw_split("test", per_product=2, size_px=size_px))
    lines = as_text(evaluate(standin_bundle, samples)).splitlines()
    assert len(lines) >= len(PRODUCTS) + 3
