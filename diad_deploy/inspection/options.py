"""How a run inspects its images, once thresholds are read and a detector is open."""

from dataclasses import dataclass, field

import numpy as np

from diad_deploy.choices import check_choices
from diad_deploy.errors import OptionError
from diad_deploy.images.formats.white_level import WhiteLevel
from diad_deploy.images.options import ImageOptions
from diad_deploy.report.image_outputs import MapFormat
from diad_deploy.report.run_record import Existing
from diad_deploy.thresholds.decide import Decider

MAX_WORKERS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionOptions:
    """How to inspect images with an open detector.

    Attributes:
        bundle_name: the bundle's name in the report.
        scale: (low, high) of the heatmaps in units of the anomaly map; None takes the bundle's.
        maps: format of the raw maps to write beside the heatmaps; None writes none.
        workers: threads that read images beside the model; None takes `streaming.WORKERS`.
        existing: what to do with what the output folder holds: `refuse`, `resume` or `force`.
        decider: gives detections their thresholds; by default none.
        fail_on_defect: show in the exit status that an image is defective.
        reading: how images are read; the white level may follow from the thresholds.

    Raises:
        OptionError: a value does not fit, or the thresholds were set with another white level.
    """

    bundle_name: str = "bundle"
    scale: tuple[float, float] | None = None
    maps: MapFormat | None = None
    workers: int | None = None
    existing: Existing = "refuse"
    decider: Decider = field(default_factory=Decider)
    fail_on_defect: bool = False
    reading: ImageOptions = field(default_factory=ImageOptions)

    @property
    def white(self) -> WhiteLevel:
        """The white level: that of the thresholds, where there are any."""
        return self.decider.resolve_white(self.reading.white)

    def __post_init__(self) -> None:
        _ = self.white
        check_choices(self, existing=Existing, maps=MapFormat)
        check_numbers(self.workers, self.scale)
        if self.fail_on_defect and not self.decider.decides:
            raise OptionError(
                f"--fail-on-defect: no threshold says what is defective; set one with "
                f"`diad-calibrate GOOD_DIR --bundle {self.bundle_name}`, or give --threshold"
            )


def check_numbers(workers: int | None, scale: tuple[float, float] | None) -> None:
    """Check the number of workers and the scale of the heatmaps.

    Raises:
        OptionError: one does not fit.
    """
    if workers is not None and not 1 <= workers <= MAX_WORKERS:
        raise OptionError(f"--workers {workers}: expected 1 to {MAX_WORKERS}")
    if scale is not None:
        low, high = scale
        if not (np.isfinite(scale).all() and low < high):
            raise OptionError(
                f"--scale {low:g} {high:g}: expected two finite numbers, the lower one first"
            )
