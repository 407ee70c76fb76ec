"""What `python -m demo.choose` compares."""

import numpy as np
import pytest
from click.testing import CliRunner

from demo.choose import POOLS, SIGMAS_PX, Choice, command, compare, heatmap_scale, score_by_matrices
from demo.drawing.dataset import Sample

SIDE = 32


def sample(*, defective: bool) -> Sample:
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[8:16, 8:16] = defective
    return Sample(
        image=np.zeros((SIDE, SIDE, 3), dtype=np.uint8),
        mask=mask,
        product="part",
        defect="dent" if defective else None,
        seed=(0,),
    )


def distances(at: tuple[int, int], height: float) -> list[np.ndarray]:
    found = np.zeros((8, 8), dtype=np.float32)
    found[at] = height
    return [found]


GOOD, BAD = sample(defective=False), sample(defective=True)
SAMPLES = [GOOD, BAD]


def best(found: list[list[np.ndarray]]) -> Choice:
    choices = list(compare(SAMPLES, found, SIDE, (10, "trailing")))
    assert len(choices) == len(SIGMAS_PX) * len(POOLS)
    assert all(choice.schedule == (10, "trailing") for choice in choices)
    return max(choices, key=lambda c: c.image_auroc + c.pixel_auroc)


def test_a_peak_at_the_defect_has_auroc_1() -> None:
    choice = best([distances((5, 5), 0.2), distances((2, 2), 1.0)])
    assert choice.image_auroc == 1.0
    assert choice.pixel_auroc > 0.95


def test_a_peak_elsewhere_has_not() -> None:
    choice = best([distances((5, 5), 1.0), distances((6, 6), 0.2)])
    assert choice.image_auroc == 0.0
    assert choice.pixel_auroc < 0.9


def test_heatmap_scale_is_between_good_and_defective_pixels() -> None:
    scored = [
        score_by_matrices(GOOD, distances((5, 5), 0.2), SIDE, 1.0),
        score_by_matrices(BAD, distances((2, 2), 1.0), SIDE, 1.0),
    ]
    low, high = heatmap_scale(scored)
    assert low == pytest.approx(float(np.percentile(scored[0].anomaly_map, 90)))
    assert low < high <= scored[1].anomaly_map.max()


def test_help_holds_an_example() -> None:
    assert "Example: python -m demo.choose" in CliRunner().invoke(command, ["--help"]).output
