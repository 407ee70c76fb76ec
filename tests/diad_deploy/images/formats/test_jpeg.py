"""Damage in JPEGs that Pillow passes over."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diad_deploy.errors import ImageError
from diad_deploy.images.reader import read_image


def content(path: Path, mode: str = "RGB", **settings: object) -> bytes:
    rng = np.random.default_rng(2)
    soft = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((320, 240))
    noisy = np.asarray(soft) + rng.normal(0, 6, (240, 320, 3))
    image = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).convert(mode)
    image.save(path, "JPEG", quality=90, **settings)
    return path.read_bytes()


KINDS = [
    {},
    {"mode": "L"},
    {"mode": "CMYK"},
    {"progressive": True},
    {"optimize": True},
    {"subsampling": 0},
    {"restart_marker_blocks": 8},
]


@pytest.mark.parametrize("settings", KINDS)
def test_a_whole_one_is_read(tmp_path: Path, settings: dict[str, object]) -> None:
    path = tmp_path / "a.jpg"
    whole = content(path, **settings)
    expected = read_image(path)
    with Image.open(path) as image:
        np.testing.assert_array_equal(expected, np.asarray(image.convert("RGB")))
    # what cameras and phones add: between segments, before the end and behind it
    start = whole.index(b"\xff\xdb")
    for padded in (
        whole + bytes(64),
        whole[:-2] + bytes(37) + whole[-2:],
        whole[:-2] + bytes(500) + whole[-2:] + whole + b"trailer \xff\xd9",
        whole[:start] + bytes(16) + whole[start:],
        whole[:start] + b"\xff\xfe\x00\x06\xff\xd9ab" + whole[start:],
    ):
        path.write_bytes(padded)
        np.testing.assert_array_equal(read_image(path), expected)


@pytest.mark.parametrize("settings", KINDS)
def test_zeros_in_the_middle_are_damage(tmp_path: Path, settings: dict[str, object]) -> None:
    path = tmp_path / "a.jpg"
    broken = bytearray(content(path, **settings))
    start = len(broken) // 3
    broken[start : start + 2048] = bytes(2048)
    path.write_bytes(broken)
    with pytest.raises(ImageError, match=r"damaged \(Corrupt JPEG data") as raised:
        read_image(path)
    assert raised.value.reason.endswith("copy it again")


def test_a_harmless_warning_hides_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    broken = bytearray(content(path))
    version = broken.index(b"JFIF\0") + 5
    broken[version] = 2
    path.write_bytes(broken)
    read_image(path)
    broken[len(broken) // 2 : len(broken) // 2 + 2048] = bytes(2048)
    path.write_bytes(broken)
    with pytest.raises(ImageError, match="damaged"):
        read_image(path)


def test_fillings_between_the_scans_of_a_progressive_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    whole = content(path, progressive=True)
    expected = read_image(path)
    scan = whole.index(b"\xff\xda", whole.index(b"\xff\xda") + 2)
    path.write_bytes(whole[:scan] + bytes(4) + whole[scan:])
    np.testing.assert_array_equal(read_image(path), expected)
