"""Which threshold decides about which image, and what the detection then says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diad_deploy import Detector
from diad_deploy.bundle.folder import THRESHOLDS_NAME, Bundle
from diad_deploy.detection import Detection
from diad_deploy.errors import OptionError, ThresholdsError
from diad_deploy.thresholds.decide import Decider, find_decider
from diad_deploy.thresholds.file import write_thresholds
from tests.diad_deploy.fake_detector import IMAGE, fake_manifest
from tests.diad_deploy.thresholds.threshold_case import make_thresholds


def detection(score: float) -> Detection:
    return Detection(
        score=score,
        anomaly_map=np.full((64, 64), score, np.float32),
        reconstruction=np.zeros((3, 64, 64), np.float32),
        image_size_px=(64, 64),
        image=IMAGE,
    )


BOTH = make_thresholds(overall=0.5, screw=0.2, gear=0.8)


@pytest.mark.parametrize(
    ("decider", "path", "class_name", "threshold", "decision"),
    [
        (Decider(thresholds=BOTH), None, None, 0.5, "good"),
        (Decider(thresholds=BOTH), "a/screw/good/1.png", "screw", 0.2, "defect"),
        (Decider(thresholds=BOTH), "a/nail/1.png", None, 0.5, "good"),
        (Decider(thresholds=BOTH, class_name="gear"), "a/screw/1.png", "gear", 0.8, "good"),
        (Decider(thresholds=BOTH, threshold=0.1), "a/screw/1.png", "screw", 0.1, "defect"),
        (Decider(threshold=0.3), "a/screw/1.png", None, 0.3, "defect"),
        (Decider(threshold=0.4, class_name="nail"), None, "nail", 0.4, "good"),
        (Decider(thresholds=make_thresholds(), class_name="nail"), None, "nail", 0.5, "good"),
        (Decider(class_name="nail"), "a/screw/1.png", "nail", None, None),
        (Decider(), "a/screw/1.png", None, None, None),
    ],
)
def test_the_threshold_that_decides(
    decider: Decider,
    path: str | None,
    class_name: str | None,
    threshold: float | None,
    decision: str | None,
) -> None:
    found = decider.decide(detection(0.4), path)
    assert (found.class_name, found.threshold, found.decision) == (class_name, threshold, decision)
    margin = None if threshold is None else pytest.approx(0.4 - threshold, abs=1e-6)
    assert found.margin == margin
    assert decider.decides == (threshold is not None)


def test_a_mistyped_class_does_not_fall_back() -> None:
    with pytest.raises(OptionError, match=r"class 'scew': expected one of gear, screw"):
        Decider(thresholds=BOTH, class_name="scew")
    with pytest.raises(OptionError, match="'scew'"):
        Decider(thresholds=BOTH).decide(detection(0.4), class_name="scew")


@pytest.mark.parametrize("threshold", [float("nan"), float("inf")])
def test_a_threshold_that_is_none(threshold: float) -> None:
    with pytest.raises(OptionError, match="finite"):
        Decider(threshold=threshold)


def test_what_decides_is_found_and_named(tmp_path: Path) -> None:
    assert find_decider(tmp_path) == Decider()
    write_thresholds(tmp_path / THRESHOLDS_NAME, BOTH)
    write_thresholds(tmp_path / "other.json", make_thresholds(overall=0.9))
    own = find_decider(tmp_path, class_name="gear")
    assert own.thresholds == BOTH
    assert own.describe("fake") == str(tmp_path / "thresholds.json")
    assert own.describe("tensorrt") == f"{tmp_path / 'thresholds.json'} (set on fake)"
    other = find_decider(tmp_path, thresholds=tmp_path / "other.json")
    assert other.thresholds == make_thresholds(overall=0.9)
    assert other.thresholds_sha256 != own.thresholds_sha256
    given = find_decider(tmp_path, threshold=0.25)
    assert (given.threshold, given.thresholds, given.describe("fake")) == (
        0.25,
        None,
        "--threshold 0.25",
    )
    with pytest.raises(OptionError, match="cannot be used together"):
        find_decider(tmp_path, threshold=0.25, thresholds=tmp_path / "other.json")


def test_damaged_thresholds_stop_a_run_unless_another_is_given(tmp_path: Path) -> None:
    (tmp_path / THRESHOLDS_NAME).write_text("{}")
    with pytest.raises(ThresholdsError):
        find_decider(tmp_path)
    assert find_decider(tmp_path, threshold=0.5).threshold == 0.5


def test_another_bundles_thresholds_are_refused() -> None:
    Decider(thresholds=BOTH).check_belongs(fake_manifest())
    with pytest.raises(ThresholdsError, match="another bundle"):
        Decider(thresholds=BOTH).check_belongs(fake_manifest(seed=1))


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["score", "pixel"])
@pytest.mark.parametrize("place", ["overall", "screw"])
def test_thresholds_that_are_not_finite(
    standin_bundle: Bundle, odd: float, field: str, place: str
) -> None:
    good = make_thresholds(standin_bundle.manifest, screw=0.2)
    bad = replace(good.for_class(place), **{field: odd})
    changed = (
        replace(good, overall=bad) if place == "overall" else replace(good, classes={place: bad})
    )
    words = f"{place}: expected finite score and pixel, found .*{odd}"
    with pytest.raises(ThresholdsError, match=words):
        Decider(thresholds=changed)
    with pytest.raises(ThresholdsError, match=words):
        Detector.open(standin_bundle, thresholds=changed)
