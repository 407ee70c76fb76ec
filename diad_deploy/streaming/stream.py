"""Stream images through the model in batches, with prefetching in threads."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from diad_deploy.arrays import FloatArray, ImageArray
from diad_deploy.bundle.manifest import ImageSpec, Manifest
from diad_deploy.detection import Detection
from diad_deploy.detection.batch import Found
from diad_deploy.errors import ImageError, InputError, NotFiniteError
from diad_deploy.images.discover import ImageFile
from diad_deploy.images.preprocess import prepare
from diad_deploy.images.reader import ImageReader
from diad_deploy.streaming.pending import collect_in_order
from diad_deploy.streaming.prefetch import prefetch
from diad_deploy.usable_cores import usable_cores

WORKERS = max(2, min(4, usable_cores()))
"""Default number of threads that read images."""

_MAX_UNREADABLE = 64
"""Largest number of unreadable images that are held back until their batch is full."""


class PreparedDetector(Protocol):
    """The part of `diad_deploy.detector.Detector` that a run needs."""

    @property
    def manifest(self) -> Manifest:
        """The manifest of the bundle."""

    @property
    def backend(self) -> str:
        """Name of the backend."""

    @property
    def backend_reason(self) -> str:
        """Why that backend was chosen."""

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of the devices it runs on."""

    @property
    def batch_size(self) -> int:
        """Largest number of images per batch."""

    @property
    def max_pending(self) -> int:
        """Number of batches to submit before the detections of the first are collected."""

    def submit_each(
        self, batch: FloatArray, image_sizes: Sequence[tuple[int, int]]
    ) -> Callable[[], list[Found]]:
        """Begin a batch `[B, 3, S, S]` of images with these sizes (height, width)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unread:
    """An image without a result: it could not be read, or its result was not finite."""

    file: ImageFile
    identity: tuple[int, int] | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inspected:
    """An image with its result: uint8 pixels `[H, W, 3]`, detection, and a note on its file."""

    file: ImageFile
    identity: tuple[int, int] | None
    pixels: ImageArray
    detection: Detection
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Loaded:
    """An image ready for the model: uint8 pixels `[H, W, 3]` and model input `[3, S, S]`."""

    file: ImageFile
    identity: tuple[int, int] | None
    pixels: ImageArray
    prepared: FloatArray
    note: str | None


class Stopwatch:
    """Seconds spent in the model."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began


def stream(
    files: Iterable[ImageFile],
    detector: PreparedDetector,
    stopwatch: Stopwatch,
    *,
    reader: ImageReader | None = None,
    workers: int | None = None,
) -> Generator[Inspected | Unread, None, None]:
    """Read, preprocess and inspect files; yields the results in their order.

    Memory is bounded: it holds two batches of images, another one for each further pending batch,
    and a few images more, however many files there are.

    Args:
        files: the images; taken as they are needed.
        detector: called in the caller's thread.
        stopwatch: measures the time spent in the model.
        reader: reads the files; None uses the default options.
        workers: number of threads that read images; None uses `WORKERS`.

    Raises:
        BackendError: the model failed.
    """
    readers = workers or WORKERS
    read = prefetch(
        partial(_load, image=detector.manifest.image, reader=reader or ImageReader()),
        files,
        threads=readers,
        max_pending=detector.batch_size + readers,
    )
    with closing(read):
        begun = (_begin(group, detector, stopwatch) for group in _groups(read, detector.batch_size))
        for results in collect_in_order(begun, max_pending=detector.max_pending):
            yield from results


def _load(file: ImageFile, image: ImageSpec, reader: ImageReader) -> _Loaded | Unread:
    # before reading, so that a file modified meanwhile counts as changed
    identity = file.identity()
    try:
        read = reader.read(file.path)
        prepared = prepare(read.pixels, image)
    except ImageError as error:
        return Unread(file=file, identity=identity, reason=error.reason)
    except InputError as error:
        return Unread(file=file, identity=identity, reason=str(error))
    except MemoryError:
        reason = "out of memory while preprocessing; resize it"
        return Unread(file=file, identity=identity, reason=reason)
    return _Loaded(
        file=file, identity=identity, pixels=read.pixels, prepared=prepared, note=read.note
    )


def _groups(items: Iterable[_Loaded | Unread], batch_size: int) -> Iterator[list[_Loaded | Unread]]:
    """Groups of up to a batch of readable images and the unreadable ones between them."""
    group: list[_Loaded | Unread] = []
    readable = 0
    for item in items:
        group.append(item)
        readable += isinstance(item, _Loaded)
        if readable in (0, batch_size) or len(group) - readable >= _MAX_UNREADABLE:
            yield group
            group, readable = [], 0
    if group:
        yield group


def _begin(
    group: list[_Loaded | Unread], detector: PreparedDetector, stopwatch: Stopwatch
) -> Callable[[], list[Inspected | Unread]]:
    """Submit the readable images of a group; the returned function waits for its results."""
    loaded = [item for item in group if isinstance(item, _Loaded)]
    if not loaded:
        return lambda: [item for item in group if isinstance(item, Unread)]
    batch = np.stack([item.prepared for item in loaded])
    sizes = [(item.pixels.shape[0], item.pixels.shape[1]) for item in loaded]
    with stopwatch:
        collect = detector.submit_each(batch, sizes)

    def results() -> list[Inspected | Unread]:
        with stopwatch:
            found = iter(collect())
        return [
            item if isinstance(item, Unread) else _inspected(item, next(found)) for item in group
        ]

    return results


def _inspected(item: _Loaded, found: Found) -> Inspected | Unread:
    if isinstance(found, NotFiniteError):
        return Unread(file=item.file, identity=item.identity, reason=found.reason)
    return Inspected(
        file=item.file,
        identity=item.identity,
        pixels=item.pixels,
        detection=found,
        note=item.note,
    )
