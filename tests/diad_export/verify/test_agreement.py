"""Agreement of maps, scores and decisions, on cases computed by hand."""

import numpy as np
import pytest

from diad_export.verify.agreement import Outcome, Truth, choose_threshold, compare_outcomes

MAPS = np.random.default_rng(0).normal(size=(4, 8, 8)).astype(np.float32)
SCORES = np.array([0.1, 0.2, 0.8, 0.9], dtype=np.float32)
MASK = np.zeros((8, 8), dtype=bool)
MASK[2:4, 2:4] = True
NOTHING = np.zeros((8, 8), dtype=bool)
LABELLED = Truth(
    names=("a", "b", "c", "d"),
    defective=(False, False, True, True),
    masks=[NOTHING, NOTHING, MASK, MASK],
)
UNLABELLED = Truth(names=LABELLED.names, defective=(None,) * 4, masks=[None] * 4)


def test_the_same_twice_agrees_in_all() -> None:
    outcome = Outcome(maps=MAPS, scores=SCORES)
    found = compare_outcomes(outcome, outcome, LABELLED, 0.5)
    assert found.least_correlation == pytest.approx(1.0)
    assert found.largest_difference == 0.0
    assert found.flipped == ()
    assert found.image_auroc_change == found.pixel_auroc_change == 0.0


def test_differences_are_reported() -> None:
    scores = np.array([0.1, 0.6, 0.8, 0.4], dtype=np.float32)
    maps = MAPS.copy()
    maps[2] = -maps[2]
    found = compare_outcomes(
        Outcome(maps=MAPS, scores=SCORES), Outcome(maps=maps, scores=scores), LABELLED, 0.5
    )
    assert found.flipped == ("b", "d")
    assert found.largest_difference == pytest.approx(0.5)
    assert found.least_correlation == pytest.approx(-1.0)
    assert found.image_auroc_change == pytest.approx(-0.25)
    assert found.pixel_auroc_change != 0.0


def test_without_labels_there_is_no_auroc() -> None:
    outcome = Outcome(maps=MAPS, scores=SCORES)
    found = compare_outcomes(outcome, outcome, UNLABELLED, 0.5)
    assert found.image_auroc_change is None
    assert found.pixel_auroc_change is None


def test_a_map_with_nan_agrees_with_nothing() -> None:
    wild = np.full_like(MAPS, np.nan)
    found = compare_outcomes(
        Outcome(maps=MAPS, scores=SCORES), Outcome(maps=wild, scores=SCORES), LABELLED, 0.5
    )
    assert found.least_correlation == 0.0


def test_the_threshold_is_the_given_one_first() -> None:
    assert choose_threshold(0.3, SCORES, LABELLED) == (0.3, "as given")


def test_the_threshold_with_the_highest_f1_splits_the_labels() -> None:
    threshold, origin = choose_threshold(None, SCORES, LABELLED)
    assert threshold == pytest.approx(0.5)
    assert "F1" in origin


def test_without_defects_the_threshold_is_a_percentile_of_the_good() -> None:
    truth = Truth(names=LABELLED.names, defective=(False,) * 4, masks=[None] * 4)
    threshold, origin = choose_threshold(None, SCORES, truth)
    assert threshold == pytest.approx(np.percentile(SCORES, 95))
    assert "good" in origin
