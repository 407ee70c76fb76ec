"""Thresholds to test with."""

from diad_deploy.bundle.manifest import Manifest
from diad_deploy.thresholds.file import FORMAT_REVISION, Threshold, Thresholds, scoring_sha256
from tests.diad_deploy.fake_detector import fake_manifest


def make_threshold(score: float = 0.5, pixel: float = 0.6) -> Threshold:
    return Threshold(
        score=score,
        pixel=pixel,
        pictures=99,
        above=0,
        expected_rate=0.01,
        rate_low=0.0003,
        rate_high=0.0366,
    )


def make_thresholds(
    manifest: Manifest | None = None, *, overall: float = 0.5, **classes: float
) -> Thresholds:
    """Thresholds of the fake detector's bundle or of the manifest's; pixels have 0.1 more."""
    return Thresholds(
        format_revision=FORMAT_REVISION,
        scoring_sha256=scoring_sha256(manifest or fake_manifest()),
        false_alarm_rate=0.01,
        confidence=0.95,
        overall=make_threshold(overall, overall + 0.1),
        classes={name: make_threshold(score, score + 0.1) for name, score in classes.items()},
        backend="fake",
        versions={"diad_deploy": "0"},
    )
