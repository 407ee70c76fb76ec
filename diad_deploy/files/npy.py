"""Read a `.npy` file without trusting its header.

`numpy.load` allocates as many values as a header claims, and passes the header to Python's parser,
which raises many kinds of errors. Here the header must be as NumPy writes it, and the file must
have the size that follows from it.
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
"""Format version -> size of the field with the header's length, in bytes."""


def read_npy(path: str | os.PathLike[str], *, max_bytes: int) -> npt.NDArray[np.floating[Any]]:
    """Read floating-point numbers of at most `max_bytes`.

    Raises:
        OSError: not a regular file, a larger one, or one that cannot be read.
        ValueError: not a `.npy` file, or the array is not of floating-point numbers.
    """
    content = read_regular_file(path, max_bytes=max_bytes + MAX_HEADER_BYTES)
    magic, version = content[:6], content[6:8]
    if magic != b"\x93NUMPY" or version not in _LENGTHS:
        raise ValueError("not a NumPy file of one array")
    start = 8 + _LENGTHS[version]
    data = start + int.from_bytes(content[8:start], "little")
    header = content[start : min(data, MAX_HEADER_BYTES)]
    found = _HEADER.fullmatch(header)
    if found is None:
        text = header.decode("latin-1").strip()[:80]
        raise ValueError(f"expected floating-point numbers, found the header {text!r}")
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
