"""A bundle on disk: the only file that knows the folder's format.

    BUNDLE/bundle.json      the manifest, written last
    BUNDLE/*.onnx ...       the files it records, each with size and SHA-256

What lies in the folder but not in the manifest is ignored and never read, with one exception:

    BUNDLE/thresholds.json  what `diad-calibrate` sets, again and again, without touching the rest

It holds numbers only, is checked strictly, and says which bundle it belongs to (`thresholds.py`).
"""

import dataclasses
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from diad_deploy.arrays import FloatArray
from diad_deploy.bundle.files import leaves, place_fault, record_fault, record_file
from diad_deploy.bundle.manifest import CHECKSUM_SINCE, Manifest, from_json, to_json
from diad_deploy.errors import BundleDamagedError, BundleMissingError, OutputError
from diad_deploy.files.atomic_folder import AtomicFolder
from diad_deploy.files.npy import read_npy
from diad_deploy.files.regular_file import MAX_JSON_BYTES, NotRegularFileError, read_regular_file

MANIFEST_NAME = "bundle.json"
THRESHOLDS_NAME = "thresholds.json"
BUILTIN = Path(__file__).parents[1] / "builtin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An opened bundle: its folder and its checked manifest.

    Attributes:
        path: the bundle's folder.
        manifest: the checked content of `bundle.json`.
    """

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, verify: bool = True) -> Self:
        """Read the manifest and check every file it records, without loading any.

        Args:
            path: the bundle's folder.
            verify: also compare the SHA-256 of every file (reads them all); that of a link out of
                the folder is compared in any case.

        Raises:
            BundleMissingError: no folder, or no manifest in it.
            BundleVersionError: written by a newer version.
            BundleDamagedError: files missing, changed or outside the folder; names them all.
        """
        folder = Path(path)
        manifest = _read_manifest(folder)
        faults = list(_faults(folder, manifest, verify=verify))
        if faults:
            raise BundleDamagedError(
                f"{folder}: the bundle is damaged: {'; '.join(faults)}; copy it again, or build "
                f"it again with `diad-export build`"
            )
        return cls(path=folder, manifest=manifest)

    def file(self, relative: str) -> Path:
        """Where the recorded file `relative` lies.

        Raises:
            BundleDamagedError: the manifest does not record it, so nobody checked it.
        """
        if all(record.path != relative for record in self.manifest.files):
            raise BundleDamagedError(
                f"{self.path}: {relative!r} is not among the files the manifest records; "
                f"build the bundle again"
            )
        return self.path / relative

    def noise(self) -> tuple[FloatArray, FloatArray]:
        """Diffusion noise and posterior noise, the same for every image: each `[C, h, w]`.

        Raises:
            BundleDamagedError: not `.npy` files of finite float32 in the manifest's shape.
        """
        spec = self.manifest.noise
        return self._read_noise(spec.noise_file), self._read_noise(spec.posterior_noise_file)

    def _read_noise(self, relative: str) -> FloatArray:
        latents = self.manifest.latents
        side = self.manifest.image.size_px // latents.factor
        shape = (latents.channels, side, side)
        path = self.file(relative)
        try:
            values = read_npy(path, most_bytes=4 * math.prod(shape))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise BundleDamagedError(
                f"{path}: not a .npy file of float32 {list(shape)}: {reason}; build the bundle "
                f"again"
            ) from None
        if values.dtype != np.float32 or values.shape != shape:
            raise BundleDamagedError(
                f"{path}: expected float32 {list(shape)}, found {values.dtype} "
                f"{list(values.shape)}; build the bundle again"
            )
        if not np.isfinite(values).all():
            raise BundleDamagedError(f"{path}: holds NaN or infinity; build the bundle again")
        return values.astype(np.float32, copy=False)


class BundleWriter:
    """Writes a bundle whole or not at all.

    >>> with BundleWriter("bundle") as writer:
    ...     write_graphs(writer.folder)
    ...     bundle = writer.finish(manifest)

    Leaving the context without `finish`, by an exception or a kill, leaves nothing under the
    destination's name, or the old bundle where there was one.

    Args:
        destination: the bundle's folder; its parents are made.
        force: replace a bundle or an empty folder; anything else is refused even so.

    Raises:
        OutputError: the destination is taken, or the file system refuses.
    """

    def __init__(self, destination: str | os.PathLike[str], *, force: bool = False) -> None:
        self._destination = Path(destination)
        self._whole = AtomicFolder(self._destination, marker=MANIFEST_NAME, force=force)

    @property
    def folder(self) -> Path:
        """Where to write the bundle's files."""
        return self._whole.folder

    def __enter__(self) -> Self:
        self._whole.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._whole.__exit__(kind, error, traceback)

    def finish(self, manifest: Manifest) -> Bundle:
        """Record all files of the folder, write the manifest, and move the bundle into place.

        `manifest.files` is filled in here. What could not be opened again is not moved.

        Raises:
            BundleDamagedError: the manifest contradicts itself or names a file not written.
            OutputError: the file system refuses.
        """
        folder = self.folder
        try:
            records = tuple(record_file(folder, path) for path in _files(folder))
            complete = dataclasses.replace(manifest, files=records)
            (folder / MANIFEST_NAME).write_text(to_json(complete), encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"{self._destination}: cannot be written: {error.strerror or error}; free the "
                f"space or rights, or take another folder"
            ) from error
        Bundle.open(folder, verify=False)
        self._whole.place()
        return Bundle(path=self._destination, manifest=complete)


