"""The thresholds of a bundle: the file `thresholds.json` beside its manifest.

The manifest does not list the file, so that thresholds can be set again without changing the
bundle. Instead the file contains a hash of everything that the scores of the bundle depend on, and
thresholds of another model are refused.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from diad_deploy.bundle.files import leaves, lies_in_its_cache, place_fault
from diad_deploy.bundle.folder import THRESHOLDS_NAME
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.errors import BundleVersionError, OptionError, OutputError, ThresholdsError
from diad_deploy.files.atomic_file import write_atomically
from diad_deploy.files.regular_file import MAX_JSON_BYTES, read_regular_file
from diad_deploy.files.strict_json import parse_object, read_record
from diad_deploy.images.formats.white_level import WhiteLevel
from diad_deploy.record import Record

FORMAT_REVISION = 2
"""Revision 2 adds `bit_depth` and `white`. Files without them are written as revision 1."""

_RECALIBRATE = "set them again with `diad-calibrate GOOD_DIR --bundle BUNDLE --force`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold(Record):
    """A threshold that was set from the good images of one class, or of all.

    Attributes:
        score: an image is defective if its score is above this.
        pixel: a pixel is anomalous if the anomaly map is above this; set by the same rule as
            `score`, from the highest map value of each good image.
        pictures: the number of good images it was set from.
        above: the number of those with a higher score.
        expected_rate: the expected share of good images above `score`.
        rate_low, rate_high: the confidence interval of that share.
    """

    score: float
    pixel: float
    pictures: int
    above: int
    expected_rate: float
    rate_low: float
    rate_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds(Record):
    """The content of `thresholds.json`.

    Attributes:
        format_revision: the revision of the file format.
        scoring_sha256: the hash of the parts of the bundle that its scores depend on.
        false_alarm_rate: the requested false-alarm rate.
        confidence: the confidence level of the intervals.
        overall: the threshold for images whose class is not in `classes`.
        classes: the threshold of each class.
        backend: the backend that computed the scores.
        versions: the versions of this package and of the runtime.
        bit_depth: the bit depth that images are read with; None uses each file's own.
        white: the white value that images are read with, if it was given in place of a bit depth.
    """

    format_revision: int
    scoring_sha256: str
    false_alarm_rate: float
    confidence: float
    overall: Threshold
    classes: dict[str, Threshold]
    backend: str
    versions: dict[str, str]
    bit_depth: int | None = None
    white: float | None = None

    @property
    def white_level(self) -> WhiteLevel:
        """The white level that images are read with."""
        return WhiteLevel(bit_depth=self.bit_depth, white=self.white)

    def for_class(self, name: str | None) -> Threshold:
        """The threshold of class `name`, or the overall one."""
        return self.overall if name is None else self.classes.get(name, self.overall)


def scoring_sha256(manifest: Manifest) -> str:
    """SHA-256 of everything that a bundle's scores depend on: graphs, noise, schedule, input.

    Engines and the result of a verification are not part of it.
    """
    engines = {engine.file for engine in manifest.engines}
    parts = {
        "files": {f.path: f.sha256.lower() for f in manifest.files if f.path not in engines},
        "graphs": {graph.name: graph.file for graph in manifest.graphs},
        "image": asdict(manifest.image),
        "latents": asdict(manifest.latents),
        "noise": asdict(manifest.noise),
        "schedule": asdict(manifest.schedule),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def find_thresholds(bundle: Path, manifest: Manifest) -> Thresholds | None:
    """Read the thresholds of a bundle; None if it has none.

    Raises:
        ThresholdsError: the thresholds are damaged, or belong to another bundle.
        BundleVersionError: a newer version wrote them.
    """
    found = thresholds_beside(bundle)
    if found is not None:
        check_belongs(found, manifest, where=str(bundle / THRESHOLDS_NAME))
    return found


def thresholds_beside(bundle: Path) -> Thresholds | None:
    """Read the thresholds in a bundle's folder without checking which bundle they belong to.

    Returns:
        The thresholds; None if there is no file.

    Raises:
        ThresholdsError: the file cannot be used, or is a link to a file outside the bundle.
        BundleVersionError: a newer version wrote it.
    """
    path = bundle / THRESHOLDS_NAME
    if not os.path.lexists(path):
        return None
    is_outside = place_fault(bundle, THRESHOLDS_NAME) is None and leaves(bundle, THRESHOLDS_NAME)
    # the file has no hash in the manifest, so it must be stored where the bundle's files are
    if is_outside and not lies_in_its_cache(bundle, THRESHOLDS_NAME):
        raise ThresholdsError(
            f"{path}: is a link to {path.resolve()}, outside the bundle; replace it with a copy "
            f"of the file, name the file with --thresholds (in Python "
            f"thresholds=read_thresholds(FILE)), or {_RECALIBRATE}"
        )
    return read_thresholds(path)


def read_thresholds(path: str | os.PathLike[str]) -> Thresholds:
    """Read a `thresholds.json` from any folder.

    Args:
        path: the file.

    Raises:
        BundleVersionError: a newer version wrote it.
        ThresholdsError: it is not a regular file, cannot be read, or is not valid; the message
            names all faults.
    """
    try:
        text = read_regular_file(path, most_bytes=MAX_JSON_BYTES)
    except OSError as error:
        raise ThresholdsError(
            f"{path}: cannot be read: {error.strerror or error}; check the path and its "
            f"permissions, or {_RECALIBRATE}"
        ) from error
    return from_json(text, where=str(path))


def check_belongs(thresholds: Thresholds, manifest: Manifest, *, where: str) -> None:
    """Raise `ThresholdsError` if the thresholds were set with another bundle."""
    expected = scoring_sha256(manifest)
    if thresholds.scoring_sha256 != expected:
        raise ThresholdsError(
            f"{where}: set with another bundle (expected {expected[:12]}…, found "
            f"{thresholds.scoring_sha256[:12]}…), whose scores differ; {_RECALIBRATE}, or remove it"
        )


def check_finite(thresholds: Thresholds, *, where: str) -> None:
    """Raise `ThresholdsError` if a threshold is NaN or infinite."""
    faults = list(_not_finite(thresholds))
    if faults:
        raise ThresholdsError(f"{where}: {'; '.join(faults)}; {_RECALIBRATE}")


def to_json(thresholds: Thresholds) -> str:
    """The thresholds as indented JSON with a final newline.

    Bytes of a class name that are not UTF-8 become lone surrogates; encode the text with
    `backslashreplace`.
    """
    values = asdict(thresholds)
    for name in ("bit_depth", "white"):
        if values[name] is None:
            del values[name]
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_thresholds(path: Path, thresholds: Thresholds, *, force: bool = False) -> None:
    """Write the file atomically.

    Args:
        path: the file.
        thresholds: its content.
        force: whether to replace an existing file.

    Raises:
        OutputError: the file exists and `force` is not set, or it cannot be written.
    """
    check_output(path, force=force)
    text = to_json(thresholds).encode("utf-8", "backslashreplace")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}; grant write permission, or "
            f"name another file with -o and with `diad-run --thresholds`"
        ) from error


def check_output(path: Path, *, force: bool) -> None:
    """Raise `OutputError` unless thresholds may be written to `path`."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder, expected a file; name a file with -o")
    if os.path.lexists(path) and not force:
        raise OutputError(
            f"{path}: already exists; use --force to set it again for all classes (GOOD_DIR has "
            f"their folders side by side), or -o to write another file"
        )


