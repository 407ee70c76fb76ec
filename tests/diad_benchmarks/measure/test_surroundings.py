"""A whole run is held against the model alone on the same images."""

from pathlib import Path

import pytest

from diad_benchmarks.measure import surroundings
from diad_deploy.bundle.folder import Bundle


def test_a_run_beside_the_model(
    standin_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "IMAGES", 4)
    monkeypatch.setattr(surroundings, "FILE_SIZE_PX", 48)
    found = surroundings.measure_surroundings(standin_bundle.path, tmp_path, rounds=2)
    assert (found.backend, found.pictures) == ("onnxruntime", 4)
    assert len(found.run_s) == len(found.model_s) == 2
    # a stand-in for a model takes no time, so that all of the run is around it
    assert found.overhead > 1
    assert set(found.work_ms) == {"read", "prepare", "heatmap", "thumbnails"}
    assert all(ms > 0 for ms in found.work_ms.values())
    assert (tmp_path / "report0" / "report.html").is_file()
