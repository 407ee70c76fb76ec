"""Recorded values of the published implementation, and a checkpoint that reproduces them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from diad_deploy.bundle.manifest import ImageSpec
from diad_deploy.images.preprocess import prepare_batch
from tests.golden.fill import fill_value

if TYPE_CHECKING:
    from torch import Tensor

GOLDEN = Path(__file__).with_name("golden")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenCase:
    """One recorded run and the settings it was made with."""

    name: str
    size: str
    only_mid_control: bool
    guidance_scale: float | None

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """All recorded arrays by name."""
        with np.load(GOLDEN / f"{self.name}.npz") as recorded:
            return {name: recorded[name] for name in recorded.files}

    def images(self, image: ImageSpec) -> Tensor:
        """The recorded images as model input."""
        import torch

        return torch.from_numpy(prepare_batch(list(self.arrays()["image_uint8"]), image))


TINY_A = GoldenCase(name="tiny_public_a", size="tiny", only_mid_control=True, guidance_scale=9.0)
TINY_B = GoldenCase(name="tiny_public_b", size="tiny", only_mid_control=False, guidance_scale=None)
FULL = GoldenCase(name="full_public", size="full", only_mid_control=True, guidance_scale=9.0)


def golden_state_dict(size: str) -> dict[str, Tensor]:
    """A checkpoint's tensors: filled by the recorded rule, under the published keys."""
    keys = json.loads((GOLDEN / f"{size}_keys.json").read_text())
    return {key: _tensor(key, entry) for key, entry in keys.items()}


def _tensor(key: str, entry: dict[str, object]) -> Tensor:
    import torch

    shape = tuple(entry["shape"])  # type: ignore[call-overload]
    if entry["dtype"] != "float32" or "." not in key or not shape:
        return torch.zeros(shape, dtype=getattr(torch, str(entry["dtype"])))
    return torch.from_numpy(fill_value(key, shape))


def relative_error(found: npt.ArrayLike, expected: npt.ArrayLike) -> float:
    """Norm of the difference, divided by the norm of the expected value."""
    want = np.asarray(expected, dtype=np.float64)
    return float(np.linalg.norm(np.asarray(found, dtype=np.float64) - want) / np.linalg.norm(want))
