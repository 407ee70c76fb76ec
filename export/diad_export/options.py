"""Options for building a bundle: the user's, the checkpoint's, and the published values."""

import math
from dataclasses import dataclass, fields
from typing import Literal

from diad_deploy.bundle.manifest import Convolutions, Manifest, Posterior, Spacing
from diad_deploy.choices import check_choices
from diad_deploy.errors import OptionError
from diad_deploy.files.paths import StrPath
from diad_deploy.images.options import ImageOptions, ReadingOptions

BuildPrecision = Literal["fp32", "fp16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommended:
    """Build settings stored in a checkpoint; None for the published value."""

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
"""The defaults for values that neither the user nor the checkpoint sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions(ReadingOptions):
    """How to build a bundle. None stands for the checkpoint's value, else the published one.

    Attributes:
        image_size_px: side of the model's input.
        steps: number of DDIM steps.
        spacing: of the timesteps: `leading` as published, or `trailing` from the last timestep.
        posterior: the `mode` of the autoencoder's posterior, or a `sample` with the bundle's noise.
        only_mid_control: apply control after the middle block and in three decoder blocks; False
            for all skip connections.
        sigma_px: standard deviation of the anomaly map's smoothing.
        pool_size_px, pool_count: side and number of the average pools of the score.
        heatmap_scale: (low, high) of heatmaps in units of the anomaly map.
        seed: seed of the bundle's noise.
        precision: `fp32`, or `fp16` for mixed precision, with float32 nodes where needed.
        calibration: folder of good images to calibrate float16 graphs with; None for the built-in
            ones.
        convolutions: `plain`, or `winograd`, rewritten for CPUs.
        bit_depth, white, max_megapixels: how the images of `calibration` are read.

    Raises:
        OptionError: options contradict each other.
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
    calibration: StrPath | None = None
    convolutions: Convolutions = "plain"

    def __post_init__(self) -> None:
        check_choices(
            self,
            spacing=Spacing,
            posterior=Posterior,
            precision=BuildPrecision,
            convolutions=Convolutions,
        )
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
    """Build settings, combined from the user's, the checkpoint's and the published values."""

    image_size_px: int
    steps: int
    spacing: Spacing
    sigma_px: float
    pool_size_px: int
    pool_count: int
    heatmap_low: float
    heatmap_high: float


def options_from_manifest(manifest: Manifest) -> BuildOptions:
    """The options to build the same bundle again, except for the calibration images."""
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


def resolve_options(options: BuildOptions, recommended: Recommended) -> ResolvedOptions:
    """For each option the user's value, else the checkpoint's, else the published one.

    Raises:
        OptionError: values are out of range.
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


def _check(resolved: ResolvedOptions) -> None:
    faults = []
    if not 0 < resolved.sigma_px < math.inf:
        faults.append(f"--sigma {resolved.sigma_px} must be above 0")
    if resolved.pool_size_px < 1 or resolved.pool_count < 0:
        faults.append(
            f"--pool {resolved.pool_size_px} {resolved.pool_count}: expected a SIZE of at "
            f"least 1 and a COUNT of at least 0"
        )
    elif resolved.pool_count * (resolved.pool_size_px - 1) >= resolved.image_size_px:
        faults.append(
            f"--pool {resolved.pool_size_px} {resolved.pool_count}: the pools are larger "
            f"than the image of {resolved.image_size_px} px; use fewer or smaller ones"
        )
    if not -math.inf < resolved.heatmap_low < resolved.heatmap_high < math.inf:
        faults.append(
            f"--heatmap-scale {resolved.heatmap_low} {resolved.heatmap_high}: expected low, then "
            f"high"
        )
    if faults:
        raise OptionError("; ".join(faults))
