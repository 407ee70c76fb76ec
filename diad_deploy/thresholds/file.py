"""The thresholds of a bundle, kept in `thresholds.json` beside its manifest.

The manifest does not list the file: it can be set again and again without touching the bundle.
So it is not trusted for what it says it belongs to: it holds what the bundle's scores depend on,
as a hash, and thresholds of another model are refused.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from diad_deploy.bundle.files import links_into_cache, links_outside, path_fault
from diad_deploy.bundle.folder import THRESHOLDS_NAME
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.errors import BundleVersionError, OptionError, OutputError, ThresholdsError
from diad_deploy.files.atomic_file import write_atomically
from diad_deploy.files.regular_file import MAX_JSON_BYTES, read_regular_file
from diad_deploy.files.strict_json import parse_object, read_record
from diad_deploy.images.formats.white_level import WhiteLevel
from diad_deploy.record import Record

FORMAT_REVISION = 2
"""2 adds `bit_depth` and `white`; without either the file is written as 1."""

_AGAIN = "set them again with `diad-calibrate GOOD_DIR --bundle BUNDLE --force`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold(Record):
    """Set from the good images of one class, or of all.

    Attributes:
        score: an image whose score is above is defective.
        pixel: where the anomaly map is above, it stands out: set by the same rule from the
            highest map value of each good image.
        images: how many good images it was set from.
        above: how many of them have a higher score.
        expected_rate: share of all good images expected above `score`.
        rate_low, rate_high: ends of the interval of that share.
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
    """What `thresholds.json` holds.

    Attributes:
        format_revision: of the file.
        scoring_sha256: of the bundle's parts that its scores depend on.
        false_alarm_rate: what was asked for.
        confidence: of the intervals.
        overall: for images of no class in `classes`.
        classes: a class's own.
        backend: what gave the scores.
        versions: of what ran.
        bit_depth: what the images were read with; None for each file's own.
        white: the same, where it was given as a value.
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
        """What images are read with."""
        return WhiteLevel(bit_depth=self.bit_depth, white=self.white)

    def for_class(self, name: str | None) -> Threshold:
        """The threshold of class `name`, or the overall one."""
        return self.overall if name is None else self.classes.get(name, self.overall)


def scoring_sha256(manifest: Manifest) -> str:
    """SHA-256 of what a bundle's scores depend on: graphs, noise, schedule, input.

    Engines and the result of a verification can be put into a bundle without changing it.
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
    """The thresholds beside a bundle; None where there are none.

    Raises:
        ThresholdsError, BundleVersionError: they are damaged, newer, or another bundle's.
    """
    found = thresholds_beside(bundle)
    if found is not None:
        check_belongs(found, manifest, where=str(bundle / THRESHOLDS_NAME))
    return found


def thresholds_beside(bundle: Path) -> Thresholds | None:
    """The thresholds in a bundle's folder, whichever bundle they belong to; None for none.

    Raises:
        ThresholdsError, BundleVersionError: as of `read_thresholds`, or a link leads elsewhere.
    """
    path = bundle / THRESHOLDS_NAME
    if not os.path.lexists(path):
        return None
    leads_out = path_fault(bundle, THRESHOLDS_NAME) is None and links_outside(
        bundle, THRESHOLDS_NAME
    )
    # no hash proves what lies there, so it must lie where the bundle's own files do
    if leads_out and not links_into_cache(bundle, THRESHOLDS_NAME):
        raise ThresholdsError(
            f"{path}: leads out of the bundle, to {path.resolve()}, where none of its other files "
            f"lies; put the file itself there, name it with --thresholds (in Python "
            f"thresholds=read_thresholds(FILE)), or {_AGAIN}"
        )
    return read_thresholds(path)


