"""The paper's figures stand only beside the paper's data."""

import pytest

from diad_evaluate.metrics.figures import IMAGE_METRICS, PIXEL_METRICS
from diad_evaluate.metrics.paper import PAPER, paper_figures


@pytest.mark.parametrize(
    ("layout", "count", "percent"),
    [
        ("mvtec-ad", 15, [97.2, 99.0, 96.5, 96.8, 52.6, 55.5, 90.7]),
        ("visa", 12, [86.8, 88.3, 85.1, 96.0, 26.1, 33.0, 75.2]),
    ],
)
def test_its_figures(layout: str, count: int, percent: list[float]) -> None:
    (paper,) = (each for each in PAPER if each.layout == layout)
    assert len(set(paper.classes)) == count
    shares = [paper.figures[name] for name in (*IMAGE_METRICS, *PIXEL_METRICS)]
    assert [share * 100 for share in shares] == pytest.approx(percent)
    assert paper_figures(layout, paper.classes) is paper
    assert paper_figures(layout, paper.classes[1:]) is None


def test_other_data_in_the_same_layout() -> None:
    assert paper_figures("mvtec-ad", ["washer", "screw"]) is None
    assert paper_figures("plain", PAPER[0].classes) is None
    assert paper_figures("visa", PAPER[0].classes) is None
    assert paper_figures("mvtec-ad", []) is None
