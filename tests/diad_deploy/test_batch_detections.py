"""A batch's arrays as detections."""

import numpy as np
import pytest

from diad_deploy.backends.stages import BatchResult
from diad_deploy.batch_detections import detections_of
from diad_deploy.errors import BackendError
from tests.diad_deploy.fake_detector import IMAGE


def batch(*scores: float) -> BatchResult:
    count = len(scores)
    return BatchResult(
        anomaly_map=np.arange(count * 16, dtype=np.float32).reshape(count, 4, 4),
        image_score=np.array(scores, dtype=np.float32),
        reconstruction=np.zeros((count, 3, 4, 4), np.float32),
    )


def test_each_picture_has_its_own_arrays() -> None:
    result = batch(0.25, 0.5)
    first, second = detections_of(result, [(10, 20), (30, 40)], IMAGE)
    assert (first.score, second.score) == (0.25, 0.5)
    assert (first.picture_size_px, second.picture_size_px) == ((10, 20), (30, 40))
    np.testing.assert_array_equal(second.anomaly_map, result.anomaly_map[1])
    for array in (first.anomaly_map, first.reconstruction):
        assert array.base is None, "a view would keep the whole batch in memory"


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_an_error(score: float) -> None:
    with pytest.raises(BackendError, match="a score that is not a number"):
        detections_of(batch(0.1, score), [(1, 1), (1, 1)], IMAGE)
