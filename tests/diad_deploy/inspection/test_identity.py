"""What decides a run's results."""

from dataclasses import asdict

from diad_deploy.images.formats.white_level import WhiteLevel
from diad_deploy.inspection.identity import identify_run
from diad_deploy.report.run_record import RunRecord
from diad_deploy.thresholds.decide import Decider
from tests.diad_deploy.fake_detector import FakeDetector


def identify(seed: int = 0, scale: tuple[float, float] | None = None) -> RunRecord:
    decider = Decider(threshold=0.5, class_name="gear")
    return identify_run(
        FakeDetector(seed=seed),
        bundle_name="b",
        scale=scale,
        maps="npy",
        decider=decider,
        white=WhiteLevel(bit_depth=12),
    )


def test_a_record_names_all_that_decides() -> None:
    found = asdict(identify())
    assert len(found.pop("bundle_sha256")) == 64
    assert found == {
        "bundle": "b",
        "backend": "fake",
        "devices": ("cpu",),
        "scale": (0.0, 1.0),
        "maps": "npy",
        "threshold": 0.5,
        "thresholds_sha256": None,
        "class_name": "gear",
        "white": 4095.0,
    }


def test_another_manifest_or_scale_is_another_run() -> None:
    assert identify() == identify()
    assert identify().bundle_sha256 != identify(seed=1).bundle_sha256
    assert identify(scale=(0.2, 0.4)).scale == (0.2, 0.4)
