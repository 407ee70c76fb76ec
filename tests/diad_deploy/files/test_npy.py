"""A NumPy file is what its header says, or is refused before there is room made for it."""

import io
from pathlib import Path

import numpy as np
import pytest

from diad_deploy.files.npy import read_npy


def saved(values: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, values, version=version)
    return file.getvalue()


def with_header(header: str, data: bytes = b"\x00" * 16) -> bytes:
    return (
        b"\x93NUMPY\x01\x00"
        + (len(header) + 1).to_bytes(2, "little")
        + header.encode()
        + b"\n"
        + data
    )


VALUES = np.arange(24.0).reshape(2, 3, 4)
HUGE = "{'descr': '<f4', 'fortran_order': False, 'shape': (100000, 1000, 1000), }"
BRACKETS = "{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 3000 + ")" * 3000 + ", }"


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_what_numpy_writes(
    tmp_path: Path, dtype: str, order: str, version: tuple[int, int]
) -> None:
    values = VALUES.astype(dtype, order=order)
    (tmp_path / "a.npy").write_bytes(saved(values, version))
    found = read_npy(tmp_path / "a.npy", max_bytes=values.nbytes)
    assert found.dtype == values.dtype
    assert np.array_equal(found, values)
    found += 1  # it is the caller's own


@pytest.mark.parametrize("shape", [(), (5,), (0, 2)])
def test_shapes_at_the_edge(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.ones(shape))
    assert read_npy(tmp_path / "a.npy", max_bytes=999).shape == shape


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a NumPy file"),
        (b"\x93NUMPY", "not a NumPy file"),
        (b"\x93NUMPY\x01\x00", "found the header ''"),
        (b"PK\x03\x04 an archive", "not a NumPy file"),
        (with_header(HUGE), "claims .*400000000000 bytes, found 16"),
        (with_header(BRACKETS), "found the header"),
        (with_header("-" * 9000), "found the header"),
        (saved(VALUES)[:-1], "192 bytes, found 191"),
        (saved(VALUES) + b"\x00", "192 bytes, found 193"),
        (saved(VALUES.astype(int)), "expected floating-point numbers, found the header"),
        (saved(VALUES.astype("c8")), "expected floating-point numbers, found the header"),
    ],
)
def test_what_is_none(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_npy(tmp_path / "a.npy", max_bytes=100_000)


def test_objects_are_never_made(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="expected floating-point numbers"):
        read_npy(tmp_path / "a.npy", max_bytes=100_000)
