"""Arrays that are computed once and kept in the work folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from diad_deploy.files.atomic_file import replacing


def cached_array(
    path: Path, make: Callable[[], npt.NDArray[Any]], *, mmap_mode: Literal["r"] | None = None
) -> npt.NDArray[Any]:
    """The array in the `.npy` file `path`, which `make` computes if the file does not exist."""
    if not path.exists():
        array = make()
        with replacing(path) as partial, partial.open("wb") as file:
            np.save(file, array)
    loaded: npt.NDArray[Any] = np.load(path, mmap_mode=mmap_mode)
    return loaded
