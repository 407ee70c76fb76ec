"""A NumPy file from outside, read without trusting its header.

`numpy.load` makes room for as many values as a header claims, and hands the header to Python's
parser, whose errors are of many kinds. Here a header is what NumPy writes, and the file is as large
as it says.
"""

import math
import os
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from diad_deploy.files.regular_file import read_regular_file

MAX_HEADER_BYTES = 1024
_HEADER = re.compile(
    rb"\{'descr': '([<>]f[248])', 'fortran_order': (True|False), 'shape': \(([\d, ]*)\), *\} *\n"
)
_LENGTHS = {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}
"""Version of the format -> bytes that hold the header's length."""


def read_npy(path: str | os.PathLike[str], *, most_bytes: int) -> npt.NDArray[np.floating[Any]]:
    """The floating-point numbers in a `.npy` file of at most `most_bytes` of them.

    Raises:
        OSError: no plain file, a larger one, or it cannot be read.
        ValueError: it is none, or of another kind of number; the message is a few words.
    """
    content = read_regular_file(path, most_bytes=most_bytes + MAX_HEADER_BYTES)
    magic, version = content[:6], content[6:8]
    if magic != b"\x93NUMPY" or version not in _LENGTHS:
        raise ValueError("no NumPy file of one array")
    start = 8 + _LENGTHS[version]
    data = start + int.from_bytes(content[8:start], "little")
    header = content[start : min(data, MAX_HEADER_BYTES)]
    found = _HEADER.fullmatch(header)
    if found is None:
        shown = header.decode("latin-1").strip()[:80]
        raise ValueError(f"expected floating-point numbers, found the header {shown!r}")
    dtype, fortran = np.dtype(found[1].decode()), found[2] == b"True"
    shape = tuple(int(size) for size in found[3].split(b",") if size.strip())
    expected = math.prod(shape) * dtype.itemsize
    if len(content) - data != expected:
        raise ValueError(
            f"the header claims {list(shape)} of {dtype}, {expected} bytes, found "
            f"{max(len(content) - data, 0)}"
        )
    values: npt.NDArray[np.floating[Any]] = np.frombuffer(content, dtype, offset=data).copy()
    return values.reshape(shape, order="F" if fortran else "C")
