"""The settings of a run that determine its results, for `run.json`."""

import hashlib

from diad_deploy.bundle.manifest import to_json
from diad_deploy.images.formats.white_level import WhiteLevel
from diad_deploy.report.run_record import RunRecord
from diad_deploy.streaming.stream import PreparedDetector
from diad_deploy.thresholds.decide import Decider


def identify_run(
    detector: PreparedDetector,
    *,
    bundle_name: str,
    scale: tuple[float, float] | None,
    maps: str | None,
    decider: Decider,
    white: WhiteLevel,
) -> RunRecord:
    """The record of a run. A `scale` of None means the bundle's."""
    manifest = detector.manifest
    return RunRecord(
        bundle=bundle_name,
        bundle_sha256=hashlib.sha256(to_json(manifest).encode()).hexdigest(),
        backend=detector.backend,
        devices=detector.devices,
        scale=scale or (manifest.heatmap.low, manifest.heatmap.high),
        maps=maps,
        threshold=decider.threshold,
        thresholds_sha256=decider.thresholds_sha256,
        class_name=decider.class_name,
        white=white.value,
    )
