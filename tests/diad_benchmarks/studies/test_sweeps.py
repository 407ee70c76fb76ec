"""Sweeps change the schedule, the threads and the size, and say what could not be built."""

from pathlib import Path

import pytest

from diad_benchmarks.models.files import ModelFiles
from diad_benchmarks.models.images import draw_images
from diad_benchmarks.plan import plan_for
from diad_benchmarks.studies import sweeps
from diad_benchmarks.studies.sweeps import Sweeper, Sweeps, _doubled
from diad_deploy.bundle.folder import Bundle
from diad_deploy.errors import ExportError


@pytest.fixture
def found(standin_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweeps:
    def refuse(*_: object, **__: object) -> None:
        raise ExportError("this model cannot be built again")

    monkeypatch.setattr(sweeps, "build_apart", refuse)
    monkeypatch.setattr(sweeps, "STEPS", (4, 1))
    monkeypatch.setattr(sweeps, "SIZES_PX", (32, 64))
    images = draw_images(6, size_px=32)
    growing = Sweeper(
        model=ModelFiles(checkpoint=tmp_path / "none", bundle=standin_bundle, standin=False),
        plan=plan_for("demo", everything=True, rounds=1, batches=(1, 4)),
        images=images.save(tmp_path / "images.npy"),
        truth=images.truth,
        scratch=tmp_path,
        echo=lambda line: None,
    ).sweep()
    *_, last = growing
    return last


def test_points(found: Sweeps) -> None:
    kinds = {(point.spacing, point.steps, point.batch) for point in found.steps}
    assert kinds == {
        (spacing, steps, batch)
        for spacing in ("leading", "trailing")
        for steps in (4, 1)
        for batch in (1, 4)
    }
    for point in found.steps:
        assert (point.image_auroc is not None) == (point.batch == 4)
        assert point.pictures_per_s == pytest.approx(1e3 * point.batch / point.median_ms)
    # other schedules, other reconstructions
    aurocs = {point.pixel_auroc for point in found.steps if point.batch == 4}
    assert len(aurocs) > 1
    assert found.threads[0].threads == 1
    assert [point.size_px for point in found.sizes] == [32]


def test_points_that_could_not_be_built_are_listed(found: Sweeps) -> None:
    assert found.left_out == (
        "float16: this model cannot be built again",
        "64px: this model cannot be built again",
    )


def test_threads_are_doubled_up_to_all_cores() -> None:
    assert list(_doubled(1)) == [1]
    assert list(_doubled(2)) == [1, 2]
    assert list(_doubled(6)) == [1, 2, 4, 6]
