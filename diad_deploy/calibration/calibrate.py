"""Good images in, thresholds beside the bundle out."""

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from diad_deploy import __version__
from diad_deploy.bundle.folder import THRESHOLDS_NAME, Bundle
from diad_deploy.calibration.false_alarm_rate import CONFIDENCE, check_rate, threshold_at
from diad_deploy.calibration.good_images import GoodImages, check_counts, find_good_images
from diad_deploy.detection import rounded_score
from diad_deploy.detector import Detector, ModelOptions
from diad_deploy.errors import InputError
from diad_deploy.images.formats.white_level import AUTO_WHITE
from diad_deploy.images.reader import ImageReader
from diad_deploy.inspection.summary import Progress, no_progress
from diad_deploy.log import get_logger
from diad_deploy.streaming.stream import PreparedDetector, Stopwatch, Unread, stream
from diad_deploy.thresholds.file import (
    FORMAT_REVISION,
    Threshold,
    Thresholds,
    check_output,
    scoring_sha256,
    to_json,
    write_thresholds,
)

log = get_logger(__name__)

MAX_LISTED = 5
"""The number of highest scores, and of failures, in a calibration."""

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "tensorrt", "tensorrt-rtx-cu13")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationConfig(ModelOptions):
    """From which good images thresholds are set, and for which rate of false alarms.

    >>> config = CalibrationConfig(folder="good", bundle="bundle", false_alarm_rate=0.05)

    Attributes:
        folder: holds good images and no others, a folder per class.
        bundle: the bundle's folder.
        false_alarm_rate: the share of good images that may be called defective.
        per_class: set a threshold for each class beside the overall one.
        class_name: the class of all images; None takes it from their folders.
        output: the file to write; None writes `thresholds.json` in the bundle.
        force: replace thresholds that exist.
        backend, device, threads, batch_size, tf32: as for `Detector.open`.
        bit_depth, white, max_megapixels: as for `Detector.open`; kept in the thresholds.

    Raises:
        OptionError: a value does not fit.
    """

    folder: str | os.PathLike[str]
    bundle: str | os.PathLike[str]
    false_alarm_rate: float = 0.01
    per_class: bool = True
    class_name: str | None = None
    output: str | os.PathLike[str] | None = None
    force: bool = False

    def __post_init__(self) -> None:
        ModelOptions.__post_init__(self)
        check_rate(self.false_alarm_rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodScore:
    """A good image: its score and the highest value of its map, both of six digits."""

    picture: str
    class_name: str | None
    score: float
    pixel: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.score) and math.isfinite(self.pixel)):
            raise InputError(
                f"{self.picture}: score {self.score:g}, highest value of its map {self.pixel:g}: "
                f"expected finite numbers; leave the image out, or run `diad-export verify`"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The result of a calibration.

    Attributes:
        thresholds: those that were set.
        output: the file that holds them.
        failed: how many images could not be read or have no finite result.
        failures: (image, reason) of the first of them.
        left_out: how many images are not in folders of good images.
        highest: (image, score) of the highest scores, which may be of defective images among the
            good ones.
        warnings: problems that may have made scores wrong.
        passed_over: the number of image files of unsupported formats, by suffix.
    """

    thresholds: Thresholds
    output: str
    failed: int
    failures: tuple[tuple[str, str], ...]
    left_out: int
    highest: tuple[tuple[str, float], ...]
    warnings: tuple[str, ...] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)

    @property
    def exit_status(self) -> int:
        """0 if all images were inspected, 1 if some failed."""
        return 1 if self.failed else 0

    def as_json(self) -> dict[str, Any]:
        """The fields, for `json.dumps`."""
        return {
            **asdict(self),
            "thresholds": json.loads(to_json(self.thresholds)),
            "failures": [{"picture": name, "reason": reason} for name, reason in self.failures],
            "highest": [{"picture": name, "score": score} for name, score in self.highest],
        }


def calibrate(
    config: CalibrationConfig, *, progress: Callable[[Progress], None] = no_progress
) -> Calibration:
    """Set the thresholds of a bundle from good images, as `diad-calibrate` does.

    Args:
        config: which images, and how.
        progress: called after each image.

    Raises:
        InputError: there are too few good images, before the model runs or after some of them
            failed.
        OutputError: the thresholds exist already or cannot be written.
        BundleError, BackendError, OptionError: as for `Detector.open`.
    """
    folder, path = Path(config.folder), Path(config.bundle)
    output = path / THRESHOLDS_NAME if config.output is None else Path(config.output)
    bundle = Bundle.open(path)
    # all checks come before the model is loaded
    check_output(output, force=config.force)
    good = find_good_images(folder, class_name=config.class_name)
    check_counts(folder, good.classes, config.false_alarm_rate, per_class=config.per_class)
    log.info("found %d good images in %s", len(good.files), folder)
    with Detector.open(bundle, thresholds=None, **config.arguments) as detector:
        reader = ImageReader.with_options(config.reading)
        scores, failures = score_good(good, detector, progress, reader=reader)
        thresholds = set_thresholds(scores, config, detector)
    write_thresholds(output, thresholds, force=config.force)
    log.info("overall threshold %g; wrote %s", thresholds.overall.score, output)
    ranked = sorted(scores, key=lambda one: (-one.score, one.picture))
    return Calibration(
        thresholds=thresholds,
        output=str(output),
        failed=len(failures),
        failures=tuple((one.file.name, one.reason) for one in failures[:MAX_LISTED]),
        left_out=good.left_out,
        highest=tuple((one.picture, one.score) for one in ranked[:MAX_LISTED]),
        warnings=reader.warnings(),
        passed_over=good.passed_over,
    )


def score_good(
    good: GoodImages,
    detector: PreparedDetector,
    progress: Callable[[Progress], None] = no_progress,
    *,
    reader: ImageReader | None = None,
) -> tuple[list[GoodScore], list[Unread]]:
    """The scores of the good images, and the images that failed.

    Raises:
        BackendError: the model failed.
    """
    scores: list[GoodScore] = []
    failures: list[Unread] = []
    total = len(good.files)
    progress(Progress(done=0, failed=0, total=total))
    results = stream(good.files, detector, Stopwatch(), reader=reader)
    for result, class_name in zip(results, good.classes, strict=True):
        if isinstance(result, Unread):
            failures.append(result)
        else:
            scores.append(
                GoodScore(
                    picture=result.file.name,
                    class_name=class_name,
                    score=rounded_score(result.detection.score),
                    pixel=rounded_score(float(result.detection.anomaly_map.max())),
                )
            )
        done = len(scores) + len(failures)
        progress(Progress(done=done, failed=len(failures), total=total))
    return scores, failures


def set_thresholds(
    scores: Sequence[GoodScore], config: CalibrationConfig, detector: PreparedDetector
) -> Thresholds:
    """The thresholds that follow from the scores of good images.

    Raises:
        InputError: too few images have a score, because others failed.
    """
    if not scores:
        raise InputError(f"{config.folder}: none of the images has a score")
    rate = config.false_alarm_rate
    classes = [one.class_name for one in scores]
    check_counts(Path(config.folder), classes, rate, per_class=config.per_class)
    white = config.reading.white or AUTO_WHITE
    names = sorted({name for name in classes if name is not None}) if config.per_class else []
    return Thresholds(
        format_revision=1 if white.value is None else FORMAT_REVISION,
        scoring_sha256=scoring_sha256(detector.manifest),
        false_alarm_rate=rate,
        confidence=CONFIDENCE,
        overall=_threshold(scores, rate),
        classes={
            name: _threshold([one for one in scores if one.class_name == name], rate)
            for name in names
        },
        backend=detector.backend,
        versions={"diad_deploy": __version__, **_runtime_versions()},
        bit_depth=white.bit_depth,
        white=white.white,
    )


def _threshold(scores: Sequence[GoodScore], rate: float) -> Threshold:
    score, found = threshold_at([one.score for one in scores], rate)
    pixel, _ = threshold_at([one.pixel for one in scores], rate)
    return Threshold(
        score=score,
        pixel=pixel,
        pictures=len(scores),
        above=sum(one.score > score for one in scores),
        expected_rate=found.expected,
        rate_low=found.low,
        rate_high=found.high,
    )


def _runtime_versions() -> dict[str, str]:
    found = {}
    for name in _RUNTIMES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
