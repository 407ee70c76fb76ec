"""What a detection says of good and defective."""

import dataclasses
import math

import numpy as np
import pytest

from diad_deploy.detection import Detection, rounded_score
from diad_deploy.errors import OptionError
from tests.diad_deploy.fake_detector import IMAGE

MAP = np.zeros((64, 64), np.float32)
MAP[10:20, 10:20] = 0.4
MAP[14, 15] = 0.7


def detection(score: float = 0.4) -> Detection:
    return Detection(
        score=score,
        anomaly_map=MAP,
        reconstruction=np.zeros((3, 64, 64), np.float32),
        image_size_px=(64, 64),
        image=IMAGE,
    )


def test_without_a_threshold_nothing_is_decided() -> None:
    found = detection()
    assert (found.threshold, found.decision, found.margin) == (None, None, None)
    with pytest.raises(OptionError, match="give `above`, or set one"):
        found.regions()
    (region,) = found.regions(above=0.5)
    assert region.box == (15, 14, 1, 1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_never_good(value: float) -> None:
    with pytest.raises(OptionError, match=r"^score (nan|-?inf): expected a finite number"):
        detection(value)
    with pytest.raises(OptionError, match=r"^threshold (nan|-?inf)"):
        detection().decided_by(value, 0.5)
    with pytest.raises(OptionError, match=r"^pixel_threshold (nan|-?inf)"):
        detection().decided_by(0.5, value)


def test_regions_above_nan() -> None:
    with pytest.raises(OptionError, match="above nan: expected numbers"):
        detection().regions(above=math.nan)
    assert detection().regions(above=math.inf) == ()


def test_only_above_the_threshold_is_a_defect() -> None:
    assert detection(0.4).decided_by(0.4, 0.6).decision == "good"
    assert detection(0.4).decided_by(0.39999, 0.6).decision == "defect"
    # what another batch changes in the seventh digit changes no decision
    assert detection(0.40000001).decided_by(0.4, 0.6).decision == "good"
    assert detection(0.45).decided_by(0.4, 0.6).margin == 0.05
    assert rounded_score(0.123456789) == 0.123457


def test_regions_are_bounded_by_the_pixel_threshold() -> None:
    (region,) = detection().decided_by(0.3, 0.5).regions()
    assert region.area_px == 1
    (region,) = detection().decided_by(0.3, 0.3).regions()
    assert region.area_px == 100


def test_a_defect_that_nowhere_exceeds_it_still_has_its_region() -> None:
    (region,) = detection(0.4).decided_by(0.3, 0.9).regions()
    assert (region.area_px, region.peak) == (100, pytest.approx(0.7))
    assert detection(0.2).decided_by(0.3, 0.9).regions() == ()


def test_a_detection_stays_as_it_is() -> None:
    found = detection()
    found.decided_by(0.1, 0.2, class_name="screw")
    assert found.class_name is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.threshold = 0.5  # type: ignore[misc]