def from_json(text: bytes, *, where: str) -> Thresholds:
    """Parse thresholds; `where` names the file in messages.

    Raises:
        BundleVersionError, ThresholdsError: as `read_thresholds`.
    """
    try:
        values = parse_object(text)
    except ValueError as error:
        raise ThresholdsError(f"{where}: {error}; {_RECALIBRATE}") from None
    _check_revision(values, where=where)
    names = _escaped(values.get("classes"))
    if names:
        values["classes"] = {known: values["classes"][name] for known, name in names.items()}
    try:
        found = read_record(Thresholds, values, _contradictions)
    except ValueError as error:
        raise ThresholdsError(f"{where}: not valid thresholds: {error}; {_RECALIBRATE}") from None
    return replace(
        found, classes={names.get(name, name): one for name, one in found.classes.items()}
    )


def _escaped(classes: object) -> dict[str, str]:
    """The names of the classes by a unique escaped form.

    Pydantic refuses lone surrogates, which Python uses for bytes of a folder's name that are not
    UTF-8.
    """
    if not isinstance(classes, dict):
        return {}
    return {
        name.replace("\\", "\\\\").encode("utf-8", "backslashreplace").decode(): name
        for name in classes
    }


def _check_revision(values: dict[str, Any], *, where: str) -> None:
    revision = values.get("format_revision")
    if not isinstance(revision, int) or isinstance(revision, bool) or revision < 1:
        raise ThresholdsError(
            f"{where}: expected an integer 'format_revision' of at least 1, found none, so this is "
            f"not a file of thresholds; {_RECALIBRATE}"
        )
    if revision > FORMAT_REVISION:
        raise BundleVersionError(
            f"{where}: has format {revision}, but this version of diad_deploy reads up to "
            f"{FORMAT_REVISION}; upgrade diad_deploy, or {_RECALIBRATE}"
        )


def _contradictions(found: Thresholds) -> Iterator[str]:
    """Checks beyond types; each fault names the field, the expected and the found value."""
    for name in ("false_alarm_rate", "confidence"):
        if not 0.0 < (value := getattr(found, name)) < 1.0:
            yield f"{name}: expected a number above 0 and below 1, found {value}"
    try:
        _ = found.white_level
    except OptionError as error:
        yield str(error)
    yield from _not_finite(found)
    for place, one in _named(found).items():
        if not 0 <= one.above < one.pictures:
            yield f"{place}: expected above from 0 to {one.pictures - 1}, found {one.above}"
        if not 0.0 <= one.rate_low <= one.expected_rate <= one.rate_high <= 1.0:
            yield f"{place}: expected rate_low, expected_rate, rate_high to rise from 0 to 1"


def _not_finite(found: Thresholds) -> Iterator[str]:
    for place, one in _named(found).items():
        if not (math.isfinite(one.score) and math.isfinite(one.pixel)):
            yield f"{place}: expected finite score and pixel, found {one.score} and {one.pixel}"


def _named(found: Thresholds) -> dict[str, Threshold]:
    return {"overall": found.overall, **{f"classes.{k}": v for k, v in found.classes.items()}}
