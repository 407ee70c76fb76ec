"""Images as arrays and as paths."""

from pathlib import Path

import numpy as np
import pytest

from diad_deploy.errors import ImageError, InputError
from diad_deploy.images.formats.white_level import WhiteLevel
from diad_deploy.images.inputs import decode, in_chunks, source_path
from diad_deploy.images.reader import ImageReader
from tests.diad_deploy.fake_detector import plain, write_image


def test_arrays_and_paths_become_the_same(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.png", red=7)
    for given in (path, str(path), plain(7)):
        np.testing.assert_array_equal(decode(given, ImageReader()), plain(7))
    assert source_path(str(path)) == source_path(path) == path
    assert source_path(plain(7)) is None


def test_what_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        decode(tmp_path / "none.png", ImageReader())
    with pytest.raises(InputError, match="uint8"):
        decode(np.zeros((2, 2)), ImageReader())  # type: ignore[arg-type]


def test_16_bit_arrays_need_a_white_level() -> None:
    wide = np.full((2, 3, 3), 4095, np.uint16)
    wide[0] = 2048
    with pytest.raises(InputError, match="bit_depth=12"):
        decode(wide, ImageReader())
    found = decode(wide, ImageReader(WhiteLevel(bit_depth=12)))
    assert (found.dtype, found[0].max(), found[1].min()) == (np.uint8, 128, 255)
    with pytest.raises(
        InputError, match="contains the value 4095, but bit_depth=10 allows at most 1023"
    ):
        decode(wide, ImageReader(WhiteLevel(bit_depth=10)))
    assert decode(wide, ImageReader(WhiteLevel(white=1023))).min() == 255
    with pytest.raises(InputError, match=r"found uint16 \[2, 3\]"):
        decode(wide[..., 0], ImageReader(WhiteLevel(bit_depth=12)))
    for empty in (wide[:0], wide[:, :0], wide[0, 0, 0], wide[0, 0]):
        with pytest.raises(InputError, match="expected a uint16 array"):
            decode(np.asarray(empty), ImageReader(WhiteLevel(bit_depth=12)))


def test_chunks_are_taken_as_they_are_needed() -> None:
    source = iter(map(str, range(5)))
    chunks = in_chunks(source, 2)
    assert next(chunks) == ["0", "1"]
    assert next(source) == "2"
    assert list(chunks) == [["3", "4"]]
