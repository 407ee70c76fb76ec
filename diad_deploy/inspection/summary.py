"""The progress and the summary of a run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

EXIT_DEFECTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a run.

    Attributes:
        done: images that are finished.
        failed: finished images that failed.
        total: all images of the run.
    """

    done: int
    failed: int
    total: int


def no_progress(progress: Progress) -> None:
    """Ignore the progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The summary of a run.

    Attributes:
        pictures: the number of images in the report.
        ok: the number of images with a score.
        failed: the number of images that could not be read or have no finite result.
        resumed: the number of images taken from an earlier run.
        seconds: the duration of the run, without opening the bundle.
        model_seconds: the part of `seconds` spent in the model.
        pictures_per_second: the images per second of this run, without resumed ones.
        bundle, backend: the bundle and the backend.
        devices: the names of the devices.
        backend_reason: why the backend was chosen.
        output, report: the report's folder and its page.
        highest: (image, score) of the highest scores, highest first.
        thresholds: a description of the thresholds; None if there were none.
        decisions: the number of `good` and `defect` rows; None if there were no thresholds.
        fail_on_defect: whether a defective image changes the exit status.
        warnings: problems that may have made scores wrong, one sentence each.
        passed_over: the number of image files of unsupported formats, by suffix.
    """

    pictures: int
    ok: int
    failed: int
    resumed: int
    seconds: float
    model_seconds: float
    pictures_per_second: float
    bundle: str
    backend: str
    devices: tuple[str, ...]
    backend_reason: str
    output: str
    report: str
    highest: tuple[tuple[str, float], ...]
    thresholds: str | None = None
    decisions: dict[str, int] | None = None
    fail_on_defect: bool = False
    warnings: tuple[str, ...] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)

    @property
    def exit_status(self) -> int:
        """0: all inspected. 1: some failed. 2: all failed. 3: defects, with `fail_on_defect`.

        3 takes precedence over 1, so that a failed image does not hide a defect.
        """
        if self.fail_on_defect and self.decisions is not None and self.decisions["defect"]:
            return EXIT_DEFECTS
        if self.failed == 0:
            return 0
        return 1 if self.ok else 2

    def as_json(self) -> dict[str, Any]:
        """The fields, for `json.dumps`."""
        highest = [{"picture": image, "score": score} for image, score in self.highest]
        return {**asdict(self), "highest": highest}
