"""A class's maps and masks, in memory or in files."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from diad_evaluate.class_images import class_images


@pytest.mark.parametrize("in_memory_bytes", [1 << 20, 100])
def test_what_goes_in_comes_out(
    in_memory_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rng = np.random.default_rng(0)
    maps = rng.random((3, 8, 8), dtype=np.float32)
    masks = maps > 0.5
    with class_images(5, 8, in_memory_bytes=in_memory_bytes) as found:
        found.add(defective=True, score=0.25)
        for anomaly_map, mask in zip(maps, masks, strict=True):
            found.add_map(anomaly_map, mask)
        assert np.array_equal(found.maps, maps)
        assert np.array_equal(found.masks, masks)
        assert (found.defective, found.scores) == ([True], [0.25])
        assert bool(list(tmp_path.iterdir())) == (in_memory_bytes == 100)
    assert list(tmp_path.iterdir()) == []
