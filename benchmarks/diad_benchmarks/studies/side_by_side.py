"""The published order of work in PyTorch beside a bundle on ONNX Runtime: one image, in turns."""

import os
import platform
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from diad_benchmarks.measure.rounds import Rounds, take_turns
from diad_benchmarks.models.models import check_origin
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.detection import Detection
from diad_deploy.detector import Detector
from diad_deploy.diffusion.schedule import make_schedule
from diad_export.build import recorded_versions
from diad_export.checkpoint.read import read_checkpoint
from diad_export.checkpoint.weights import load_model
from diad_export.graphs import Progress
from diad_export.model.autoencoder import decode_latents
from diad_export.model.reference import (
    PUBLISHED_GUIDANCE_SCALE,
    ReferenceOptions,
    ReferenceResult,
    run_reference,
)
from diad_export.model.sizes import ModelSizes
from diad_export.peak_memory import peak_memory_bytes

PUBLISHED, BUNDLE = "published order of work, PyTorch", "bundle, ONNX Runtime"


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """What was measured, and how far both are apart.

    Attributes:
        sizes, manifest: of the model and of the bundle that ran.
        opening_s: seconds from a bundle's folder to a detector, hashes checked.
        map_error: norm of the maps' difference over the published map's norm.
    """

    sizes: ModelSizes
    manifest: Manifest
    rounds: Rounds
    opening_s: float
    map_error: float
    score_difference: float
    peak_memory_bytes: int | None
    machine: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Everything that was measured, for a machine."""
        measured = asdict(self)
        del measured["sizes"], measured["manifest"]
        return {
            **measured,
            "median_s": {name: self.rounds.median_s(name) for name in self.rounds.seconds},
            "times_faster": self.rounds.ratios(PUBLISHED, BUNDLE),
        }


def measure(checkpoint: Path, folder: Path, *, rounds: int, tell: Progress) -> SideBySide:
    """Run one random image both ways, `rounds` times in turns, after a short run of each.

    Raises:
        OptionError: the bundle was not built from this checkpoint.
    """
    read = read_checkpoint(checkpoint)
    tell("opening the bundle")
    start = time.perf_counter()
    bundle = Bundle.open(folder)
    check_origin(bundle, checkpoint, read.origin)
    with Detector.open(bundle, batch_size=1) as detector:
        opening_s = time.perf_counter() - start
        size_px = bundle.manifest.image.size_px
        batch = np.random.default_rng(0).standard_normal((1, 3, size_px, size_px), np.float32)
        noises = [values[np.newaxis] for values in bundle.noise()]
        image, noise, posterior_noise = map(torch.from_numpy, (batch, *noises))
        model = load_model(read)
        found: dict[str, Any] = {}

        def reference(options: ReferenceOptions) -> None:
            seen: dict[str, torch.Tensor] = {}
            found[PUBLISHED] = run_reference(
                model, image, noise, posterior_noise, options, observe=seen.__setitem__
            )
            # the published test does so, for an image that nobody scores
            decode_latents(model.autoencoder, seen["latents_encoded"])

        def from_bundle() -> None:
            [found[BUNDLE]] = detector.detect_prepared(batch, [(size_px, size_px)])

        tell("warming up")
        reference(_options(bundle.manifest, steps=1))
        from_bundle()
        published = partial(reference, _options(bundle.manifest))
        taken = take_turns({PUBLISHED: published, BUNDLE: from_bundle}, rounds=rounds, tell=tell)
    map_error, score_difference = _differences(found[PUBLISHED], found[BUNDLE])
    return SideBySide(
        sizes=model.sizes,
        manifest=bundle.manifest,
        rounds=taken,
        opening_s=opening_s,
        map_error=map_error,
        score_difference=score_difference,
        peak_memory_bytes=peak_memory_bytes(),
        machine=_machine(),
    )


def _options(manifest: Manifest, *, steps: int | None = None) -> ReferenceOptions:
    schedule = manifest.schedule
    return ReferenceOptions(
        schedule=schedule if steps is None else make_schedule(steps, schedule.spacing),
        only_mid_control=manifest.only_mid_control,
        guidance_scale=PUBLISHED_GUIDANCE_SCALE,
        sigma_px=manifest.fusion.sigma_px,
        pool_size_px=manifest.fusion.pool_size_px,
        pool_count=manifest.fusion.pool_count,
    )


def _differences(published: ReferenceResult, from_bundle: Detection) -> tuple[float, float]:
    expected = published.anomaly_map[0].numpy().astype(np.float64)
    error = np.linalg.norm(from_bundle.anomaly_map - expected) / np.linalg.norm(expected)
    return float(error), abs(from_bundle.score - float(published.image_score[0]))


def _machine() -> dict[str, Any]:
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "versions": recorded_versions(),
    }
