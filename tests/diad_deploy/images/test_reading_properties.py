"""Any samples are read back as they were written; any bytes end in an image or an `ImageError`."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image, features

from diad_deploy.errors import ImageError
from diad_deploy.images.formats.decode import read_samples
from diad_deploy.images.formats.white_level import WhiteLevel
from diad_deploy.images.reader import ImageReader, read_image
from tests.diad_deploy.images.formats.test_tiff import upright
from tests.diad_deploy.images.png_file import write_png
from tests.diad_deploy.images.tiff_file import write_tiff

Values = np.ndarray[Any, Any]
SIDES = st.tuples(st.integers(1, 9), st.integers(1, 9))
LIMIT_PX = 1_000_000


def arrays(kinds: list[type], channels: list[int]) -> st.SearchStrategy[Values]:
    """`[H, W]` for no channels, else `[H, W, C]`."""

    def of(drawn: tuple[type, int, tuple[int, int]]) -> st.SearchStrategy[Values]:
        kind, count, size = drawn
        return npst.arrays(kind, (*size, count) if count else size)

    return st.tuples(st.sampled_from(kinds), st.sampled_from(channels), SIDES).flatmap(of)


def rgb(values: Values) -> Values:
    return values[..., np.newaxis].repeat(3, -1) if values.ndim == 2 else values


@given(arrays([np.uint8, np.uint16], [0, 3]))
def test_a_png_has_the_samples_that_were_written(tmp_path: Path, values: Values) -> None:
    path = write_png(tmp_path / "a.png", values)
    samples = read_samples(path)
    assert samples.values.dtype == values.dtype
    assert samples.alpha is None
    np.testing.assert_array_equal(rgb(samples.values), rgb(values))
    shown = values
    if values.dtype == np.uint16:
        # what viewers make of colours of 16 bits
        grey = np.rint(values / 65535 * 255).astype(np.uint8)
        shown = grey if values.ndim == 2 else (values >> 8).astype(np.uint8)
    np.testing.assert_array_equal(read_image(path), rgb(shown))


@given(arrays([np.uint8, np.uint16], [2, 4]))
def test_a_png_with_alpha_lies_over_white(tmp_path: Path, values: Values) -> None:
    path = write_png(tmp_path / "a.png", values)
    eight = values if values.dtype == np.uint8 else (values >> 8).astype(np.uint8)
    colours, alpha = eight[..., :-1], eight[..., -1]
    samples = read_samples(path)
    assert samples.alpha is not None
    np.testing.assert_array_equal(samples.alpha, alpha)
    np.testing.assert_array_equal(samples.values, np.broadcast_to(colours, samples.values.shape))
    if not alpha.any():
        with pytest.raises(ImageError, match="fully transparent"):
            read_image(path)
        return
    expected = 255 + (colours - 255.0) * (alpha[..., np.newaxis] / 255)
    assert np.abs(read_image(path) - expected).max() <= 1


@given(
    arrays([np.uint8, np.uint16, np.int16, np.int32, np.float32, np.float64], [0])
    | arrays([np.uint8, np.uint16, np.float32], [3]),
    st.integers(1, 8),
    st.booleans(),
)
def test_a_tiff_has_the_samples_that_were_written(
    tmp_path: Path, values: Values, orientation: int, big_endian: bool
) -> None:
    path = write_tiff(tmp_path / "a.tif", values, orientation=orientation, big_endian=big_endian)
    found = read_samples(path).values
    np.testing.assert_array_equal(rgb(found), rgb(upright(values, orientation)))
    seen = read_image(path)
    assert (seen.dtype, seen.shape) == (np.uint8, (*found.shape[:2], 3))


@given(arrays([np.uint16], [0, 3]), st.integers(1, 16))
def test_brighter_samples_are_never_shown_darker(tmp_path: Path, values: Values, bits: int) -> None:
    values = values >> (16 - bits)
    path = write_png(tmp_path / "a.png", values)
    seen = ImageReader(WhiteLevel(bit_depth=bits)).read(path).pixels
    order = np.argsort(rgb(values), axis=None, kind="stable")
    assert (np.diff(seen.ravel()[order].astype(int)) >= 0).all()
    assert (seen[rgb(values) == 0] == 0).all()
    assert (seen[rgb(values) == 2**bits - 1] == 255).all()


def encoded(kind: str) -> bytes:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8))
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


KINDS = ["BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP"]
KINDS += ["JPEG2000"] if features.check("jpg_2000") else []
FILES = {kind: encoded(kind) for kind in KINDS}


def check(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        found = read_image(path, limit_px=LIMIT_PX)
    except ImageError as error:
        reason = error.reason
    else:
        reason = "none"
        assert (found.dtype, found.ndim, found.shape[2]) == (np.uint8, 3, 3)
        assert 0 < found.size <= 3 * LIMIT_PX
    assert reason
    assert "\n" not in reason


@given(st.binary(max_size=200))
@example(b"")
@example(b"II*\0")
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    check(tmp_path / "a", content)


@settings(max_examples=300)
@given(
    st.sampled_from(KINDS),
    st.lists(st.tuples(st.integers(0, 2**16), st.binary(min_size=1, max_size=4)), max_size=3),
    st.none() | st.integers(0, 2**16),
)
def test_a_damaged_file(
    tmp_path: Path, kind: str, changes: list[tuple[int, bytes]], cut: int | None
) -> None:
    content = bytearray(FILES[kind])
    for place, new in changes:
        start = place % len(content)
        content[start : start + len(new)] = new
    if cut is not None:
        del content[cut % len(content) :]
    check(tmp_path / "a", bytes(content))
