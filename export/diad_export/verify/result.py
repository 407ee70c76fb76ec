"""What a verification found, the limits it is held against, and how it is told."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from diad_deploy.errors import OptionError
from diad_deploy.labelled.mask_findings import MaskCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that a bundle may differ from PyTorch.

    Attributes:
        stage_error: largest relative error of any stage: what these images do not show in
            their decisions, others may.
        map_correlation: least Pearson correlation of any image's two maps.
        score_difference: largest difference of any image's two scores, as a share of the
            threshold.
        flipped_share: share of images whose decision may flip.
        auroc_change: largest change of image or pixel AUROC either way.
    """

    stage_error: float = 0.05
    map_correlation: float = 0.99
    score_difference: float = 0.05
    flipped_share: float = 0.01
    auroc_change: float = 0.005

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if math.isnan(value):
                raise OptionError(f"--{name.replace('_', '-')} nan: expected a number")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageError:
    """One tensor on its way through the pipeline: errors over all images.

    Attributes:
        stage: `latents_0` after encoding, `latents_N` after step N, `reconstruction`,
            `anomaly_map`, `image_score`.
        relative: norm of the error as a share of the norm of PyTorch's.
        max_abs: largest absolute error.
    """

    stage: str
    relative: float
    max_abs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far two runs on the same images agree in what they decide.

    Attributes:
        least_correlation, median_correlation: of the images' two maps.
        largest_difference, mean_difference: of the images' two scores.
        flipped: images on different sides of the threshold.
        image_auroc_change, pixel_auroc_change: the second run's less the first's; None where
            there are no labels or masks.
    """

    least_correlation: float
    median_correlation: float
    largest_difference: float
    mean_difference: float
    flipped: tuple[str, ...]
    image_auroc_change: float | None
    pixel_auroc_change: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A bundle beside PyTorch, and PyTorch beside itself with noise of another seed.

    Attributes:
        threshold: scores above it are defects.
        threshold_from: where it comes from.
        image_auroc, pixel_auroc: PyTorch's own.
        noise_floor: PyTorch with another seed's noise; None where it was not run.
        torch_half: PyTorch in its own float16; None where it was not run.
        caution: what these figures do not show; None where there is nothing to say.
        masks: how the masks of the defective images are.
        notes: what is to be said of them.
    """

    backend: str
    pictures: int
    threshold: float
    threshold_from: str
    stages: tuple[StageError, ...]
    agreement: Agreement
    noise_floor: Agreement | None
    image_auroc: float | None
    pixel_auroc: float | None
    limits: Limits
    torch_half: Agreement | None = None
    caution: str | None = None
    masks: MaskCounts = field(default_factory=MaskCounts)
    notes: tuple[str, ...] = ()

    @property
    def faults(self) -> tuple[str, ...]:
        """What lies beyond the limits, in words; none where the bundle passes."""
        return tuple(self._faults())

    @property
    def passed(self) -> bool:
        """Whether nothing lies beyond the limits."""
        return not self.faults

    def as_json(self) -> dict[str, Any]:
        """For a machine, and for the manifest."""
        return {**asdict(self), "faults": list(self.faults), "passed": self.passed}

    def _faults(self) -> Iterator[str]:
        found, limits = self.agreement, self.limits
        far = [stage for stage in self.stages if not stage.relative <= limits.stage_error]
        if far:
            yield (
                f"{far[0].stage} is off by {far[0].relative:.2g} of its norm, the first of "
                f"{len(far)} stages beyond {limits.stage_error}"
            )
        if not found.least_correlation >= limits.map_correlation:
            yield (
                f"map correlation {found.least_correlation:.4f} is below {limits.map_correlation}"
            )
        allowed = limits.score_difference * abs(self.threshold)
        if not found.largest_difference <= allowed:
            yield (
                f"score difference {found.largest_difference:.4g} is above {allowed:.4g}, "
                f"{limits.score_difference:.3g} of the threshold"
            )
        if len(found.flipped) > limits.flipped_share * self.pictures:
            yield (
                f"{len(found.flipped)} of {self.pictures} decisions flipped, above a share of "
                f"{limits.flipped_share}"
            )
        for what, change in (
            ("image AUROC", found.image_auroc_change),
            ("pixel AUROC", found.pixel_auroc_change),
        ):
            if change is not None and not abs(change) <= limits.auroc_change:
                yield f"{what} changed by {change:+.4f}, by more than {limits.auroc_change}"
