"""Runs a bundle and PyTorch on the same images and noise, and compares them stage by stage."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from diad_deploy.arrays import FloatArray
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.errors import InputError, OptionError
from diad_deploy.images.options import ImageOptions
from diad_deploy.images.preprocess import prepare_batch
from diad_deploy.images.reader import ImageReader
from diad_deploy.inspection.summary import Progress
from diad_deploy.labelled.labelled_image import LabelledImage
from diad_deploy.labelled.mask_findings import MaskTally
from diad_export.model.diad import DiadModel
from diad_export.model.reference import ReferenceOptions, run_reference
from diad_export.verify.agreement import Outcome, Truth, choose_threshold, compare_outcomes
from diad_export.verify.result import Agreement, Limits, StageError, Verification
from diad_export.verify.traced_bundle import TracedBundle

BATCH = 4
NAMED_FAULTS = 20

Noises = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """How to verify.

    Attributes:
        threshold: for decisions; None derives it from PyTorch's scores.
        noise_floor: run PyTorch again with noise of another seed.
        torch_half: run PyTorch again in float16 (autocast).
        reading: how images are read.
        limits: of errors and agreement.

    Raises:
        OptionError: the threshold is not finite.
    """

    threshold: float | None = None
    noise_floor: bool = True
    torch_half: bool = False
    reading: ImageOptions = field(default_factory=ImageOptions)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise OptionError(f"--threshold {self.threshold:g}: expected a finite number")


def verify(
    bundle: Bundle,
    model: DiadModel,
    traced: TracedBundle,
    images: Sequence[LabelledImage],
    options: VerifyOptions,
    *,
    progress: Callable[[Progress], None] = lambda now: None,
) -> Verification:
    """Run a bundle and a model on the same images and noise.

    Args:
        bundle: its manifest and noise.
        model: the PyTorch model.
        traced: `bundle` on a backend.
        images: with their labels and masks.
        options: see there.
        progress: called after each batch.

    Raises:
        ImageError: an image cannot be read.
        InputError: there are no images, or masks cannot be used.
        BackendError: the backend failed.
    """
    if not images:
        raise InputError("no images to verify with; give a folder of images with --images")
    reading = options.reading
    reader = ImageReader.with_options(reading)
    truth, masks = _read_truth(images, bundle.manifest.image.size_px, reading.limit_px)
    runs = _Runs(bundle.manifest, model, traced)
    noise, other = bundle.noise(), _other_noise(bundle)
    for start in range(0, len(images), BATCH):
        chunk = images[start : start + BATCH]
        batch = prepare_batch([image.read(reader) for image in chunk], bundle.manifest.image)
        runs.compare(batch, noise)
        if options.noise_floor:
            runs.run_noise_floor(batch, other)
        if options.torch_half:
            runs.run_torch_float16(batch, noise)
        progress(Progress(done=start + len(chunk), total=len(images), failed=0))
    marked = sum(bool(image.defective or image.mask) for image in images)
    return replace(
        _summarize(runs, truth, options),
        masks=masks.counts,
        notes=(*reader.warnings(), *masks.notes(marked)),
    )


def _read_truth(
    images: Sequence[LabelledImage], size_px: int, limit_px: int
) -> tuple[Truth, MaskTally]:
    """Labels, masks and their findings; raises `InputError` that names all unusable masks."""
    masks = [image.check_mask(size_px, limit_px=limit_px) for image in images]
    tally, faults = MaskTally(), []
    for image, mask in zip(images, masks, strict=True):
        tally.add(image.name, mask.findings)
        if mask.fault is not None:
            faults.append(f"{image.mask}: {mask.fault}")
    if faults:
        more = f"; and {len(faults) - NAMED_FAULTS} more" if len(faults) > NAMED_FAULTS else ""
        raise InputError("; ".join(faults[:NAMED_FAULTS]) + more)
    truth = Truth(
        names=tuple(image.name for image in images),
        defective=tuple(image.defective for image in images),
        masks=[mask.marked for mask in masks],
    )
    return truth, tally


def _summarize(runs: "_Runs", truth: Truth, options: VerifyOptions) -> Verification:
    want, got = runs.torch.outcome(), runs.bundle.outcome()
    threshold, origin = choose_threshold(options.threshold, want.scores, truth)

    def compare(other: _Collected) -> Agreement | None:
        return compare_outcomes(want, other.outcome(), truth, threshold) if other.maps else None

    return Verification(
        backend=runs.traced.backend,
        pictures=len(truth.names),
        threshold=threshold,
        threshold_from=origin,
        stages=tuple(runs.errors()),
        agreement=compare_outcomes(want, got, truth, threshold),
        noise_floor=compare(runs.noise_floor),
        torch_half=compare(runs.torch_float16),
        image_auroc=truth.image_auroc(want.scores),
        pixel_auroc=truth.pixel_auroc(want.maps),
        limits=options.limits,
        caution=runs.traced.caution,
    )


class _Collected:
    """Collects the maps and scores of a run, batch by batch."""

    def __init__(self) -> None:
        self.maps: list[FloatArray] = []
        self.scores: list[FloatArray] = []

    def add(self, tensors: dict[str, FloatArray]) -> None:
        self.maps.append(tensors["anomaly_map"])
        self.scores.append(tensors["image_score"])

    def outcome(self) -> Outcome:
        return Outcome(maps=np.concatenate(self.maps), scores=np.concatenate(self.scores))


class _Runs:
    """The runs of bundle and PyTorch, and the errors of their stages."""

    def __init__(self, manifest: Manifest, model: DiadModel, traced: TracedBundle) -> None:
        self.model, self.traced = model, traced
        self.steps = manifest.schedule.steps
        self.options = ReferenceOptions(
            schedule=manifest.schedule,
            only_mid_control=manifest.only_mid_control,
            sigma_px=manifest.fusion.sigma_px,
            pool_size_px=manifest.fusion.pool_size_px,
            pool_count=manifest.fusion.pool_count,
        )
        self.torch, self.bundle = _Collected(), _Collected()
        self.noise_floor, self.torch_float16 = _Collected(), _Collected()
        self._sums: dict[str, tuple[float, float, float]] = {}

    def compare(self, batch: FloatArray, noise: Noises) -> None:
        """Run bundle and PyTorch on a batch."""
        want = self._run_torch(batch, noise)
        got = self._run_bundle(batch, noise)
        for name, value in want.items():
            if name not in got:  # not every backend returns all stages
                continue
            error = np.abs(got[name].astype(np.float64) - value)
            squares, norms, largest = self._sums.get(name, (0.0, 0.0, 0.0))
            self._sums[name] = (
                squares + float(np.square(error).sum()),
                norms + float(np.square(value.astype(np.float64)).sum()),
                float(np.maximum(largest, error.max())),  # keeps NaN
            )
        self.torch.add(want)
        self.bundle.add(got)

    def run_noise_floor(self, batch: FloatArray, noise: Noises) -> None:
        """Run PyTorch alone, with other noise."""
        self.noise_floor.add(self._run_torch(batch, noise))

    def run_torch_float16(self, batch: FloatArray, noise: Noises) -> None:
        """Run PyTorch alone in float16 (autocast), the usual way to make it faster."""
        with torch.autocast("cpu", dtype=torch.float16):
            self.torch_float16.add(self._run_torch(batch, noise))

    def errors(self) -> Iterator[StageError]:
        """The errors over all batches, in the order of the pipeline."""
        for name, (squares, norms, largest) in self._sums.items():
            relative = squares**0.5 / max(norms**0.5, 1e-30)
            yield StageError(stage=name, relative=relative, max_abs=largest)

    def _run_torch(self, batch: FloatArray, noise: Noises) -> dict[str, FloatArray]:
        names = {"latents_start": "latents_0", "latents_final": f"latents_{self.steps}"}
        names |= {f"step{n}_latents": f"latents_{n}" for n in range(1, self.steps)}
        names |= {name: name for name in ("reconstruction", "anomaly_map", "image_score")}
        stages: dict[str, FloatArray] = {}

        def observe(name: str, value: torch.Tensor) -> None:
            if name in names:
                stages[names[name]] = value.float().numpy().copy()

        image, own, posterior = (
            torch.from_numpy(part) for part in (batch, *_for_batch(noise, len(batch)))
        )
        run_reference(self.model, image, own, posterior, self.options, observe=observe)
        return stages

    def _run_bundle(self, batch: FloatArray, noise: Noises) -> dict[str, FloatArray]:
        return self.traced.run(batch, *_for_batch(noise, len(batch)))


def _for_batch(noise: Noises, count: int) -> Noises:
    first, second = (np.repeat(part[np.newaxis], count, axis=0) for part in noise)
    return first, second


def _other_noise(bundle: Bundle) -> Noises:
    """Noise of the next seed, and the bundle's posterior noise."""
    noise, posterior_noise = bundle.noise()
    rng = np.random.default_rng(bundle.manifest.noise.seed + 1)
    return rng.standard_normal(noise.shape, dtype=np.float32), posterior_noise
