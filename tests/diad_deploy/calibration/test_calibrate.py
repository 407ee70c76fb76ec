"""Thresholds from good images, and the errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from diad_deploy.bundle.folder import THRESHOLDS_NAME, Bundle
from diad_deploy.calibration.calibrate import CalibrationConfig, GoodScore, calibrate
from diad_deploy.detector import Detector
from diad_deploy.errors import BundleMissingError, InputError, OptionError, OutputError
from diad_deploy.images.preprocess import prepare
from diad_deploy.inspection.summary import Progress
from diad_deploy.thresholds.file import find_thresholds, read_thresholds
from tests.diad_deploy.fake_detector import IMAGE, FakeDetector, write_image

SCREWS = range(10, 49)
GEARS = range(100, 139)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """39 screws and 39 gears, whose scores are their reds: 10 to 48 and 100 to 138 of 255."""
    for red in SCREWS:
        write_image(tmp_path / "good" / "screw" / "good" / f"{red}.png", red=red)
    for red in GEARS:
        write_image(tmp_path / "good" / "gear" / "train" / "good" / f"{red}.png", red=red)
    return tmp_path / "good"


@pytest.fixture
def detector(own_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> FakeDetector:
    fake = FakeDetector()
    # of the bundle that is there
    fake.manifest = own_bundle.manifest

    def open_fake(bundle: Bundle, **options: Any) -> FakeDetector:
        assert (bundle, options["thresholds"]) == (own_bundle, None)
        return fake

    monkeypatch.setattr("diad_deploy.calibration.calibrate.Detector.open", open_fake)
    monkeypatch.setattr("diad_deploy.streaming.stream.prepare", fake_prepare)
    return fake


def fake_prepare(pixels: np.ndarray, image: object) -> np.ndarray:
    """The fake detector's own size, independent of the bundle."""
    return prepare(pixels, IMAGE)


def config(good: Path, bundle: Bundle, **changes: Any) -> CalibrationConfig:
    return CalibrationConfig(
        folder=good, bundle=bundle.path, **{"false_alarm_rate": 0.1, **changes}
    )


def test_a_threshold_a_class_and_one_for_all(
    good: Path, own_bundle: Bundle, detector: FakeDetector
) -> None:
    reports: list[Progress] = []
    found = calibrate(config(good, own_bundle), progress=reports.append)
    thresholds = find_thresholds(own_bundle.path, own_bundle.manifest)
    assert thresholds == found.thresholds
    assert thresholds is not None
    # 39 images, rate 0.1: the fourth highest, 3 above it
    assert set(thresholds.classes) == {"gear", "screw"}
    for name, reds in (("screw", SCREWS), ("gear", GEARS)):
        one = thresholds.classes[name]
        assert one.score == pytest.approx(sorted(reds)[-4] / 255, abs=1e-5)
        assert one.pixel == pytest.approx(one.score, abs=1e-5)
        assert (one.pictures, one.above, one.expected_rate) == (39, 3, 0.1)
    # 78 images: the seventh highest, 6 above it
    assert thresholds.overall.score == pytest.approx(sorted(GEARS)[-7] / 255, abs=1e-5)
    assert (thresholds.overall.pictures, thresholds.overall.above) == (78, 6)
    assert (thresholds.backend, thresholds.false_alarm_rate) == ("fake", 0.1)
    assert found.highest[0] == ("good/gear/train/good/138.png", pytest.approx(138 / 255, abs=1e-5))
    assert reports[-1] == Progress(done=78, failed=0, total=78)
    assert found.exit_status == 0


def test_overall_alone(good: Path, own_bundle: Bundle, detector: FakeDetector) -> None:
    found = calibrate(config(good, own_bundle, per_class=False, false_alarm_rate=0.02))
    assert found.thresholds.classes == {}
    assert found.thresholds.overall.above == 0


def test_all_of_one_class(good: Path, own_bundle: Bundle, detector: FakeDetector) -> None:
    found = calibrate(config(good, own_bundle, class_name="part"))
    assert found.thresholds.classes == {"part": found.thresholds.overall}


