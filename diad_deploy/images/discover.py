"""Which image files the given paths stand for, and what each is called in the outputs."""

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
"""What a file in a folder must end in, in any case, to be taken for an image."""

OTHER_SUFFIXES = frozenset(
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
"""Images of kinds that are not read: those in a folder are counted, for the summary."""

_MAGIC = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """One image to inspect.

    Attributes:
        path: where it lies, as the user would write it.
        name: its name in the outputs: relative, with forward slashes, never with `..`, and
            different for every image of a run.
    """

    path: Path
    name: str

    def identity(self) -> tuple[int, int] | None:
        """Size in bytes and time of change in nanoseconds; None where there is no file."""
        try:
            found = self.path.stat()
        except (OSError, ValueError):
            return None
        return found.st_size, found.st_mtime_ns


class ImageFiles(Sequence[ImageFile]):
    """Images in order. Of each only its path's text is kept, so that very many fit in memory.

    Args:
        base: the folder that names count from; None where the paths have none in common.
        paths: as the user would write them.
        passed_over: files that are images of a kind that is not read, by suffix.
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
    """The images that files, folders and glob patterns stand for, each once.

    Folders are searched to any depth, in sorted order, for the known suffixes; what is hidden is
    passed over. A file named outright is taken whatever its suffix, and so is a path where
    nothing lies: reading it says what is wrong. A name is the path below the closest folder that
    holds all arguments, so two folders with equal contents do not collide.

    Args:
        paths: files, folders, and patterns (`*`, `?`, `[...]`, `**`) that the shell left alone.
        exclude: folders to pass over: those the run itself writes to.

    Raises:
        InputError: there is no image, and nothing that a reason could be given for.
    """
    given = [os.fspath(path) for path in paths]
    excluded = frozenset(folder.resolve() for folder in exclude)
    passed_over: Counter[str] = Counter()
    found = [_expand(path, excluded, passed_over) for path in given]
    files = [file for _, several in found for file in several]
    # one folder holds nothing twice
    if len(given) > 1 or any(map(_MAGIC.search, given)):
        files = _each_once(files)
    if not files:
        others = f"; {describe_skipped(passed_over)}" if passed_over else ""
        raise InputError(
            f"{', '.join(given) or 'no paths'}: no images found; expected files ending in "
            f"{', '.join(sorted(suffix[1:] for suffix in SUFFIXES))}{others}"
        )
    return ImageFiles(_common_folder([root for root, _ in found]), files, passed_over)


def describe_skipped(counts: Mapping[str, int]) -> str:
    """What was passed over, in a few words: `passed over: 4 files (.heic 3, .dng 1)`."""
    total = sum(counts.values())
    kinds = ", ".join(
        f"{suffix} {count}"
        for suffix, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
    return f"passed over: {total} file{'s' if total > 1 else ''} ({kinds})"


def _each_once(files: list[str]) -> list[str]:
    once: dict[str, str] = {}
    for file in files:
        once.setdefault(str(_absolute(Path(file))), file)
    return list(once.values())


def _expand(
    given: str, excluded: frozenset[Path], passed_over: Counter[str]
) -> tuple[Path, list[str]]:
    """The absolute folder that names count from, and the files."""
    path = Path(given)
    if _is_folder(path):
        return _absolute(path).parent, list(_walk(path, excluded, passed_over))
    magic = _MAGIC.search(given)
    if magic is None or _lies_there(path):
        return _absolute(path).parent, [str(path)]
    # the folder up to the first star; the letter stands in for the part that holds it
    root = _absolute(Path(given[: magic.start()] + "x")).parent
    # pathlib's own glob takes no absolute patterns and does not pass over what is hidden
    matches = sorted(glob.glob(given, recursive=True))  # noqa: PTH207
    # where nothing matches, the pattern itself becomes the row that says so
    if not matches:
        return root, [str(path)]
    return root, list(_matched(given, matches, excluded, passed_over))


def _matched(
    pattern: str, matches: list[str], excluded: frozenset[Path], passed_over: Counter[str]
) -> Iterator[str]:
    """The files among `matches`, and those in its folders unless `**` gives them anyway."""
    suffix_is_named = not _MAGIC.search(Path(pattern).suffix or "*")
    for path in map(Path, matches):
        if _is_folder(path):
            yield from () if "**" in pattern else _walk(path, excluded, passed_over)
        elif excluded.isdisjoint(path.resolve().parents):
            if suffix_is_named or _looks_like_image(path):
                yield str(path)
            else:
                _count_other(path, passed_over)


def _walk(folder: Path, excluded: frozenset[Path], passed_over: Counter[str]) -> Iterator[str]:
    seen: set[Path] = set()
    refused: list[OSError] = []
    for here, folders, files in os.walk(folder, onerror=refused.append, followlinks=True):
        resolved = Path(here).resolve()
        # a link back up would otherwise lead round for ever
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
                _count_other(Path(name), passed_over)
    # as images they become rows, so that nothing is passed over in silence
    yield from (str(Path(error.filename)) for error in refused if error.filename)


def _looks_like_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _count_other(path: Path, passed_over: Counter[str]) -> None:
    suffix = path.suffix.lower()
    if suffix in OTHER_SUFFIXES:
        passed_over[suffix] += 1


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a folder on the way that may not be entered
        return False


def _lies_there(path: Path) -> bool:
    try:
        return path.exists() or path.is_symlink()
    except OSError:
        return False


def _absolute(path: Path) -> Path:
    """Absolute and without `..`, but with links left as they are, for they are names too."""
    return Path(os.path.normpath(path.absolute()))


def _common_folder(roots: Sequence[Path]) -> Path | None:
    try:
        return Path(os.path.commonpath(roots))
    except ValueError:  # no paths, or drives of Windows that have nothing in common
        return None


def _name_below(base: Path | None, path: Path) -> str:
    if base is not None:
        return path.relative_to(base).as_posix()
    return Path(path.drive.strip(":\\/"), *path.parts[1:]).as_posix()
