"""Find the image files that paths refer to, and their names in the outputs."""

import glob
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from diad_deploy.errors import InputError

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("apng", "avif", "bmp", "dib", "gif", "j2c", "j2k", "jfif", "jp2", "jpc", "jpe", "jpeg"),
        *("jpf", "jpg", "jpx", "mpo", "pbm", "pfm", "pgm", "png", "pnm", "ppm", "tif", "tiff"),
        "webp",
    )
)
"""Suffixes, in any case, of the files in a folder that are taken for images."""

UNSUPPORTED_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3fr", "arw", "bif", "cr2", "cr3", "crw", "czi", "dcm", "dds", "dng", "emf", "eps"),
        *("erf", "exr", "fff", "fit", "fits", "hdr", "heic", "heif", "hif", "icns", "ico", "iiq"),
        *("jls", "jpm", "jxl", "jxr", "kdc", "mef", "mos"),
        *("mrw", "ndpi", "nef", "nrw", "ora", "orf", "pam", "pcx", "pef", "psb", "psd"),
        *("qoi", "raf", "ras", "raw", "rw2", "rwl", "sgi", "sr2", "srf", "srw", "svg", "svs"),
        *("tga", "vda", "wdp", "wmf", "x3f", "xbm", "xcf", "xpm"),
    )
)
"""Suffixes of image formats that are not supported; such files are counted for the summary."""

_MAGIC = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """One image to inspect.

    Attributes:
        path: the file's path as the user would write it.
        name: its name in the outputs: relative, with forward slashes, without `..`, and unique
            within a run.
    """

    path: Path
    name: str

    def identity(self) -> tuple[int, int] | None:
        """Size in bytes and modification time in nanoseconds; None if the file does not exist."""
        try:
            status = self.path.stat()
        except (OSError, ValueError):
            return None
        return status.st_size, status.st_mtime_ns


class ImageFiles(Sequence[ImageFile]):
    """A sequence of images that stores only their paths, so that millions fit in memory.

    Args:
        base: the folder that names are relative to; None if the paths have none in common.
        paths: the paths as the user would write them.
        passed_over: number of skipped files in unsupported image formats, by suffix.
    """

    def __init__(
        self, base: Path | None, paths: list[str], passed_over: Mapping[str, int] | None = None
    ) -> None:
        self._base = base
        self._paths = paths
        self.passed_over = dict(passed_over or {})

    @overload
    def __getitem__(self, place: int) -> ImageFile: ...

    @overload
    def __getitem__(self, place: slice) -> "ImageFiles": ...

    def __getitem__(self, place: int | slice) -> "ImageFile | ImageFiles":
        if isinstance(place, slice):
            return ImageFiles(self._base, self._paths[place])
        path = Path(self._paths[place])
        return ImageFile(path=path, name=_name_below(self._base, _absolute(path)))

    def __len__(self) -> int:
        return len(self._paths)


def find_images(
    paths: Sequence[str | os.PathLike[str]], *, exclude: Sequence[Path] = ()
) -> ImageFiles:
    """Find the images that files, folders and glob patterns refer to, without duplicates.

    Folders are searched recursively, in sorted order, for files with the known suffixes; hidden
    files and folders are skipped. A file given by its path is included whatever its suffix, even
    if it does not exist: reading it then reports the reason. Names are relative to the closest
    folder that contains all arguments, so that two folders with equal contents do not collide.

    Args:
        paths: files, folders, and patterns (`*`, `?`, `[...]`, `**`) that the shell left alone.
        exclude: folders to skip: those that the run itself writes to.

    Raises:
        InputError: no images were found.
    """
    given = [os.fspath(path) for path in paths]
    excluded = frozenset(folder.resolve() for folder in exclude)
    skipped: Counter[str] = Counter()
    expanded = [_expand(path, excluded, skipped) for path in given]
    files = [file for _, matches in expanded for file in matches]
    # a single folder contains no duplicates
    if len(given) > 1 or any(map(_MAGIC.search, given)):
        files = _deduplicate(files)
    if not files:
        others = f"; {describe_skipped(skipped)}" if skipped else ""
        raise InputError(
            f"{', '.join(given) or 'no paths'}: no images found; expected files ending in "
            f"{', '.join(sorted(suffix[1:] for suffix in SUFFIXES))}{others}"
        )
    return ImageFiles(_common_folder([root for root, _ in expanded]), files, skipped)