def builtin_bundle() -> Path:
    """The bundle that comes with the package.

    Raises:
        BundleMissingError: this installation has none.
    """
    return _builtin("bundle")


def builtin_images() -> Path:
    """The folder of images that comes with the package.

    Raises:
        BundleMissingError: this installation has none.
    """
    return _builtin("pictures")


def _builtin(name: str) -> Path:
    path = BUILTIN / name
    if not path.is_dir():
        raise BundleMissingError(
            f"{path}: the built-in {name} is not part of this installation; install a released "
            f"wheel, or give your own with --bundle and PATHS"
        )
    return path


def _read_manifest(folder: Path) -> Manifest:
    build = "`diad-export build CHECKPOINT -o BUNDLE` makes one"
    path = folder / MANIFEST_NAME
    try:
        if not folder.exists():
            raise BundleMissingError(f"{folder}: no such folder, expected a bundle; {build}")
        if not folder.is_dir():
            raise BundleMissingError(f"{folder}: is a file, expected a bundle's folder; {build}")
        if not path.exists():
            raise BundleMissingError(
                f"{folder}: a folder without {MANIFEST_NAME}, so not a bundle; {build}"
            )
        fault = place_fault(folder, MANIFEST_NAME)
        outside = fault is None and leaves(folder, MANIFEST_NAME)
        text = b"" if fault else read_regular_file(path, most_bytes=MAX_JSON_BYTES)
    except NotRegularFileError as error:
        fault = error.strerror
    except OSError as error:
        raise BundleMissingError(
            f"{folder}: cannot be read: {error.strerror or error}; check the path and its rights"
        ) from error
    if fault:
        raise BundleDamagedError(f"{path}: {fault}; copy the bundle again, or build it again")
    manifest = from_json(text, where=str(path))
    if outside and manifest.format_revision < CHECKSUM_SINCE:
        raise BundleDamagedError(
            f"{path}: leads out of the bundle, to {path.resolve()}, and a manifest of format "
            f"{manifest.format_revision} has no checksum that proves it; copy the files in the "
            f"place of the links, or build the bundle again"
        )
    return manifest


def _faults(folder: Path, manifest: Manifest, *, verify: bool) -> Iterator[str]:
    recorded = [record.path for record in manifest.files]
    needed = {f"graph {graph.name}": graph.file for graph in manifest.graphs}
    needed["noise_file"] = manifest.noise.noise_file
    needed["posterior_noise_file"] = manifest.noise.posterior_noise_file
    needed |= {f"engine {spec.target} {spec.graph}": spec.file for spec in manifest.engines}
    for what, path in needed.items():
        if path not in recorded:
            yield f"{what}: its file {path!r} is not among the recorded files"
    for path in sorted({path for path in recorded if recorded.count(path) > 1}):
        yield f"{path!r}: recorded more than once"
    for record in manifest.files:
        fault = record_fault(folder, record, verify=verify)
        if fault:
            yield f"{record.path!r}: {fault}"


def _files(folder: Path) -> list[Path]:
    paths = (path for path in folder.rglob("*") if not path.is_dir())
    unlisted = (folder / MANIFEST_NAME, folder / THRESHOLDS_NAME)
    return sorted(path for path in paths if path not in unlisted)
