"""The decision: which threshold applies to which image."""

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
    """Decides whether images are good or defective.

    Attributes:
        thresholds: the bundle's thresholds; None if it has none.
        threshold: a threshold that replaces all others, for the score and for regions.
        class_name: the class of all images; None derives it from their folders.
        source: where the thresholds come from, for messages.

    Raises:
        OptionError, ThresholdsError: a threshold is NaN or infinite, so that all images would be
            good.
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
        """SHA-256 of the thresholds as JSON; None if they are not used."""
        if self.thresholds is None or self.threshold is not None:
            return None
        return hashlib.sha256(
            to_json(self.thresholds).encode("utf-8", "backslashreplace")
        ).hexdigest()

    @property
    def decides(self) -> bool:
        """Whether there is a threshold."""
        return self.threshold is not None or self.thresholds is not None

    def decide(
        self,
        detection: Detection,
        path: str | os.PathLike[str] | None = None,
        *,
        class_name: str | None = None,
    ) -> Detection:
        """Add the class, the threshold and the decision to a detection.

        Args:
            detection: the result of one image.
            path: the path of the image, whose folders may name its class.
            class_name: the class of the image, if it is known.

        Returns:
            The detection, without a decision if there is no threshold.

        Raises:
            OptionError: `class_name` has no threshold although other classes have.
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
        """The white level to read images with: if there are thresholds, the one they were set with.

        Raises:
            OptionError: `given` is another white level.
        """
        decide = self.thresholds is not None and self.threshold is None
        calibrated = self.thresholds.white_level if self.thresholds and decide else None
        return resolve_white(given, calibrated, where=self.source)

    def check_belongs(self, manifest: Manifest) -> None:
        """Raise `ThresholdsError` if the thresholds were set with another bundle."""
        if self.thresholds is not None:
            check_belongs(self.thresholds, manifest, where=self.source)

    def describe(self, backend: str) -> str | None:
        """A short description of the thresholds; None if there are none.

        It names the backend that they were set with if `backend`, that of the run, is another.
        """
        if self.thresholds is None or self.threshold is not None:
            return self.source if self.decides else None
        other = self.thresholds.backend
        return self.source if other == backend else f"{self.source} (set on {other})"

    def check_class(self, name: str | None) -> None:
        """Raise `OptionError` if other classes have thresholds and class `name` has none.

        A mistyped name must not silently use the overall threshold.
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
        raise OptionError("--threshold and --thresholds cannot be used together; choose one")


def find_decider(
    bundle: Path,
    *,
    thresholds: Path | None = None,
    threshold: float | None = None,
    class_name: str | None = None,
) -> Decider:
    """The decider of a run: from `threshold`, else `thresholds`, else the bundle's own file.

    This does not check that the thresholds belong to the bundle; see `Decider.check_belongs`.

    Args:
        bundle: the bundle's folder.
        thresholds: a file of thresholds.
        threshold: a threshold that replaces all others.
        class_name: the class of all images.

    Raises:
        OptionError: both `threshold` and `thresholds` are given, or one is not valid.
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
