"""The files of one image."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy.detection import Detection
from diad_deploy.detection.heatmap import draw_heatmap
from diad_deploy.report.image_outputs import write_heatmap, write_map, write_thumbnails
from tests.diad_deploy.fake_detector import IMAGE, plain


def detection(height: int, width: int) -> Detection:
    rng = np.random.default_rng(3)
    return Detection(
        score=0.5,
        anomaly_map=rng.random((64, 64), dtype=np.float32),
        reconstruction=np.zeros((3, 64, 64), np.float32),
        image_size_px=(height, width),
        image=IMAGE,
    )


def test_the_heatmap_has_the_images_size_and_is_what_was_drawn(tmp_path: Path) -> None:
    found, pixels = detection(50, 90), plain(10, 90, 50)
    drawn = write_heatmap(tmp_path, "parts/a.jpg", pixels, found, (0.0, 1.0))
    expected = draw_heatmap(pixels, found.map_at_image_size(), (0.0, 1.0))
    with Image.open(tmp_path / "heatmaps/parts/a.jpg.png") as image:
        assert (image.format, image.size) == ("PNG", (90, 50))
        np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))
    np.testing.assert_array_equal(np.asarray(drawn), np.asarray(expected))


def test_raw_maps_are_exact(tmp_path: Path) -> None:
    values = detection(1, 1).anomaly_map
    write_map(tmp_path, "a.png", values, "npy")
    write_map(tmp_path, "a.png", values, "tiff")
    loaded = np.load(tmp_path / "maps/a.png.npy", allow_pickle=False)
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, values)
    with Image.open(tmp_path / "maps/a.png.tiff") as image:
        assert image.mode == "F"
        np.testing.assert_array_equal(np.asarray(image), values)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((400, 200), (160, 80)), ((24, 16), (24, 16)), ((1, 3000), (1, 160)), ((3000, 1), (160, 1))],
)
def test_thumbnails_are_small_and_of_one_size(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    width, height = size
    found, pixels = detection(height, width), plain(10, width, height)
    heatmap = draw_heatmap(pixels, found.map_at_image_size(), (0.0, 1.0))
    write_thumbnails(tmp_path, "a.png", pixels, found, heatmap)
    for kind in ("input", "reconstruction", "heatmap"):
        with Image.open(tmp_path / f"thumbnails/a.png.{kind}.jpg") as image:
            assert (image.format, image.size) == ("JPEG", expected)
