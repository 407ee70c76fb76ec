"""Which threshold decides about which image."""

import hashlib
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

from diad_deploy.bundle.folder import THRESHOLDS_NAME
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.detection import Detection
from diad_deploy.errors import OptionError
from diad_deploy.images.classes import class_among
from diad_deploy.images.formats.white_level import WhiteLevel, resolve_white
from diad_deploy.thresholds.file import (
    Thresholds,
    check_belongs,
    check_finite,
    read_thresholds,
    thresholds_beside,
    to_json,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """Gives detections their thresholds.

    Raises:
        OptionError, ThresholdsError: a threshold is NaN or infinite, by which all would be good.

    Attributes:
        thresholds: the bundle's; None for none.
        threshold: of the score, in place of all others; it bounds regions, too.
        class_name: the class of all images; None goes by the folders they lie in.
        source: where the thresholds come from, for people.
    """

    thresholds: Thresholds | None = None
    threshold: float | None = None
    class_name: str | None = None
    source: str = "thresholds"

    def __post_init__(self) -> None:
        check_threshold(self.threshold, None)
        if self.thresholds is not None:
            check_finite(self.thresholds, where=self.source)
        self.check_class(self.class_name)

    @property
    def thresholds_sha256(self) -> str | None:
        """Of the thresholds, as JSON, where they decide."""
        if self.thresholds is None or self.threshold is not None:
            return None
        return hashlib.sha256(
            to_json(self.thresholds).encode("utf-8", "backslashreplace")
        ).hexdigest()

    @property
    def decides(self) -> bool:
        """Whether there is any threshold."""
        return self.threshold is not None or self.thresholds is not None

    def judge(
        self,
        detection: Detection,
        path: str | os.PathLike[str] | None = None,
        *,
        class_name: str | None = None,
    ) -> Detection:
        """The detection with its class and thresholds, where there are any.

        Args:
            detection: of one image.
            path: the image's, whose folders may say its class.
            class_name: its class where it is known.

        Raises:
            OptionError: `class_name` is no calibrated class.
        """
        self.check_class(class_name)
        named = class_name or self.class_name or self._class_by_folder(path)
        if self.threshold is not None:
            return detection.decided_by(self.threshold, self.threshold, class_name=named)
        if self.thresholds is None:
            return detection if named is None else replace(detection, class_name=named)
        chosen = self.thresholds.for_class(named)
        return detection.decided_by(chosen.score, chosen.pixel, class_name=named)

    def _class_by_folder(self, path: str | os.PathLike[str] | None) -> str | None:
        if path is None or self.thresholds is None:
            return None
        return class_among(path, self.thresholds.classes)

    def resolve_white(self, given: WhiteLevel | None) -> WhiteLevel:
        """Which value is white, where the thresholds decide: as they were set with.

        Raises:
            OptionError: `given` is another.
        """
        decide = self.thresholds is not None and self.threshold is None
        kept = self.thresholds.white_level if self.thresholds and decide else None
        return resolve_white(given, kept, where=self.source)

    def check_belongs(self, manifest: Manifest) -> None:
        """Raise `ThresholdsError` where the thresholds were set with another bundle."""
        if self.thresholds is not None:
            check_belongs(self.thresholds, manifest, where=self.source)

    def shown(self, backend: str) -> str | None:
        """What decides, in a few words; names another backend than the run's."""
        if self.thresholds is None or self.threshold is not None:
            return self.source if self.decides else None
        other = self.thresholds.backend
        return self.source if other == backend else f"{self.source} (set on {other})"

    def check_class(self, name: str | None) -> None:
        """Raise `OptionError` where others have thresholds and class `name` has none.

        A name that was mistyped must not fall back to another threshold in silence.
        """
        known = self.thresholds.classes if self.thresholds is not None else {}
        if name is not None and self.threshold is None and known and name not in known:
            raise OptionError(
                f"class {name!r}: expected one of {', '.join(sorted(known))}, which have "
                f"thresholds; name one of them, or calibrate with its good images"
            )


def check_threshold(threshold: float | None, thresholds: str | os.PathLike[str] | None) -> None:
    """Check a threshold and a file of thresholds, of which one may be given.

    Raises:
        OptionError: both are given, or the threshold is NaN or infinite.
    """
    if threshold is not None and not math.isfinite(threshold):
        raise OptionError(f"--threshold {threshold:g}: expected a finite number")
    if threshold is not None and thresholds is not None:
        raise OptionError("--threshold and --thresholds exclude each other: take one")


def find_decider(
    bundle: Path,
    *,
    thresholds: Path | None = None,
    threshold: float | None = None,
    class_name: str | None = None,
) -> Decider:
    """What decides in a run: `threshold`, else the file given, else the bundle's own file.

    Whether the thresholds belong to the bundle is not checked yet.

    Raises:
        OptionError: both are given, or what is given does not fit.
        ThresholdsError, BundleVersionError: the file cannot be used.
    """
    check_threshold(threshold, thresholds)
    if threshold is not None:
        return Decider(
            threshold=threshold, class_name=class_name, source=f"--threshold {threshold:g}"
        )
    path = thresholds or bundle / THRESHOLDS_NAME
    found = thresholds_beside(bundle) if thresholds is None else read_thresholds(thresholds)
    if found is None:
        return Decider(class_name=class_name)
    return Decider(thresholds=found, class_name=class_name, source=str(path))
