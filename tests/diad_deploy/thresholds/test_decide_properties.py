"""A higher score is never less of a defect, and the margin says the same as the decision."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from diad_deploy.detection import Detection
from diad_deploy.thresholds.decide import Decider
from tests.diad_deploy.fake_detector import IMAGE
from tests.diad_deploy.thresholds.threshold_case import make_thresholds

SCORES = st.one_of(st.floats(-1e30, 1e30), st.floats(0.499999, 0.500001))


def detection(score: float) -> Detection:
    return Detection(
        score=score,
        anomaly_map=np.zeros((1, 1), np.float32),
        reconstruction=np.zeros((3, 1, 1), np.float32),
        image_size_px=(1, 1),
        image=IMAGE,
    )


@given(SCORES, SCORES, SCORES, SCORES)
def test_decisions_rise_with_the_score_and_fall_with_the_threshold(
    one: float, other: float, overall: float, screw: float
) -> None:
    low, high = sorted((one, other))
    decider = Decider(thresholds=make_thresholds(overall=overall, screw=screw))
    for class_name, threshold in ((None, overall), ("screw", screw)):
        lower = decider.decide(detection(low), class_name=class_name)
        higher = decider.decide(detection(high), class_name=class_name)
        assert lower.threshold == higher.threshold == threshold
        assert (lower.decision, higher.decision) != ("defect", "good")
        for found in (lower, higher):
            assert found.margin is not None
            assert (found.margin > 0) == (found.decision == "defect")
    by_low, by_high = (
        Decider(threshold=threshold).decide(detection(one)).decision
        for threshold in sorted((overall, screw))
    )
    assert (by_low, by_high) != ("good", "defect")
