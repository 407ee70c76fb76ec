"""Good images in, thresholds beside the bundle out."""

import json
import math
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
from diad_deploy.detector import Detector
from diad_deploy.errors import InputError
from diad_deploy.images.formats.white_level import AUTO_WHITE
from diad_deploy.images.options import ImageOptions
from diad_deploy.images.reader import ImageReader
from diad_deploy.inspection.summary import Progress
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

TOLD = 5
"""How many of the highest scores, and of the failures, a calibration names."""

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "tensorrt", "tensorrt-rtx-cu13")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRequest:
    """What a person decides about thresholds.

    Attributes:
        folder: of good images, and no others.
        bundle: the bundle's folder.
        rate: share of good images that may be called defective.
        per_class: a threshold for each class beside the overall one.
        class_name: the class of all images; None goes by their folders.
        output: the file to write; None writes beside the bundle.
        force: write over thresholds that are there.
        reading: how images are read; what is white is kept in the thresholds.
        backend, device, batch_size, threads, tf32: as of `Detector.open`.

    Raises:
        OptionError: the rate is none.
    """

    folder: Path
    bundle: Path
    rate: float = 0.01
    per_class: bool = True
    class_name: str | None = None
    output: Path | None = None
    force: bool = False
    reading: ImageOptions = field(default_factory=ImageOptions)
    backend: str = "auto"
    device: str = "auto"
    batch_size: int = 8
    threads: int | None = None
    tf32: bool = False

    def __post_init__(self) -> None:
        check_rate(self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodScore:
    """One good image: its score, the highest value of its map, both of six digits."""

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
    """How a calibration ended.

    Attributes:
        thresholds: what was set.
        output: the file they are in.
        failed: how many images failed: they could not be read, or have no finite result.
        failures: the first of them, with the reasons.
        left_out: how many lie outside the folders of good parts.
        highest: (image, score) of the highest scores: a defective image among the good ones
            would stand here.
        warnings: what may have made scores wrong.
        passed_over: files that are images of a kind that is not read, by suffix.
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
        """0: all were inspected. 1: some failed."""
        return 1 if self.failed else 0

    def as_json(self) -> dict[str, Any]:
        """The fields, for `json.dumps`."""
        return {
            **asdict(self),
            "thresholds": json.loads(to_json(self.thresholds)),
            "failures": [{"picture": name, "reason": reason} for name, reason in self.failures],
            "highest": [{"picture": name, "score": score} for name, score in self.highest],
        }


def _ignore(progress: Progress) -> None:
    """Nobody looks."""


def calibrate(
    request: CalibrationRequest, *, progress: Callable[[Progress], None] = _ignore
) -> Calibration:
    """Run good images through a bundle and write its thresholds.

    Raises:
        InputError: there are too few good images, before the model runs or after some of them
            failed.
        OutputError: the thresholds cannot be written, or are there already.
        BundleError, BackendError, OptionError: as of `Detector.open`.
    """
    output = request.output or request.bundle / THRESHOLDS_NAME
    bundle = Bundle.open(request.bundle)
    # what can be refused is refused before the model loads
    check_output(output, force=request.force)
    good = find_good_images(request.folder, class_name=request.class_name)
    check_counts(request.folder, good.classes, request.rate, per_class=request.per_class)
    with Detector.open(
        bundle,
        backend=request.backend,
        device=request.device,
        threads=request.threads,
        batch_size=request.batch_size,
        tf32=request.tf32,
        thresholds=None,
    ) as detector:
        reader = ImageReader.with_options(request.reading)
        scores, failures = score_good(good, detector, progress, reader=reader)
        thresholds = set_thresholds(scores, request, detector)
    write_thresholds(output, thresholds, force=request.force)
    ranked = sorted(scores, key=lambda one: (-one.score, one.picture))
    return Calibration(
        thresholds=thresholds,
        output=str(output),
        failed=len(failures),
        failures=tuple((one.file.name, one.reason) for one in failures[:TOLD]),
        left_out=good.left_out,
        highest=tuple((one.picture, one.score) for one in ranked[:TOLD]),
        warnings=reader.warnings(),
        passed_over=good.passed_over,
    )


def score_good(
    good: GoodImages,
    detector: PreparedDetector,
    progress: Callable[[Progress], None] = _ignore,
    *,
    reader: ImageReader | None = None,
) -> tuple[list[GoodScore], list[Unread]]:
    """The scores of good images, and those that failed.

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
    scores: Sequence[GoodScore], request: CalibrationRequest, detector: PreparedDetector
) -> Thresholds:
    """The thresholds from the scores of good images.

    Raises:
        InputError: too few, because others failed.
    """
    if not scores:
        raise InputError(f"{request.folder}: none of the images has a score")
    classes = [one.class_name for one in scores]
    check_counts(request.folder, classes, request.rate, per_class=request.per_class)
    white = request.reading.white or AUTO_WHITE
    names = sorted({name for name in classes if name is not None}) if request.per_class else []
    return Thresholds(
        format_revision=1 if white.value is None else FORMAT_REVISION,
        scoring_sha256=scoring_sha256(detector.manifest),
        false_alarm_rate=request.rate,
        confidence=CONFIDENCE,
        overall=_threshold(scores, request.rate),
        classes={
            name: _threshold([one for one in scores if one.class_name == name], request.rate)
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
