"""How a bundle is built: the user's options, the checkpoint's settings, the published values."""

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from diad_deploy.bundle.manifest import Convolutions, Manifest, Posterior, Spacing
from diad_deploy.errors import OptionError
from diad_deploy.images.options import ImageOptions, ReadingOptions

BuildPrecision = Literal["fp32", "fp16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommended:
    """Build settings stored in the checkpoint; None leaves the published value."""

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
"""The values where neither the user nor the checkpoint sets any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions(ReadingOptions):
    """How to build. None takes what the checkpoint recommends, else the published value.

    Attributes:
        image_size_px: side of the model input.
        steps: DDIM steps.
        spacing: where the steps lie: `leading` as published, or `trailing` from the last timestep.
        posterior: `mode` of the autoencoder's posterior, or a `sample` with noise of the bundle.
        only_mid_control: control enters after the middle block and in three decoder blocks; False
            for all skip connections.
        sigma_px: smoothing of the anomaly map.
        pool_size_px, pool_count: side and number of the average pools of the score.
        heatmap_scale: (low, high) of heatmaps in units of the anomaly map.
        seed: of the bundle's noise.
        precision: `fp32`, or `fp16` with float32 nodes where they are needed.
        calibration: folder of good images that float16 graphs are measured on; None takes the
            built-in ones.
        convolutions: `plain`, or `winograd`, rewritten for processors.
        bit_depth, white, max_megapixels: how the images of `calibration` are read.

    Raises:
        OptionError: options that exclude each other.
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
    convolutions: Convolutions = "plain"

    def __post_init__(self) -> None:
        if self.calibration is not None and self.precision == "fp32":
            raise OptionError(
                "--calibration: only float16 graphs are calibrated; add --precision fp16, or "
                "leave it out"
            )
        if self.calibration is None and self.reading != ImageOptions():
            raise OptionError(
                "--bit-depth, --white and --max-megapixels: a build reads no images but those of "
                "--calibration; add it, or leave them out"
            )
        if self.convolutions == "winograd" and self.precision != "fp32":
            raise OptionError(
                f"--convolutions winograd: has intermediate values that float16 cannot hold, and "
                f"is for processors, which compute in float32 anyway; found --precision "
                f"{self.precision}, leave one of them out"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedOptions:
    """Build settings after the user, the checkpoint and the published values are combined."""

    image_size_px: int
    steps: int
    spacing: Spacing
    sigma_px: float
    pool_size_px: int
    pool_count: int
    heatmap_low: float
    heatmap_high: float


def options_of(manifest: Manifest) -> BuildOptions:
    """The options that build such a bundle again, except for the calibration images."""
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
    """The user's value, else the checkpoint's, else the published one.

    Raises:
        OptionError: values that do not fit.
    """
    low, high = options.heatmap_scale or (None, None)
    asked = {
        **{field.name: getattr(options, field.name, None) for field in fields(ResolvedOptions)},
        **({"heatmap_low": low, "heatmap_high": high} if low is not None else {}),
    }

    def first(name: str) -> float | str:
        found = (asked.get(name), getattr(recommended, name), getattr(PUBLISHED, name))
        return next(value for value in found if value is not None)

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
