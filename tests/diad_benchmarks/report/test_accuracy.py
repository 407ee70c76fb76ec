"""A row is compared on what both ran, and a flip is counted."""

from pathlib import Path

import numpy as np
import pytest

from diad_benchmarks.report.accuracy import Found, compare_with_reference
from diad_export.verify.agreement import Outcome, Truth

SCORES = np.array([0.1, 0.2, 0.8, 0.9], dtype=np.float32)


def found(places: tuple[int, ...], scores: np.ndarray) -> Found:
    maps = np.random.default_rng(0).random((len(places), 4, 4), dtype=np.float32)
    return Found(places=places, outcome=Outcome(maps=maps, scores=scores))


def truth() -> Truth:
    mask = np.zeros((4, 4), dtype=np.bool_)
    marked = mask.copy()
    marked[1, 1] = True
    return Truth(
        names=("a", "b", "c", "d", "e"),
        defective=(False, False, True, True, False),
        masks=[mask, mask, marked, marked, mask],
    )


def test_equal_rows() -> None:
    accuracy = compare_with_reference(
        found((0, 1, 2, 3), SCORES), found((0, 1, 2, 3), SCORES), truth()
    )
    assert accuracy is not None
    assert (accuracy.pictures, accuracy.flipped, accuracy.largest_difference) == (4, 0, 0.0)
    assert accuracy.image_auroc == 1.0
    assert accuracy.image_auroc_change == 0.0


def test_a_flip_costs_auroc() -> None:
    other = SCORES.copy()
    other[2] = 0.15
    accuracy = compare_with_reference(
        found((0, 1, 2, 3), SCORES), found((0, 1, 2, 3), other), truth()
    )
    assert accuracy is not None
    assert accuracy.flipped == 1
    assert accuracy.image_auroc_change == pytest.approx(-0.25)


def test_only_what_both_ran() -> None:
    reference = found((0, 1, 2, 3), SCORES)
    accuracy = compare_with_reference(reference, found((3, 4), SCORES[[3, 0]]), truth())
    assert accuracy is not None
    assert (accuracy.pictures, accuracy.largest_difference) == (1, 0.0)
    assert compare_with_reference(reference, found((4,), SCORES[:1]), truth()) is None


def test_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "found.npz"
    np.savez(path, places=np.array([2, 0]), maps=np.zeros((2, 3, 3)), scores=SCORES[:2])
    assert Found.read(path).places == (2, 0)
