"""Images go through the model in batches, read and prepared ahead of it in threads."""

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
"""Threads that read images where nobody says how many."""

_MAX_WAITING = 64
"""Images that cannot be read wait with the batch they fall in; no more of them than this."""


class PreparedDetector(Protocol):
    """What a run needs of a `diad_deploy.detector.Detector`."""

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""

    @property
    def backend(self) -> str:
        """Name of what runs."""

    @property
    def backend_reason(self) -> str:
        """Why that one."""

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of the devices that it runs on."""

    @property
    def batch_size(self) -> int:
        """Most images to hand in at once."""

    @property
    def max_pending(self) -> int:
        """How many batches to hand in before the first one's detections are taken."""

    def submit_each(
        self, batch: FloatArray, image_sizes: Sequence[tuple[int, int]]
    ) -> Callable[[], list[Found]]:
        """Begin a batch `[B, 3, S, S]` of images of these (height, width)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unread:
    """An image without a result, and why: it could not be read, or the result was not finite."""

    file: ImageFile
    identity: tuple[int, int] | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inspected:
    """An image that went through the model: uint8 `[H, W, 3]`, its result, a note on its file."""

    file: ImageFile
    identity: tuple[int, int] | None
    pixels: ImageArray
    detection: Detection
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Loaded:
    """An image before the model: uint8 `[H, W, 3]` and float32 `[3, S, S]`."""

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
    """Read, prepare and inspect the files; results come in their order.

    In memory are two batches of images (one more for each further batch in flight) and a few
    more, however many files there are.

    Args:
        files: taken as they are needed.
        detector: runs in the caller's thread.
        stopwatch: runs while the model does.
        reader: reads the files; None reads them with no options.
        workers: threads that read and prepare images; None takes `WORKERS`.

    Raises:
        BackendError: the model failed.
    """
    readers = workers or WORKERS
    read = prefetch(
        partial(_load, image=detector.manifest.image, reader=reader or ImageReader()),
        files,
        threads=readers,
        ahead=detector.batch_size + readers,
    )
    with closing(read):
        begun = (_begin(group, detector, stopwatch) for group in _groups(read, detector.batch_size))
        for results in collect_in_order(begun, max_pending=detector.max_pending):
            yield from results


def _load(file: ImageFile, image: ImageSpec, reader: ImageReader) -> _Loaded | Unread:
    # before reading: a file that changes meanwhile then counts as changed
    identity = file.identity()
    try:
        read = reader.read(file.path)
        prepared = prepare(read.pixels, image)
    except ImageError as error:
        return Unread(file=file, identity=identity, reason=error.reason)
    except InputError as error:
        return Unread(file=file, identity=identity, reason=str(error))
    except MemoryError:
        reason = "memory ran out while preparing; make it smaller"
        return Unread(file=file, identity=identity, reason=reason)
    return _Loaded(
        file=file, identity=identity, pixels=read.pixels, prepared=prepared, note=read.note
    )


def _groups(items: Iterable[_Loaded | Unread], batch_size: int) -> Iterator[list[_Loaded | Unread]]:
    """Up to a batch of readable images, with the unreadable ones between them."""
    group: list[_Loaded | Unread] = []
    readable = 0
    for item in items:
        group.append(item)
        readable += isinstance(item, _Loaded)
        if readable in (0, batch_size) or len(group) - readable >= _MAX_WAITING:
            yield group
            group, readable = [], 0
    if group:
        yield group


def _begin(
    group: list[_Loaded | Unread], detector: PreparedDetector, stopwatch: Stopwatch
) -> Callable[[], list[Inspected | Unread]]:
    """Hand the group's readable images in; what comes back waits for the group's results."""
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
