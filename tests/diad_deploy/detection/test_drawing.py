"""How a detection is drawn: heatmap, overlay, files, notebook."""

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy import Detection, InputError, OptionError, OutputError
from diad_deploy.detection.colours import colour_table
from diad_deploy.detection.heatmap import draw_heatmap
from tests.diad_deploy.fake_detector import IMAGE

RED = np.full((6, 8, 3), (200, 10, 10), np.uint8)


def detection() -> Detection:
    """A map of 2 x 2 cells on a scale of 0 to 2: three at its low end, one at its high end."""
    return Detection(
        score=0.5,
        anomaly_map=np.array([[0, 0], [0, 2]], np.float32),
        reconstruction=np.zeros((3, 4, 4), np.float32),
        image_size_px=(6, 8),
        image=IMAGE,
        scale=(0.0, 2.0),
    )


def test_the_heatmap_is_the_map_in_the_scales_colours() -> None:
    small = detection().heatmap(at_image_size=False)
    assert small.dtype == np.uint8
    low, high = colour_table()[0].tolist(), colour_table()[255].tolist()
    assert small.tolist() == [[low, low], [low, high]]
    large = detection().heatmap()
    assert large.shape == (6, 8, 3)
    assert (large[0, 0].tolist(), large[-1, -1].tolist()) == (low, high)


def test_the_overlay_is_the_reports_heatmap(tmp_path: Path) -> None:
    found = detection()
    expected = np.asarray(draw_heatmap(RED, found.map_at_image_size(), (0.0, 2.0)))
    overlay = found.overlay(RED)
    np.testing.assert_array_equal(overlay, expected)
    assert overlay[0, 0].tolist() == [200, 10, 10], "a good corner stays the image"
    Image.fromarray(RED).save(tmp_path / "red.png")
    np.testing.assert_array_equal(found.overlay(tmp_path / "red.png"), expected)


def test_the_overlay_of_another_image_is_refused() -> None:
    with pytest.raises(OptionError, match="image of 8 x 6 px, found 6 x 8 px"):
        detection().overlay(RED.transpose(1, 0, 2))
    with pytest.raises(InputError, match="expected a uint8 array"):
        detection().overlay(RED.astype(np.float32))  # type: ignore[arg-type]


def test_files(tmp_path: Path) -> None:
    found = detection()
    found.save(tmp_path / "map.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "map.png")), found.heatmap())
    found.save(str(tmp_path / "over.png"), RED)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "over.png")), found.overlay(RED))
    with pytest.raises(OptionError, match="expected a file of an image format, such as"):
        found.save(tmp_path / "map.what")
    with pytest.raises(OutputError, match="cannot be written: No such file"):
        found.save(tmp_path / "none" / "map.png")


def test_a_notebook_shows_numbers_and_small_images() -> None:
    found = replace(detection(), path=Path("a <b>.png"), class_name="nut & bolt")
    text = found.decided_by(0.25, 1.0, class_name="nut & bolt")._repr_html_()
    assert "image <b>a &lt;b&gt;.png</b>, class <b>nut &amp; bolt</b>, score <b>0.5</b>" in text
    assert "threshold <b>0.25</b>, decision <b>defect</b>, size <b>8 x 6 px</b>" in text
    assert "<script" not in text
    shown = [base64.b64decode(data) for data in re.findall(r"base64,([^\"]+)", text)]
    assert [Image.open(io.BytesIO(one)).size for one in shown] == [(160, 120)] * 2
    assert "decision" not in detection()._repr_html_()


def test_the_old_name_of_the_size_warns() -> None:
    with pytest.warns(DeprecationWarning, match=r"Detection\.image_size_px"):
        assert detection().picture_size_px == (6, 8)


def test_the_old_name_of_the_resized_map_warns() -> None:
    with pytest.warns(DeprecationWarning, match=r"Detection\.map_at_image_size"):
        assert detection().map_at_picture_size().shape == (6, 8)
