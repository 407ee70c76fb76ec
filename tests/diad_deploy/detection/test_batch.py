"""A batch's arrays as detections."""

from dataclasses import replace

import numpy as np
import pytest

from diad_deploy.bundle.folder import Bundle
from diad_deploy.detection.batch import all_detections, detections_of
from diad_deploy.diffusion.stages import BatchResult
from diad_deploy.errors import NotFiniteError
from tests.diad_deploy.fake_detector import fake_manifest


def batch(*scores: float) -> BatchResult:
    count = len(scores)
    return BatchResult(
        anomaly_map=np.arange(count * 16, dtype=np.float32).reshape(count, 4, 4),
        image_score=np.array(scores, dtype=np.float32),
        reconstruction=np.zeros((count, 3, 4, 4), np.float32),
    )


def test_each_image_has_its_own_arrays() -> None:
    result = batch(0.25, 0.5)
    first, second = all_detections(detections_of(result, [(10, 20), (30, 40)], fake_manifest()))
    assert (first.score, second.score) == (0.25, 0.5)
    assert (first.image_size_px, second.image_size_px) == ((10, 20), (30, 40))
    np.testing.assert_array_equal(second.anomaly_map, result.anomaly_map[1])
    for array in (first.anomaly_map, first.reconstruction):
        assert array.base is None, "a view would keep the whole batch in memory"


def test_each_array_that_is_not_finite_is_named_with_its_stage() -> None:
    result = batch(0.1, 0.2, 0.3, np.inf)
    # the score is that of a maximum that passes over NaN
    result.anomaly_map[1, :2, 0] = np.nan
    result.reconstruction[2, :, 1] = np.nan
    result.reconstruction[2, 0, 2, :2] = -np.inf
    fine, *errors = detections_of(result, [(1, 1)] * 4, fake_manifest())
    assert all_detections([fine])[0].score == np.float32(0.1)
    assert [str(error).partition(";")[0] for error in errors] == [
        f"image {place} of the batch: the model's result is not finite: {fault}"
        for place, fault in (
            (2, "anomaly_map has 2 NaN of 16 values, from the scorer"),
            (
                3,
                "reconstruction has 12 NaN and 2 infinite of 48 values, from the decoder or a "
                "stage before it",
            ),
            (4, "image_score has 1 infinite of 1 values, from the scorer"),
        )
    ]
    assert "diad-export verify" in str(errors[0])
    with pytest.raises(NotFiniteError, match=r"^image 2 .*, image 3 .*, image 4 of the batch: "):
        all_detections([fine, *errors])


def test_float16_is_named_where_it_may_be_the_cause(standin_bundle: Bundle) -> None:
    graphs = tuple(replace(one, precision="float16") for one in standin_bundle.manifest.graphs)
    manifest = replace(standin_bundle.manifest, graphs=graphs)
    (error,) = detections_of(batch(np.nan), [(1, 1)], manifest)
    assert "float16 may overflow: build the bundle with --precision fp32" in str(error)
