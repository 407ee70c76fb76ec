"""Files and folders in, a report out: all of a run from one configuration."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from diad_deploy.choices import check_choices
from diad_deploy.detector import Detector, ModelOptions
from diad_deploy.errors import OptionError
from diad_deploy.files.paths import StrPath, optional_path
from diad_deploy.images.discover import find_images
from diad_deploy.inspection.inspect import inspect_locked
from diad_deploy.inspection.options import InspectionOptions, check_numbers
from diad_deploy.inspection.summary import Progress, Summary, no_progress
from diad_deploy.log import get_logger
from diad_deploy.report import folder as layout
from diad_deploy.report.folder_lock import lock_folder
from diad_deploy.report.image_outputs import MapFormat
from diad_deploy.report.run_record import Existing, check_folder
from diad_deploy.thresholds.decide import check_threshold, find_decider

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionConfig(ModelOptions):
    """What to inspect, with which bundle, and where the report goes.

    >>> config = InspectionConfig(paths=["photos"], bundle="bundle", output="report")

    Attributes:
        paths: image files, folders and glob patterns.
        bundle: the bundle's folder.
        output: the report's folder.
        bundle_name: the bundle's name in the report; None takes the name of its folder.
        scale: (low, high) of the heatmaps in units of the anomaly map; None takes the bundle's.
        maps: format of raw anomaly maps to write as well, `npy` or `tiff`; None writes none.
        workers: threads that read images beside the model, 1 to 256; None takes 2 to 4, by the
            number of cores.
        existing: what to do with an earlier report in the output folder: `refuse`, `resume` (keep
            its rows, try failed images again) or `force` (start again).
        threshold: scores above it are defects, in place of the bundle's thresholds.
        thresholds: a file of thresholds in place of the bundle's own.
        class_name: the class of all images; None looks for a class among their folders.
        fail_on_defect: whether a defective image shows in the summary's exit status.
        backend, device, threads, batch_size, tf32: as for `Detector.open`.
        bit_depth, white, max_megapixels: as for `Detector.open`.

    Raises:
        OptionError: a value does not fit.
    """

    paths: Sequence[StrPath]
    bundle: StrPath
    output: StrPath
    bundle_name: str | None = None
    scale: tuple[float, float] | None = None
    maps: MapFormat | None = None
    workers: int | None = None
    existing: Existing = "refuse"
    threshold: float | None = None
    thresholds: StrPath | None = None
    class_name: str | None = None
    fail_on_defect: bool = False

    def __post_init__(self) -> None:
        ModelOptions.__post_init__(self)
        if isinstance(self.paths, (str, os.PathLike)):
            raise OptionError(
                f"paths {self.paths}: expected several paths, found one; write paths=[path]"
            )
        check_choices(self, existing=Existing, maps=MapFormat)
        check_numbers(self.workers, self.scale)
        check_threshold(self.threshold, self.thresholds)

    @property
    def options(self) -> InspectionOptions:
        """The options of the run, with the thresholds read.

        Raises:
            OptionError: a value does not fit the thresholds.
            ThresholdsError, BundleVersionError: the thresholds cannot be used.
        """
        bundle = Path(self.bundle)
        return InspectionOptions(
            bundle_name=self.bundle_name or bundle.resolve().name,
            scale=self.scale,
            maps=self.maps,
            workers=self.workers,
            existing=self.existing,
            decider=find_decider(
                bundle,
                thresholds=optional_path(self.thresholds),
                threshold=self.threshold,
                class_name=self.class_name,
            ),
            fail_on_defect=self.fail_on_defect,
            reading=self.reading,
        )


def inspect_images(
    config: InspectionConfig, *, progress: Callable[[Progress], None] = no_progress
) -> Summary:
    """Inspect images and write a report, as `diad-run` does.

    An image that cannot be read, or whose result is not finite, gets a row with the reason. When
    an error or Ctrl-C stops the run, all finished images are kept and the page is written.

    Args:
        config: what to inspect, and how.
        progress: called after each row, from other threads but one call at a time.

    Raises:
        InputError: there are no images, or an option does not fit.
        OutputError: the folder is taken, belongs to another run, or cannot be written.
        BundleError: the bundle or its thresholds cannot be used.
        BackendError: nothing runs the bundle, or the model failed.
        KeyboardInterrupt: Ctrl-C, after the page is written.
    """
    options, output = config.options, Path(config.output)
    # all checks come before the model is loaded
    with lock_folder(output) as locked:
        check_folder(output, options.existing)
        written = [output / name for name in layout.SUBFOLDERS]
        images = find_images(config.paths, exclude=written)
        log.info("found %d images", len(images))
        # the run decides on its own: it knows the class of each image
        with Detector.open(config.bundle, thresholds=None, **config.arguments) as detector:
            return inspect_locked(images, detector, output, locked, options, progress)
