"""How a bundle is built: what the user says, what the checkpoint recommends, what was published."""

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from diad_deploy.bundle.manifest import Convolutions, Manifest, Posterior, Spacing
from diad_deploy.errors import OptionError
from diad_deploy.images.options import ImageOptions

BuildPrecision = Literal["fp32", "fp16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommended:
    """Build settings that travel in the checkpoint; `None` leaves the published value."""

    extractor: str | None = None
    image_size_px: int | None = None
    steps: int | None = None
    spacing: Spacing | None = None
    sigma_px: float | None = None
    pool_size_px: int | None = None
    pool_count: int | None = None
    heatmap_low: float | None = None
    heatmap_high: float | None = None


PUBLISHED = Recommended(
    image_size_px=256,
    steps=10,
    spacing="leading",
    sigma_px=5.0,
    pool_size_px=8,
    pool_count=8,
    heatmap_low=0.0,
    heatmap_high=1.0,
)
"""What holds where neither the user nor the checkpoint says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """How to build. `None` takes what the checkpoint recommends, else the published value.

    `calibration` is the folder of images that float16 graphs are measured on, read with
    `reading`; `None` takes the built-in ones. `convolutions` are the model's own, or rewritten for
    processors (`winograd.py`).
    """

    image_size_px: int | None = None
    steps: int | None = None
    spacing: Spacing | None = None
    posterior: Posterior = "mode"
    only_mid_control: bool = True
    sigma_px: float | None = None
    pool_size_px: int | None = None
    pool_count: int | None = None
    heatmap_scale: tuple[float, float] | None = None
    seed: int = 0
    precision: BuildPrecision = "fp32"
    calibration: Path | None = None
    reading: ImageOptions = field(default_factory=ImageOptions)
    convolutions: Convolutions = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedOptions:
    """What is left to the user, the checkpoint or the published code, decided."""

    image_size_px: int
    steps: int
    spacing: Spacing
    sigma_px: float
    pool_size_px: int
    pool_count: int
    heatmap_low: float
    heatmap_high: float


def options_of(manifest: Manifest) -> BuildOptions:
    """The options that build such a bundle again, but for calibration images of one's own."""
    fusion, heatmap = manifest.fusion, manifest.heatmap
    half = manifest.graph("denoiser").precision == "float16"
    return BuildOptions(
        image_size_px=manifest.image.size_px,
        steps=manifest.schedule.steps,
        spacing=manifest.schedule.spacing,
        posterior=manifest.noise.posterior,
        only_mid_control=manifest.only_mid_control,
        sigma_px=fusion.sigma_px,
        pool_size_px=fusion.pool_size_px,
        pool_count=fusion.pool_count,
        heatmap_scale=(heatmap.low, heatmap.high),
        seed=manifest.noise.seed,
        precision="fp16" if half else "fp32",
        convolutions=manifest.convolutions,
    )


def settle(options: BuildOptions, recommended: Recommended) -> ResolvedOptions:
    """The user's word, else the checkpoint's, else the published value.

    Raises:
        OptionError: values that do not fit, or `calibration` where nothing is calibrated.
    """
    low, high = options.heatmap_scale or (None, None)
    asked = {
        **{field.name: getattr(options, field.name, None) for field in fields(ResolvedOptions)},
        **({"heatmap_low": low, "heatmap_high": high} if low is not None else {}),
    }

    def first(name: str) -> float | str:
        found = (asked.get(name), getattr(recommended, name), getattr(PUBLISHED, name))
        return next(value for value in found if value is not None)

    if options.calibration is not None and options.precision == "fp32":
        raise OptionError(
            "--calibration: only float16 graphs are calibrated; add --precision fp16, or leave it "
            "out"
        )
    if options.calibration is None and options.reading != ImageOptions():
        raise OptionError(
            "--bit-depth, --white and --max-megapixels: a build reads no images but those of "
            "--calibration; add it, or leave them out"
        )
    if options.convolutions == "winograd" and options.precision != "fp32":
        raise OptionError(
            f"--convolutions winograd: goes through numbers that float16 cannot hold, and is for "
            f"processors, which compute in float32 anyway; found --precision {options.precision}, "
            f"leave one of them out"
        )
    names = [field.name for field in fields(ResolvedOptions)]
    resolved = ResolvedOptions(**{name: first(name) for name in names})  # type: ignore[arg-type]
    _check(resolved)
    return resolved


def _check(settled: ResolvedOptions) -> None:
    faults = []
    if not 0 < settled.sigma_px < math.inf:
        faults.append(f"--sigma {settled.sigma_px} must be above 0")
    if settled.pool_size_px < 1 or settled.pool_count < 0:
        faults.append(f"--pool {settled.pool_size_px} {settled.pool_count} must be 1 0 or more")
    elif settled.pool_count * (settled.pool_size_px - 1) >= settled.image_size_px:
        faults.append(
            f"{settled.pool_count} poolings of {settled.pool_size_px} px leave nothing of "
            f"{settled.image_size_px} px; take fewer or smaller ones with --pool"
        )
    if not -math.inf < settled.heatmap_low < settled.heatmap_high < math.inf:
        faults.append(
            f"--heatmap-scale {settled.heatmap_low} {settled.heatmap_high}: expected low, then high"
        )
    if faults:
        raise OptionError("; ".join(faults))
