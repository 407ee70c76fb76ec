"""What made a report, kept in its `run.json`, and whether a run may write to a folder."""

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
"""What to do where a folder holds something already."""

FORMAT = 1
_IMAGES = "images"
_MAY_DIFFER = ("bundle", "devices")
"""Of two runs of which one goes on with the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """All that decides what the results are, apart from the images, and where it was begun.

    Attributes:
        bundle: the bundle's name, for people.
        bundle_sha256: of its manifest, which holds the hashes of all its files.
        backend: what ran the graphs.
        devices: names of the devices; a run may go on on others.
        scale: the heatmaps' (low, high) in units of the anomaly map.
        maps: format of the raw maps, or None.
        threshold: of the score, given in place of all others, or None.
        thresholds_sha256: of the thresholds per class, as JSON, or None.
        class_name: given for all images, or None.
        white: the value that is white in samples of more than 8 bits; None for each file's own.
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
    """Raise unless a run may write here; changes nothing.

    Raises:
        OutputError: it is a file, or holds something that `existing` does not allow for.
    """
    with layout.writing_to(folder):
        if not folder.exists() or (folder.is_dir() and layout.is_empty(folder)):
            return
        if not folder.is_dir():
            raise OutputError(f"{folder}: is a file, expected a folder; take another name")
        ours = layout.is_our_report(folder)
        taken = [name for name in layout.TOP_LEVEL if (folder / name).exists()]
    if existing == "refuse":
        ways = "--resume goes on with it, --force starts it again" if ours else "take another one"
        raise OutputError(f"{folder}: the folder is not empty; {ways}")
    if not ours and existing == "resume":
        raise OutputError(
            f"{folder}: no {layout.RUN} in it, so there is no run to go on with; take its folder"
        )
    if not ours and taken:
        raise OutputError(
            f"{folder}: holds {', '.join(taken)} but no {layout.RUN}, so they may be somebody "
            f"else's; take another folder"
        )


def begin(folder: Path, record: RunRecord, existing: Existing) -> bool:
    """Make the folder ready for a run; True where an earlier one is there to go on with.

    Raises:
        OutputError: as `check_folder`, the earlier run had another bundle or other options, or
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
            layout.remove_report(folder, _images_of(folder))
        _write(folder, {"format": FORMAT, **asdict(record)})
    return False


def read_record(folder: Path) -> RunRecord:
    """What made the report in `folder`.

    Raises:
        OutputError: it cannot be read, or another version wrote it.
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
            f"{path}: expected the record of a run of this version, found something else; take "
            f"another folder"
        ) from error


def keep_record(folder: Path, record: RunRecord, images: dict[str, Any] | None) -> None:
    """Put what a run counted of its images beside its record, for one that goes on with it.

    A record that was removed meanwhile is written again: without it nothing can go on.

    Args:
        folder: the report's.
        record: what the run was started with.
        images: what it counted; None for nothing.
    """
    counted = {} if images is None else {_IMAGES: images}
    with layout.writing_to(folder):
        if counted or not layout.is_our_report(folder):
            _write(folder, {"format": FORMAT, **asdict(record), **counted})


def images_of(folder: Path) -> dict[str, Any] | None:
    """What `keep_record` kept of them; None for nothing."""
    found = json.loads((folder / layout.RUN).read_bytes()).get(_IMAGES)
    return found if isinstance(found, dict) else None


def _write(folder: Path, values: dict[str, Any]) -> None:
    text = json.dumps(values, indent=2, ensure_ascii=False)
    layout.replace_file(folder / layout.RUN, text.encode("utf-8", "backslashreplace") + b"\n")


def _check_same(folder: Path, earlier: RunRecord, now: RunRecord) -> None:
    differences = [
        f"{name} was {_shown(old, earlier, name)}, now {_shown(new, now, name)}"
        for name, old in asdict(earlier).items()
        if name not in _MAY_DIFFER and (new := asdict(now)[name]) != old
    ]
    if differences:
        raise OutputError(
            f"{folder}: begun with other settings: {'; '.join(differences)}; give the same, or "
            f"take another folder, or --force to start again"
        )


def _shown(value: object, record: RunRecord, name: str) -> str:
    if name == "bundle_sha256":
        return f"{record.bundle!r} ({record.bundle_sha256[:12]}…)"
    if name == "thresholds_sha256" and isinstance(value, str):
        return f"{value[:12]}…"
    if name == "white" and isinstance(value, float | None):
        return format_white(value)
    return " to ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _images_of(folder: Path) -> Iterator[str]:
    # a results file that cannot be read leaves its images' files behind, no more
    with suppress(OutputError):
        for row in read_rows(folder / layout.RESULTS):
            yield row.picture
