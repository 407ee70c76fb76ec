"""Pictures as arrays and as paths."""

from pathlib import Path

import numpy as np
import pytest

from diad_deploy.errors import InputError, PictureError
from diad_deploy.given_pictures import decode, in_chunks, path_of
from tests.diad_deploy.fake_detector import plain, write_picture


def test_arrays_and_paths_become_the_same(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", red=7)
    for given in (path, str(path), plain(7)):
        np.testing.assert_array_equal(decode(given), plain(7))
    assert path_of(str(path)) == path_of(path) == path
    assert path_of(plain(7)) is None


def test_what_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no such file"):
        decode(tmp_path / "none.png")
    with pytest.raises(InputError, match="uint8"):
        decode(np.zeros((2, 2)))  # type: ignore[arg-type]


def test_chunks_are_taken_as_they_are_needed() -> None:
    source = iter(map(str, range(5)))
    chunks = in_chunks(source, 2)
    assert next(chunks) == ["0", "1"]
    assert next(source) == "2"
    assert list(chunks) == [["3", "4"]]