def test_too_few_are_refused_before_the_model_runs(
    good: Path, own_bundle: Bundle, detector: FakeDetector
) -> None:
    with pytest.raises(InputError, match=r"at least 99; add more, or use --false-alarm-rate"):
        calibrate(config(good, own_bundle, false_alarm_rate=0.01))
    assert detector.seen == 0
    assert not (own_bundle.path / THRESHOLDS_NAME).exists()


def test_unreadable_images_are_reported_and_left_out(
    good: Path, own_bundle: Bundle, detector: FakeDetector
) -> None:
    (good / "gear/train/good/138.png").write_bytes(b"")
    found = calibrate(config(good, own_bundle))
    assert (found.failed, found.exit_status) == (1, 1)
    assert found.failures == (("good/gear/train/good/138.png", "the file is empty; copy it again"),)
    assert found.thresholds.classes["gear"].pictures == 38


def test_too_few_that_can_be_read(good: Path, own_bundle: Bundle, detector: FakeDetector) -> None:
    (good / "gear/train/good/138.png").write_bytes(b"")
    with pytest.raises(InputError, match="at least 39 good images of each class, found gear 38"):
        calibrate(config(good, own_bundle, false_alarm_rate=0.025))
    for path in good.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(InputError, match="none of the images has a score"):
        calibrate(config(good, own_bundle))
    assert not (own_bundle.path / THRESHOLDS_NAME).exists()


def test_what_is_there_is_replaced_with_force_only(
    good: Path, own_bundle: Bundle, detector: FakeDetector, tmp_path: Path
) -> None:
    calibrate(config(good, own_bundle))
    with pytest.raises(OutputError, match="--force"):
        calibrate(config(good, own_bundle, false_alarm_rate=0.2))
    assert detector.seen == 78
    calibrate(config(good, own_bundle, false_alarm_rate=0.2, force=True))
    calibrate(config(good, own_bundle, output=tmp_path / "own.json", false_alarm_rate=0.3))
    assert read_thresholds(own_bundle.path / THRESHOLDS_NAME).false_alarm_rate == 0.2
    assert read_thresholds(tmp_path / "own.json").false_alarm_rate == 0.3


def test_a_damaged_file_does_not_stand_in_the_way_of_a_new_one(
    good: Path, own_bundle: Bundle, detector: FakeDetector
) -> None:
    (own_bundle.path / THRESHOLDS_NAME).write_text("{")
    calibrate(config(good, own_bundle, force=True))
    assert find_thresholds(own_bundle.path, own_bundle.manifest) is not None


def test_no_bundle_and_no_rate(good: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleMissingError):
        calibrate(CalibrationConfig(folder=good, bundle=tmp_path / "none"))
    with pytest.raises(OptionError, match="--false-alarm-rate 2"):
        CalibrationConfig(folder=good, bundle=tmp_path, false_alarm_rate=2.0)


def test_with_a_model_the_good_images_stay_within_their_rate(
    own_bundle: Bundle, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    paths = []
    for place in range(19):
        path = tmp_path / "good" / "part" / f"{place:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(path)
        paths.append(path)
    calibrate(config(tmp_path / "good", own_bundle, threads=1))
    with Detector.open(own_bundle.path, threads=1) as detector:
        found = detector.detect(paths)
    assert detector.thresholds is not None
    assert {one.class_name for one in found} == {"part"}
    # a tenth of 20: the second highest of 19, one above it
    assert sum(one.decision == "defect" for one in found) == 1
    highest = max(found, key=lambda one: one.score)
    assert highest.decision == "defect"
    assert highest.regions()


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
def test_a_good_image_whose_map_is_not_finite_is_named(odd: float) -> None:
    for numbers in ({"score": odd, "pixel": 1.0}, {"score": 1.0, "pixel": odd}):
        with pytest.raises(InputError, match=r"^good/a\.png: .*expected finite numbers"):
            GoodScore(picture="good/a.png", class_name=None, **numbers)