def read_thresholds(path: str | os.PathLike[str]) -> Thresholds:
    """Read a `thresholds.json`, wherever it lies.

    Raises:
        BundleVersionError: a newer version wrote it.
        ThresholdsError: it is no plain file, cannot be read, or holds something else; all faults
            are named.
    """
    try:
        text = read_regular_file(path, max_bytes=MAX_JSON_BYTES)
    except OSError as error:
        raise ThresholdsError(
            f"{path}: cannot be read: {error.strerror or error}; check the path and its rights, "
            f"or {_AGAIN}"
        ) from error
    return from_json(text, where=str(path))


def check_belongs(thresholds: Thresholds, manifest: Manifest, *, where: str) -> None:
    """Raise `ThresholdsError` where they were set with another bundle."""
    expected = scoring_sha256(manifest)
    if thresholds.scoring_sha256 != expected:
        raise ThresholdsError(
            f"{where}: set with another bundle (expected {expected[:12]}…, found "
            f"{thresholds.scoring_sha256[:12]}…), so its scores are others; {_AGAIN}, or remove it"
        )


def check_finite(thresholds: Thresholds, *, where: str) -> None:
    """Raise `ThresholdsError` where one is NaN or infinite: nothing would be above it."""
    faults = list(_not_finite(thresholds))
    if faults:
        raise ThresholdsError(f"{where}: {'; '.join(faults)}; {_AGAIN}")


def to_json(thresholds: Thresholds) -> str:
    """As indented JSON, ending in a newline.

    Bytes of a class's name that are no UTF-8 are lone surrogates; encode with `backslashreplace`.
    """
    values = asdict(thresholds)
    for name in ("bit_depth", "white"):
        if values[name] is None:
            del values[name]
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_thresholds(path: Path, thresholds: Thresholds, *, force: bool = False) -> None:
    """Write the file at once: a reader sees the old one or the new one.

    Raises:
        OutputError: it is there and `force` is not given, or it cannot be written.
    """
    check_output(path, force=force)
    text = to_json(thresholds).encode("utf-8", "backslashreplace")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}; give yourself the right to "
            f"write there, or name another file with -o and `diad-run --thresholds`"
        ) from error


def check_output(path: Path, *, force: bool) -> None:
    """Raise `OutputError` unless thresholds may be written to `path`; changes nothing."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder, expected the name of a file; add one with -o")
    if os.path.lexists(path) and not force:
        raise OutputError(
            f"{path}: exists already; --force sets it again for all classes (their folders lie "
            f"side by side in GOOD_DIR), -o writes another file"
        )


def from_json(text: bytes, *, where: str) -> Thresholds:
    """Read thresholds; `where` names the file in messages.

    Raises:
        BundleVersionError, ThresholdsError: as of `read_thresholds`.
    """
    try:
        values = parse_object(text)
    except ValueError as error:
        raise ThresholdsError(f"{where}: {error}; {_AGAIN}") from None
    _check_revision(values, where=where)
    names = _escaped(values.get("classes"))
    if names:
        values["classes"] = {known: values["classes"][name] for known, name in names.items()}
    try:
        found = read_record(Thresholds, values, _contradictions)
    except ValueError as error:
        raise ThresholdsError(f"{where}: not valid thresholds: {error}; {_AGAIN}") from None
    return replace(
        found, classes={names.get(name, name): one for name, one in found.classes.items()}
    )


def _escaped(classes: object) -> dict[str, str]:
    """The classes' names by what stands for them while they are checked, one to one.

    A folder's name may hold bytes that are no text. Python keeps them as lone surrogates, which
    pydantic refuses.
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
            f"{where}: no whole number 'format_revision' from 1 on, so no thresholds; {_AGAIN}"
        )
    if revision > FORMAT_REVISION:
        raise BundleVersionError(
            f"{where}: thresholds of format {revision}, but this diad_deploy reads up to "
            f"{FORMAT_REVISION}; upgrade diad_deploy, or {_AGAIN}"
        )


def _contradictions(found: Thresholds) -> Iterator[str]:
    """What types cannot say: each fault names the field, the expected and the found."""
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
