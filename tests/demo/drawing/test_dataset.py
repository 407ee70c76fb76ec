"""The demo's images are seeded, split without overlap, and not trivial."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score

from demo.drawing.dataset import (
    DEFECTS,
    HELD_OUT_DEFECTS,
    PRODUCTS,
    draw_generic_images,
    draw_sample,
    draw_split,
    draw_training_images,
    split_requests,
)
from demo.drawing.defects import defects_for
from diad_deploy.errors import OptionError

SIZE_PX = 64
PAIRS = [(product, defect) for product in PRODUCTS for defect in defects_for(product)]


def test_enough_classes_and_kinds() -> None:
    assert len(PRODUCTS) >= 6
    assert len(DEFECTS) >= 6
    assert len(HELD_OUT_DEFECTS) == 2
    assert set(HELD_OUT_DEFECTS) < set(DEFECTS)


@pytest.mark.parametrize("product", PRODUCTS)
def test_same_seed_same_image(product: str) -> None:
    one, same, other = (draw_sample(product, (7, seed), size_px=SIZE_PX) for seed in (1, 1, 2))
    assert np.array_equal(one.image, same.image)
    assert not np.array_equal(one.image, other.image)
    assert one.image.shape == (SIZE_PX, SIZE_PX, 3)
    assert one.image.dtype == np.uint8
    assert not one.mask.any()


@pytest.mark.parametrize(("product", "defect"), PAIRS)
def test_defect_changes_the_image_where_the_mask_says(product: str, defect: str) -> None:
    good = draw_sample(product, (7, 3), size_px=SIZE_PX)
    bad = draw_sample(product, (7, 3), defect=defect, size_px=SIZE_PX)
    assert bad.mask.any()
    assert bad.mask.mean() < 0.4
    change = np.abs(good.image.astype(int) - bad.image).max(axis=-1)
    assert change[bad.mask].max() > 20
    assert change[~bad.mask].max() <= 13


def test_splits_share_no_seed_and_training_has_no_defect() -> None:
    requests = {name: split_requests(name, 20) for name in ("train", "validation", "test")}
    seeds = [request.seed for part in requests.values() for request in part]
    assert len(set(seeds)) == len(seeds)
    assert not [r for r in requests["train"] if r.defect is not None]
    for name in ("validation", "test"):
        assert sum(r.defect is not None for r in requests[name]) == len(requests[name]) // 2


def test_held_out_kinds_are_only_in_the_test_split() -> None:
    shown = {
        name: {r.defect for r in split_requests(name, 40)} - {None}
        for name in ("validation", "test")
    }
    assert not shown["validation"] & set(HELD_OUT_DEFECTS)
    assert shown["test"] == set(DEFECTS)


def test_drawing_many_is_drawing_each() -> None:
    together = draw_training_images(2, size_px=SIZE_PX, workers=2)
    each = [sample.image for sample in draw_split("train", per_product=2, size_px=SIZE_PX)]
    assert np.array_equal(together, each)
    generic = draw_generic_images(3, size_px=SIZE_PX, workers=1)
    assert generic.shape == (3, SIZE_PX, SIZE_PX, 3)
    assert generic.std(axis=(1, 2, 3)).min() > 3


def test_unknown_names_are_rejected() -> None:
    with pytest.raises(OptionError, match="product 'spoon': expected one of board"):
        draw_sample("spoon", (1,))
    with pytest.raises(OptionError, match="defect 'missing_part' of washer: expected one of"):
        draw_sample("washer", (1,), defect="missing_part")
    with pytest.raises(OptionError, match="split 'exam': expected one of train"):
        split_requests("exam", 1)  # type: ignore[arg-type]


def test_difference_to_the_mean_image_does_not_find_the_defects() -> None:
    """If it did, any method would look good on these data."""
    found = []
    test = list(draw_split("test", per_product=16, size_px=SIZE_PX))
    train = list(draw_split("train", per_product=16, size_px=SIZE_PX))
    for product in PRODUCTS:
        mean = np.mean([s.image for s in train if s.product == product], axis=0)
        own = [s for s in test if s.product == product]
        difference = [np.abs(s.image - mean).mean(axis=-1) for s in own]
        scores = [gaussian_filter(d, 1.25).max() for d in difference]
        found.append(roc_auc_score([s.defect is not None for s in own], scores))
    assert np.mean(found) < 0.7
