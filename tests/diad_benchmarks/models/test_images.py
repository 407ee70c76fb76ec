"""The first few images show every product, good and defective."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.drawing.products import PRODUCTS
from diad_benchmarks.models.images import default_images, demo_image, draw_images, read_images


def test_a_few_show_both_kinds() -> None:
    drawn = draw_images(len(PRODUCTS), size_px=32)
    assert {name.partition("-")[0] for name in drawn.truth.names} == set(PRODUCTS)
    assert 4 <= sum(map(bool, drawn.truth.defective)) <= 5
    for defective, mask in zip(drawn.truth.defective, drawn.truth.masks, strict=True):
        assert mask is not None
        assert mask.any() == defective


def test_none_comes_twice() -> None:
    names = draw_images(4 * len(PRODUCTS), size_px=32).truth.names
    assert len(set(names)) == len(names)


def test_a_folder_of_images(tmp_path: Path) -> None:
    for kind in ("good", "scratch"):
        (tmp_path / kind).mkdir()
        Image.new("RGB", (40, 20), "white").save(tmp_path / kind / "a.png")
    found = read_images(tmp_path, 2, size_px=16)
    assert found.pixels.shape == (2, 16, 16, 3)
    assert found.pixels.dtype == np.uint8
    assert found.truth.defective == (False, True)


def test_without_the_demo_the_built_in_images_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "demo",
        "demo.drawing",
        "demo.drawing.dataset",
        "demo.drawing.products",
        "demo.drawing.defects",
    ):
        monkeypatch.setitem(sys.modules, name, None)
    found = default_images(3, size_px=16)
    assert found.pixels.shape == (3, 16, 16, 3)
    assert "demo" not in found.source
    assert demo_image(0).shape[2] == 3
