"""The result of a verification, and its limits."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from diad_deploy.errors import OptionError
from diad_deploy.labelled.mask_findings import MaskCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a bundle may differ from PyTorch.

    Attributes:
        stage_error: largest relative error of any stage. An error that changes no decision on these
            images may change some on others.
        map_correlation: smallest Pearson correlation between the two maps of an image.
        score_difference: largest difference between the two scores of an image, as a share of the
            threshold.
        flipped_share: share of images whose decision may flip.
        auroc_change: largest absolute change of image or pixel AUROC.

    Raises:
        OptionError: a limit is NaN.
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
    """The error of one stage of the pipeline over all images.

    Attributes:
        stage: `latents_0` after encoding, `latents_N` after step N, `reconstruction`,
            `anomaly_map`, `image_score`.
        relative: norm of the error, divided by the norm of PyTorch's tensor.
        max_abs: largest absolute error.
    """

    stage: str
    relative: float
    max_abs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far two runs on the same images agree.

    Attributes:
        least_correlation, median_correlation: between the two maps of an image.
        largest_difference, mean_difference: between the two scores of an image.
        flipped: names of the images with different decisions.
        image_auroc_change, pixel_auroc_change: second run minus first run; None without labels or
            masks.
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
    """A bundle compared with PyTorch, and PyTorch with itself on noise of another seed.

    Attributes:
        backend: that ran the bundle.
        pictures: number of images.
        threshold: images with a higher score are defective.
        threshold_from: its origin.
        stages: errors by stage, in the order of the pipeline.
        agreement: of the bundle with PyTorch.
        noise_floor: of PyTorch with noise of another seed; None if it was not run.
        image_auroc, pixel_auroc: of PyTorch.
        limits: of errors and agreement.
        torch_half: agreement of PyTorch in float16 (autocast); None if it was not run.
        caution: what these figures do not show, if anything.
        masks: counts of complete and faulty masks.
        notes: on images and masks.
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
        """A sentence for each limit that is exceeded."""
        return tuple(self._faults())

    @property
    def passed(self) -> bool:
        """Whether no limit is exceeded."""
        return not self.faults

    def as_json(self) -> dict[str, Any]:
        """Everything as a dictionary, for `--json` and the manifest."""
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