def describe_skipped(counts: Mapping[str, int]) -> str:
    """Describe skipped files, given by suffix: `skipped: 4 files (.heic 3, .dng 1)`."""
    total = sum(counts.values())
    suffixes = ", ".join(
        f"{suffix} {count}"
        for suffix, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
    return f"skipped: {total} file{'s' if total > 1 else ''} ({suffixes})"


def _deduplicate(files: list[str]) -> list[str]:
    unique: dict[str, str] = {}
    for file in files:
        unique.setdefault(str(_absolute(Path(file))), file)
    return list(unique.values())


def _expand(given: str, excluded: frozenset[Path], skipped: Counter[str]) -> tuple[Path, list[str]]:
    """The absolute folder that names are relative to, and the files."""
    path = Path(given)
    if _is_folder(path):
        return _absolute(path).parent, list(_walk(path, excluded, skipped))
    magic = _MAGIC.search(given)
    if magic is None or _exists(path):
        return _absolute(path).parent, [str(path)]
    # the folder before the first wildcard; "x" stands for the component that contains it
    root = _absolute(Path(given[: magic.start()] + "x")).parent
    # pathlib's glob neither takes absolute patterns nor skips hidden files
    matches = sorted(glob.glob(given, recursive=True))  # noqa: PTH207
    # if nothing matches, the pattern itself is kept and becomes a row with the reason
    if not matches:
        return root, [str(path)]
    return root, list(_matching_files(given, matches, excluded, skipped))


def _matching_files(
    pattern: str, matches: list[str], excluded: frozenset[Path], skipped: Counter[str]
) -> Iterator[str]:
    """The files among `matches`, and those in matching folders unless `**` includes them anyway."""
    has_suffix = not _MAGIC.search(Path(pattern).suffix or "*")
    for path in map(Path, matches):
        if _is_folder(path):
            yield from () if "**" in pattern else _walk(path, excluded, skipped)
        elif excluded.isdisjoint(path.resolve().parents):
            if has_suffix or _looks_like_image(path):
                yield str(path)
            else:
                _count_unsupported(path, skipped)


def _walk(folder: Path, excluded: frozenset[Path], skipped: Counter[str]) -> Iterator[str]:
    seen: set[Path] = set()
    errors: list[OSError] = []
    for here, folders, files in os.walk(folder, onerror=errors.append, followlinks=True):
        resolved = Path(here).resolve()
        # a link to a parent folder would be followed for ever
        if resolved in seen or resolved in excluded:
            folders.clear()
            continue
        seen.add(resolved)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.startswith("."):
                continue
            if _looks_like_image(Path(name)):
                yield str(Path(here, name))
            else:
                _count_unsupported(Path(name), skipped)
    # unreadable folders become rows with a reason, so that nothing is skipped silently
    yield from (str(Path(error.filename)) for error in errors if error.filename)


def _looks_like_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _count_unsupported(path: Path, skipped: Counter[str]) -> None:
    suffix = path.suffix.lower()
    if suffix in UNSUPPORTED_SUFFIXES:
        skipped[suffix] += 1


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # no permission to enter a parent folder
        return False


def _exists(path: Path) -> bool:
    try:
        return path.exists() or path.is_symlink()
    except OSError:
        return False


def _absolute(path: Path) -> Path:
    """Absolute and without `..`; links are not resolved, since the user chose their names."""
    return Path(os.path.normpath(path.absolute()))


def _common_folder(roots: Sequence[Path]) -> Path | None:
    try:
        return Path(os.path.commonpath(roots))
    except ValueError:  # no paths, or different drives on Windows
        return None


def _name_below(base: Path | None, path: Path) -> str:
    if base is not None:
        return path.relative_to(base).as_posix()
    return Path(path.drive.strip(":\\/"), *path.parts[1:]).as_posix()
