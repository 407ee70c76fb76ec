"""The report's folder: the names of its files, and how they are written and removed."""

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
_MAX_NAME_BYTES = 255
_DIGEST_LENGTH = 32
_LOOKS_SHORTENED = re.compile(rf"~[0-9a-f]{{{_DIGEST_LENGTH}}}\Z")
_LOOKS_LIKE_OUTPUT = re.compile(r"\.(?:png|jpg|npy|tiff)~*\Z", re.IGNORECASE)
_MAX_TRIES = 100


def heatmap_path(image: str) -> str:
    """The path of the heatmap of `image`, relative to the report."""
    return _output_path(HEATMAPS, image, ".png")


def map_path(image: str, kind: str) -> str:
    """The path of the raw map of `image`, relative to the report; `kind` is in `MAP_SUFFIXES`."""
    return _output_path(MAPS, image, MAP_SUFFIXES[kind])


def thumbnail_path(image: str, kind: str) -> str:
    """The path of a thumbnail of `image`, relative to the report; a kind of `THUMBNAIL_KINDS`."""
    return _output_path(THUMBNAILS, image, f".{kind}.jpg")


def _output_path(subfolder: str, image: str, ending: str) -> str:
    """A path that no other output has, neither as a file nor as a folder.

    The ending is appended, not replaced, so a.png and a.jpg do not collide. Names of files end in
    one of the endings and names of folders never do, so a.png and a.png.png/b.png do not either.
    """
    path = PurePosixPath(image)
    folders = [
        _shorten(name, "~" if _LOOKS_LIKE_OUTPUT.search(name) else "") for name in path.parts[:-1]
    ]
    return PurePosixPath(subfolder, *folders, _shorten(path.name, ending)).as_posix()


def _shorten(name: str, ending: str) -> str:
    """`name` with `ending`, shortened if it is too long for a file system; stays unique."""
    full_name = name + ending
    if len(os.fsencode(full_name)) <= _MAX_NAME_BYTES and not _LOOKS_SHORTENED.search(name):
        return full_name
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:_DIGEST_LENGTH]
    # 50 characters: each can take four bytes
    return f"{name[:50]}~{digest}{ending}"


def is_our_report(folder: Path) -> bool:
    """Whether a run has written its record here."""
    return (folder / RUN).is_file()


def is_empty(folder: Path) -> bool:
    """Whether the folder is empty, except for files that a killed run leaves before its record."""
    leftovers = (LOCK, partial_path(folder / RUN).name)
    return all(path.name in leftovers for path in folder.iterdir())


def remove_report(folder: Path, images: Iterator[str]) -> None:
    """Remove the outputs of `images` and the top-level files of the report, and nothing else."""
    for image in images:
        paths = [heatmap_path(image), *(map_path(image, kind) for kind in MAP_SUFFIXES)]
        for path in paths:
            remove_output(folder, path)
        remove_thumbnails(folder, image)
    for name in TOP_LEVEL:
        (folder / name).unlink(missing_ok=True)


def remove_thumbnails(folder: Path, image: str) -> None:
    """Remove the thumbnails of `image`, if there are any."""
    for kind in THUMBNAIL_KINDS:
        remove_output(folder, thumbnail_path(image, kind))


def remove_output(folder: Path, relative: str) -> None:
    """Remove one file below `folder`, and the folders that become empty."""
    path = folder / relative
    # the name may come from an edited results file
    is_below = ".." not in PurePosixPath(relative).parts and path.is_relative_to(folder)
    if not is_below or not path.is_file():
        return
    path.unlink()
    with suppress(OSError):
        for parent in path.parents[: len(PurePosixPath(relative).parts) - 1]:
            parent.rmdir()


def write_output(folder: Path, relative: str, content: bytes) -> None:
    """Write a file of an image below `folder`, and create the folders in between.

    A partial file on a full disk is removed. `folder` is not created: a report that was removed
    during the run must not reappear.

    Raises:
        OSError: the file cannot be written, or `folder` does not exist.
    """
    path = folder / relative
    for tries_left in reversed(range(_MAX_TRIES)):
        _create_below(folder, path.parent)
        try:
            path.write_bytes(content)
            return
        except FileNotFoundError:
            # another thread has removed the last thumbnail in that folder, and the folder with it
            if not tries_left:
                raise
        except OSError:
            path.unlink(missing_ok=True)
            raise


def _create_below(folder: Path, path: Path) -> None:
    if path == folder:
        return
    try:
        path.mkdir(exist_ok=True)
    except FileNotFoundError:
        _create_below(folder, path.parent)
        path.mkdir(exist_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file atomically."""
    with replacing(path) as partial:
        partial.write_bytes(content)


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Convert an `OSError` to an `OutputError` that says how to continue."""
    try:
        yield
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise OutputError(
            f"{folder}: cannot be written: {error.strerror or error}{place}; free disk "
            f"space or grant write permission and continue with --resume, or choose another folder"
        ) from error
