"""A bundle on disk; the only module that knows the layout of its folder.

    BUNDLE/bundle.json      the manifest, written last
    BUNDLE/*.onnx ...       the files it records, each with its size and SHA-256

Files that the manifest does not record are ignored and never read, with one exception:

    BUNDLE/thresholds.json  written by `diad-calibrate`, any number of times

It contains numbers only, is checked strictly, and records which bundle it belongs to
(`diad_deploy.thresholds`).
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
from diad_deploy.bundle.files import file_fault, links_outside, path_fault, record_file
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
        """Read the manifest and check the files it records, without loading them.

        Args:
            path: the bundle's folder.
            verify: also compare the SHA-256 of every file, which reads all of them. The hash of a
                link out of the folder is always compared.

        Raises:
            BundleMissingError: there is no such folder, or it has no manifest.
            BundleVersionError: the bundle was written by a newer version.
            BundleDamagedError: files are missing, changed or outside the folder; lists all of
                them.
        """
        folder = Path(path)
        manifest = _read_manifest(folder)
        faults = list(_faults(folder, manifest, verify=verify))
        if faults:
            raise BundleDamagedError(
                f"{folder}: the bundle is damaged: {'; '.join(faults)}; copy it again, or rebuild "
                f"it with `diad-export build`"
            )
        return cls(path=folder, manifest=manifest)

    def file(self, relative: str) -> Path:
        """The path of the recorded file `relative`.

        Raises:
            BundleDamagedError: the manifest does not record it, so it was not checked.
        """
        if all(record.path != relative for record in self.manifest.files):
            raise BundleDamagedError(
                f"{self.path}: {relative!r} is not recorded in the manifest; rebuild the bundle"
            )
        return self.path / relative

    def noise(self) -> tuple[FloatArray, FloatArray]:
        """Diffusion noise and posterior noise, float32 `[C, h, w]` each, the same for every image.

        Raises:
            BundleDamagedError: a file is not a `.npy` file of finite float32 in the expected shape.
        """
        spec = self.manifest.noise
        return self._read_noise(spec.noise_file), self._read_noise(spec.posterior_noise_file)

    def _read_noise(self, relative: str) -> FloatArray:
        latents = self.manifest.latents
        side = self.manifest.image.size_px // latents.factor
        shape = (latents.channels, side, side)
        path = self.file(relative)
        try:
            values = read_npy(path, max_bytes=4 * math.prod(shape))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise BundleDamagedError(
                f"{path}: expected a .npy file of float32 {list(shape)}: {reason}; rebuild the "
                f"bundle"
            ) from None
        if values.dtype != np.float32 or values.shape != shape:
            raise BundleDamagedError(
                f"{path}: expected float32 {list(shape)}, found {values.dtype} "
                f"{list(values.shape)}; rebuild the bundle"
            )
        if not np.isfinite(values).all():
            raise BundleDamagedError(
                f"{path}: expected finite numbers, found NaN or infinity; rebuild the bundle"
            )
        return values.astype(np.float32, copy=False)


class BundleWriter:
    """Writes a bundle atomically.

    >>> with BundleWriter("bundle") as writer:
    ...     write_graphs(writer.folder)
    ...     bundle = writer.finish(manifest)

    If `finish` is not reached, because of an exception or a kill, the destination is unchanged.

    Args:
        destination: the bundle's folder; missing parents are created.
        force: replace an existing bundle or empty folder; other folders are never replaced.

    Raises:
        OutputError: the destination exists, or the file system fails.
    """

    def __init__(self, destination: str | os.PathLike[str], *, force: bool = False) -> None:
        self._destination = Path(destination)
        self._output = AtomicFolder(self._destination, marker=MANIFEST_NAME, force=force)

    @property
    def folder(self) -> Path:
        """Where to write the bundle's files."""
        return self._output.folder

    def __enter__(self) -> Self:
        self._output.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._output.__exit__(kind, error, traceback)

    def finish(self, manifest: Manifest) -> Bundle:
        """Record the folder's files, write the manifest, and move the bundle into place.

        Fills in `manifest.files`. The bundle is moved only if it can be opened again.

        Raises:
            BundleDamagedError: the manifest contradicts itself or names a missing file.
            OutputError: the file system fails.
        """
        folder = self.folder
        try:
            records = tuple(record_file(folder, path) for path in _list_files(folder))
            complete = dataclasses.replace(manifest, files=records)
            (folder / MANIFEST_NAME).write_text(to_json(complete), encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"{self._destination}: cannot be written: {error.strerror or error}; free disk "
                f"space or correct the permissions, or choose another folder"
            ) from error
        Bundle.open(folder, verify=False)
        self._output.commit()
        return Bundle(path=self._destination, manifest=complete)


def builtin_bundle() -> Path:
    """The bundle included in the package.

    Raises:
        BundleMissingError: this installation does not include it.
    """
    return _builtin("bundle", "the built-in bundle is")


def builtin_images() -> Path:
    """The folder of images included in the package.

    Raises:
        BundleMissingError: this installation does not include them.
    """
    return _builtin("pictures", "the built-in images are")


def _builtin(name: str, what: str) -> Path:
    path = BUILTIN / name
    if not path.is_dir():
        raise BundleMissingError(
            f"{path}: {what} not part of this installation; install a released wheel, or pass "
            f"your own with --bundle and PATHS"
        )
    return path


def _read_manifest(folder: Path) -> Manifest:
    build = "create one with `diad-export build CHECKPOINT -o BUNDLE`"
    path = folder / MANIFEST_NAME
    try:
        if not folder.exists():
            raise BundleMissingError(f"{folder}: expected a bundle, found nothing; {build}")
        if not folder.is_dir():
            raise BundleMissingError(f"{folder}: expected a bundle, found a file; {build}")
        if not path.exists():
            raise BundleMissingError(
                f"{folder}: expected a bundle, found a folder without {MANIFEST_NAME}; {build}"
            )
        fault = path_fault(folder, MANIFEST_NAME)
        outside = fault is None and links_outside(folder, MANIFEST_NAME)
        text = b"" if fault else read_regular_file(path, max_bytes=MAX_JSON_BYTES)
    except NotRegularFileError as error:
        fault = error.strerror
    except OSError as error:
        raise BundleMissingError(
            f"{folder}: cannot be read: {error.strerror or error}; check the path and its "
            f"permissions"
        ) from error
    if fault:
        raise BundleDamagedError(f"{path}: {fault}; copy the bundle again, or rebuild it")
    manifest = from_json(text, where=str(path))
    if outside and manifest.format_revision < CHECKSUM_SINCE:
        raise BundleDamagedError(
            f"{path}: is outside the bundle, at {path.resolve()}, and a manifest of format "
            f"{manifest.format_revision} has no checksum to verify it; replace the links by the "
            f"files, or rebuild the bundle"
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
            yield f"{what}: its file {path!r} is not recorded"
    for path in sorted({path for path in recorded if recorded.count(path) > 1}):
        yield f"{path!r}: recorded more than once"
    for record in manifest.files:
        fault = file_fault(folder, record, verify=verify)
        if fault:
            yield f"{record.path!r}: {fault}"


def _list_files(folder: Path) -> list[Path]:
    paths = (path for path in folder.rglob("*") if not path.is_dir())
    unrecorded = (folder / MANIFEST_NAME, folder / THRESHOLDS_NAME)
    return sorted(path for path in paths if path not in unrecorded)
