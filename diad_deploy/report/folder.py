"""The report's folder: what lies where, whose files they are, and how they are written."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from diad_deploy.errors import OutputError
from diad_deploy.files.atomic_file import partial_path
from diad_deploy.files.atomic_file import replacing as replacing

RUN = "run.json"
RESULTS = "results.jsonl"
TABLE = "results.csv"
PAGE = "report.html"
LOCK = ".diad-run.lock"

HEATMAPS = "heatmaps"
MAPS = "maps"
THUMBNAILS = "thumbnails"
SUBFOLDERS = (HEATMAPS, MAPS, THUMBNAILS)

THUMBNAIL_KINDS = ("input", "reconstruction", "heatmap")
MAP_SUFFIXES = {"npy": ".npy", "tiff": ".tiff"}

TOP_LEVEL = (TABLE, PAGE, RUN, RESULTS)
_LONGEST_NAME_BYTES = 255
_DIGEST_LETTERS = 32
_LOOKS_SHORTENED = re.compile(rf"~[0-9a-f]{{{_DIGEST_LETTERS}}}\Z")
_LOOKS_LIKE_OUTPUT = re.compile(r"\.(?:png|jpg|npy|tiff)~*\Z", re.IGNORECASE)
_MAX_TRIES = 100


def heatmap_path(image: str) -> str:
    """Where the heatmap of `image` lies, relative to the report."""
    return _output_path(HEATMAPS, image, ".png")


def map_path(image: str, kind: str) -> str:
    """Where the raw map of `image` lies, relative to the report; `kind` of `MAP_SUFFIXES`."""
    return _output_path(MAPS, image, MAP_SUFFIXES[kind])


def thumbnail_path(image: str, kind: str) -> str:
    """Where one of the `THUMBNAIL_KINDS` of `image` lies, relative to the report."""
    return _output_path(THUMBNAILS, image, f".{kind}.jpg")


def _output_path(subfolder: str, image: str, ending: str) -> str:
    """Unique, and never a folder of another one's.

    The ending is added, not replaced, so that a.png and a.jpg do not meet. Names of files end in
    one of the endings and names of folders never do, so that a.png does not meet a.png.png/b.png.
    """
    path = PurePosixPath(image)
    folders = [
        _fitting(name, "~" if _LOOKS_LIKE_OUTPUT.search(name) else "") for name in path.parts[:-1]
    ]
    return PurePosixPath(subfolder, *folders, _fitting(path.name, ending)).as_posix()


def _fitting(name: str, ending: str) -> str:
    """`name` with `ending`, shortened where the file system takes no such length; one to one."""
    whole = name + ending
    if len(os.fsencode(whole)) <= _LONGEST_NAME_BYTES and not _LOOKS_SHORTENED.search(name):
        return whole
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:_DIGEST_LETTERS]
    # cut by letters: a letter can take four bytes
    return f"{name[:50]}~{digest}{ending}"


def is_our_report(folder: Path) -> bool:
    """Whether a run has begun to write here."""
    return (folder / RUN).is_file()


def is_empty(folder: Path) -> bool:
    """Whether there is nothing here, or nothing but what a kill left before the first row."""
    passed_over = (LOCK, partial_path(folder / RUN).name)
    return all(path.name in passed_over for path in folder.iterdir())


def remove_report(folder: Path, images: Iterator[str]) -> None:
    """Remove what a run wrote here for `images`, and its top-level files; nothing else."""
    for image in images:
        paths = [heatmap_path(image), *(map_path(image, kind) for kind in MAP_SUFFIXES)]
        for path in paths:
            remove_output(folder, path)
        remove_thumbnails(folder, image)
    for name in TOP_LEVEL:
        (folder / name).unlink(missing_ok=True)


def remove_thumbnails(folder: Path, image: str) -> None:
    """Remove the thumbnails of `image` where there are any."""
    for kind in THUMBNAIL_KINDS:
        remove_output(folder, thumbnail_path(image, kind))


def remove_output(folder: Path, relative: str) -> None:
    """Remove one file below `folder`, and the folders that this leaves empty."""
    path = folder / relative
    # the name may come from a results file that somebody changed
    below = ".." not in PurePosixPath(relative).parts and path.is_relative_to(folder)
    if not below or not path.is_file():
        return
    path.unlink()
    with suppress(OSError):
        for parent in path.parents[: len(PurePosixPath(relative).parts) - 1]:
            parent.rmdir()


def write_output(folder: Path, relative: str, content: bytes) -> None:
    """Write an image's file below `folder`, making the folders between, not `folder` itself.

    What a full disk leaves is removed. A report that somebody removed is not begun anew.

    Raises:
        OSError: it cannot be written, or `folder` is not there.
    """
    path = folder / relative
    for tries_left in reversed(range(_MAX_TRIES)):
        _make_below(folder, path.parent)
        try:
            path.write_bytes(content)
            return
        except FileNotFoundError:
            # another thread removed the last thumbnail there, and with it the folder
            if not tries_left:
                raise
        except OSError:
            path.unlink(missing_ok=True)
            raise


def _make_below(folder: Path, path: Path) -> None:
    if path == folder:
        return
    try:
        path.mkdir(exist_ok=True)
    except FileNotFoundError:
        _make_below(folder, path.parent)
        path.mkdir(exist_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that its name always stands for all of the old or all of the new one."""
    with replacing(path) as partial:
        partial.write_bytes(content)


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turns what the file system refuses into an `OutputError` that says how to go on."""
    try:
        yield
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise OutputError(
            f"{folder}: cannot be written: {error.strerror or error}{place}; free the space or "
            f"the rights and go on with --resume, or take another folder"
        ) from error
