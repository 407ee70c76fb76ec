"""What a card says of its image."""

from pathlib import Path

import pytest

from diad_deploy.regions import Region
from diad_deploy.report import folder as layout
from diad_deploy.report.page.cards import MAX_CORNERS, MAX_REGIONS, card
from diad_deploy.report.results import ResultRow


def row(width: int = 40, height: int = 20, corners: int = 3, regions: int = 1) -> ResultRow:
    contour = tuple((n, 2 * n) for n in range(corners))
    region = Region(contour=contour, box=(0, 0, 9, 9), area_px=9, peak=0.5, peak_xy=(1, 1))
    return ResultRow(
        picture="line/a b.png",
        path="a b.png",
        status="ok",
        score=0.5,
        width=width,
        height=height,
        heatmap=layout.heatmap_path("line/a b.png"),
        regions=(region,) * regions,
    )


@pytest.mark.parametrize(
    ("size", "shown"),
    [((40, 20), (160, 80)), ((2000, 4000), (80, 160)), ((3000, 1), (160, 1))],
)
def test_all_images_are_shown_as_large_as_each_other(
    tmp_path: Path, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    found = card(tmp_path, row(*size))
    assert (found["width"], found["height"]) == shown


def test_thumbnails_stand_in_the_page_and_a_lost_one_is_none(tmp_path: Path) -> None:
    layout.write_output(tmp_path, layout.thumbnail_path("line/a b.png", "input"), b"jpeg")
    found = card(tmp_path, row())
    assert found["thumbnails"] == {
        "input": "data:image/jpeg;base64,anBlZw==",
        "reconstruction": None,
        "heatmap": None,
    }
    assert found["heatmap_link"] == "heatmaps/line/a%20b.png.png"
    assert found["group"] == "line"


def test_outlines_are_bounded(tmp_path: Path) -> None:
    assert card(tmp_path, row())["outlines"] == ["0,0 1,2 2,4"]
    many = card(tmp_path, row(corners=10_000, regions=50))["outlines"]
    assert len(many) == MAX_REGIONS
    assert all(MAX_CORNERS / 2 < len(outline.split()) <= MAX_CORNERS for outline in many)


def test_no_corners_at_all(tmp_path: Path) -> None:
    assert card(tmp_path, row(corners=0))["outlines"] == [""]
