"""The settings that a report was made with (`run.json`), and whether a run may resume it."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from diad_deploy.errors import OutputError
from diad_deploy.files.strict_json import loads_finite
from diad_deploy.images.formats.white_level import format_white
from diad_deploy.report import folder as layout
from diad_deploy.report.results import read_rows

Existing = Literal["refuse", "resume", "force"]
"""What to do if the output folder is not empty."""

FORMAT = 1
_IMAGES = "images"
_MAY_DIFFER = ("bundle", "devices")
"""The settings that may change when a run is resumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """The settings that determine the results of a run, and the devices it started on.

    Attributes:
        bundle: the name of the bundle, for display.
        bundle_sha256: SHA-256 of the bundle's manifest, which has the hashes of all its files.
        backend: the backend that ran the model.
        devices: the names of the devices; a run may resume on others.
        scale: (low, high) of the heatmaps in units of the anomaly map.
        maps: the format of the raw maps; None if none are written.
        threshold: a score threshold that replaces all others, or None.
        thresholds_sha256: SHA-256 of the thresholds per class, or None.
        class_name: the class given for all images, or None.
        white: the white value of samples of more than 8 bits; None uses each file's own.
    """

    bundle: str
    bundle_sha256: str
    backend: str
    scale: tuple[float, float]
    maps: str | None
    threshold: float | None = None
    thresholds_sha256: str | None = None
    class_name: str | None = None
    white: float | None = None
    devices: tuple[str, ...] = ()


def check_folder(folder: Path, existing: Existing) -> None:
    """Check that a run may write to `folder`, without changing anything.

    Raises:
        OutputError: `folder` is a file, or is not empty and `existing` does not allow that.
    """
    with layout.writing_to(folder):
        if not folder.exists() or (folder.is_dir() and layout.is_empty(folder)):
            return
        if not folder.is_dir():
            raise OutputError(f"{folder}: is a file, expected a folder; choose another name")
        ours = layout.is_our_report(folder)
        taken = [name for name in layout.TOP_LEVEL if (folder / name).exists()]
    if existing == "refuse":
        fix = "resume it with --resume or replace it with --force" if ours else "choose another one"
        raise OutputError(f"{folder}: the folder is not empty; {fix}")
    if not ours and existing == "resume":
        raise OutputError(
            f"{folder}: has no {layout.RUN}, so there is no run to resume; name the folder of a run"
        )
    if not ours and taken:
        raise OutputError(
            f"{folder}: contains {', '.join(taken)} but no {layout.RUN}, so they may not be from a "
            f"run; choose another folder"
        )


def begin_report(folder: Path, record: RunRecord, existing: Existing) -> bool:
    """Prepare the folder for a run.

    Returns:
        Whether there is an earlier run to resume.

    Raises:
        OutputError: as `check_folder`, or the earlier run had another bundle or other options, or
            the folder cannot be written.
    """
    check_folder(folder, existing)
    with layout.writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        earlier = layout.is_our_report(folder)
        if earlier and existing == "resume":
            _check_same(folder, read_record(folder), record)
            return True
        if earlier:
            layout.remove_report(folder, _image_names(folder))
        _write(folder, {"format": FORMAT, **asdict(record)})
    return False


def read_record(folder: Path) -> RunRecord:
    """Read the settings of the report in `folder`.

    Raises:
        OutputError: they cannot be read, or were written by another version.
    """
    path = folder / layout.RUN
    try:
        values = loads_finite(path.read_bytes())
        if values.pop("format") != FORMAT:
            raise ValueError("format")
        values.pop(_IMAGES, None)
        low, high = values.pop("scale")
        devices = tuple(map(str, values.pop("devices", ())))
        return RunRecord(scale=(float(low), float(high)), devices=devices, **values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise OutputError(
            f"{path}: expected the settings of a run by this version, found something else; choose "
            f"another folder"
        ) from error


def update_record(folder: Path, record: RunRecord, images: dict[str, Any] | None) -> None:
    """Write the settings together with statistics of the images, for a run that resumes this one.

    A record that was removed during the run is written again, since without it no run can resume.

    Args:
        folder: the report's folder.
        record: the settings of the run.
        images: the statistics, for `read_image_statistics`; None if there are none.
    """
    statistics = {} if images is None else {_IMAGES: images}
    with layout.writing_to(folder):
        if statistics or not layout.is_our_report(folder):
            _write(folder, {"format": FORMAT, **asdict(record), **statistics})


def read_image_statistics(folder: Path) -> dict[str, Any] | None:
    """The statistics written by `update_record`; None if there are none."""
    found = json.loads((folder / layout.RUN).read_bytes()).get(_IMAGES)
    return found if isinstance(found, dict) else None


def _write(folder: Path, values: dict[str, Any]) -> None:
    text = json.dumps(values, indent=2, ensure_ascii=False)
    layout.replace_file(folder / layout.RUN, text.encode("utf-8", "backslashreplace") + b"\n")


def _check_same(folder: Path, earlier: RunRecord, now: RunRecord) -> None:
    differences = [
        f"{name} was {_describe(old, earlier, name)}, now {_describe(new, now, name)}"
        for name, old in asdict(earlier).items()
        if name not in _MAY_DIFFER and (new := asdict(now)[name]) != old
    ]
    if differences:
        raise OutputError(
            f"{folder}: started with other settings: {'; '.join(differences)}; use the same, "
            f"choose another folder, or use --force to start again"
        )


def _describe(value: object, record: RunRecord, name: str) -> str:
    if name == "bundle_sha256":
        return f"{record.bundle!r} ({record.bundle_sha256[:12]}…)"
    if name == "thresholds_sha256" and isinstance(value, str):
        return f"{value[:12]}…"
    if name == "white" and isinstance(value, float | None):
        return format_white(value)
    return " to ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _image_names(folder: Path) -> Iterator[str]:
    # if the results cannot be read, only the files of their images are left behind
    with suppress(OutputError):
        for row in read_rows(folder / layout.RESULTS):
            yield row.picture
