"""Bootstrap intervals have the right coverage, and the AUROC is scikit-learn's."""

from itertools import pairwise

import numpy as np
import pytest

from demo import bootstrap
from demo.bootstrap import intervals, resample
from demo.metrics import Scored, auroc


def drawn(seed: int, count: int, shift: float) -> list[Scored]:
    """`count` images, every other one defective; a defect raises map and score by `shift`."""
    rng = np.random.default_rng(seed)
    images = []
    for index in range(count):
        mask = np.zeros((16, 16), dtype=bool)
        mask[4:9, 4:9] = index % 2 == 1
        anomaly_map = (rng.normal(size=mask.shape) + shift * mask).astype(np.float32)
        score = float(rng.normal() + shift * (index % 2))
        images.append(
            Scored(
                product="a",
                defect="x" if index % 2 else None,
                mask=mask,
                anomaly_map=anomaly_map,
                score=score,
            )
        )
    return images


def test_counting_in_bins_is_the_auroc(monkeypatch: pytest.MonkeyPatch) -> None:
    images = drawn(1, 20, 1.0)
    monkeypatch.setattr(bootstrap, "_resample_counts", lambda bad, rng: np.ones((1, len(bad))))
    found, exact = resample(images), auroc(images)
    assert found["image"][0] == pytest.approx(exact["image_auroc"], abs=1e-12)
    assert found["pixel"][0] == pytest.approx(exact["pixel_auroc"], abs=1e-3)


def test_more_images_make_the_interval_smaller() -> None:
    widths = []
    for count in (10, 40, 160):
        each, mean = intervals({"a": drawn(2, count, 1.0)})
        exact = auroc(drawn(2, count, 1.0))
        assert each["a"] == mean
        for level in ("image", "pixel"):
            assert mean[f"{level}_low"] <= exact[f"{level}_auroc"] <= mean[f"{level}_high"]
        widths.append(mean["image_high"] - mean["image_low"])
    assert all(wide > narrow for wide, narrow in pairwise(widths))


def test_intervals_hold_the_true_value_in_95_percent() -> None:
    # two normals one apart: the true AUROC is Phi(1 / sqrt(2)) = 0.7602
    held = 0
    for seed in range(60):
        _, mean = intervals({"a": drawn(seed, 60, 1.0)})
        held += mean["image_low"] <= 0.7602 <= mean["image_high"]
    assert 0.85 <= held / 60 <= 1.0


def test_mean_over_classes_is_narrower_than_a_class() -> None:
    each, mean = intervals({name: drawn(place, 40, 1.0) for place, name in enumerate("abcd")})
    narrowest = min(f["image_high"] - f["image_low"] for f in each.values())
    assert mean["image_high"] - mean["image_low"] < narrowest
