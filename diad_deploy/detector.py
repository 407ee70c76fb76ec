"""The public API: pictures in, detections out."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from diad_deploy import pipeline
from diad_deploy.arrays import FloatArray, PictureArray
from diad_deploy.backends import AUTO, choose_backend, open_stages
from diad_deploy.backends.stages import Stages
from diad_deploy.bundle import Bundle
from diad_deploy.detection import Detection
from diad_deploy.errors import BackendError, InputError, OptionError
from diad_deploy.manifest import Manifest
from diad_deploy.preprocess import check_picture, prepare_batch
from diad_deploy.schedule import ddim_steps

Picture = PictureArray | str | os.PathLike[str]

MOST_THREADS = 1024


class Detector:
    """A model ready to run. A context manager; safe to use from several threads.

    >>> with Detector.open("bundle") as detector:
    ...     [detection] = detector.detect(["part.png"])
    """

    def __init__(
        self, *, bundle: Bundle, stages: Stages[FloatArray], backend: str, batch_size: int
    ) -> None:
        self._bundle = bundle
        self._stages: Stages[FloatArray] | None = stages
        self._backend = backend
        self._batch_size = batch_size
        self._noises = bundle.noise()
        self._steps = ddim_steps(bundle.manifest.schedule)
        self._lock = Lock()

    @classmethod
    def open(
        cls,
        bundle: str | os.PathLike[str] | Bundle,
        *,
        backend: str = AUTO,
        threads: int | None = None,
        batch_size: int = 8,
    ) -> Self:
        """Open a bundle and load its graphs.

        Args:
            bundle: a bundle's folder, which is checked, or a bundle opened before.
            backend: `auto`, or a name of `diad_deploy.backends.BACKENDS`.
            threads: threads the model may use; None takes the cores this process may use.
            batch_size: most pictures to run at once; more need more memory.

        Raises:
            OptionError: an argument does not fit.
            BundleError: the bundle is missing, damaged or of a newer version.
            BackendError: the backend is not installed or refuses the graphs.
        """
        name = choose_backend(backend)
        if batch_size < 1:
            raise OptionError(f"batch_size {batch_size}: expected at least 1")
        if threads is not None and not 1 <= threads <= MOST_THREADS:
            raise OptionError(f"threads {threads}: expected 1 to {MOST_THREADS}")
        opened = bundle if isinstance(bundle, Bundle) else Bundle.open(bundle)
        stages = open_stages(name, opened, threads=threads)
        return cls(bundle=opened, stages=stages, backend=name, batch_size=batch_size)

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self._bundle.manifest

    @property
    def backend(self) -> str:
        """Name of the backend that runs."""
        return self._backend

    @property
    def batch_size(self) -> int:
        """Most pictures that `detect` runs at once."""
        return self._batch_size

    def detect(
        self,
        images: Iterable[Picture],
        *,
        noise: npt.ArrayLike | None = None,
        posterior_noise: npt.ArrayLike | None = None,
    ) -> list[Detection]:
        """One detection a picture, in their order.

        Args:
            images: uint8 `[H, W, 3]` RGB arrays of any size, or paths of picture files.
            noise: replaces the bundle's noise: `[C, h, w]` for all pictures, or `[N, C, h, w]`.
            posterior_noise: the same for the autoencoder's posterior; taken even where the
                bundle's posterior is its mode.

        Raises:
            InputError: an array is not a picture. OptionError: noise of a wrong shape or kind.
            PictureError: a file cannot be read.
            BackendError: the detector is closed, or the model failed.
        """
        self._open_stages()
        single = isinstance(images, (str, os.PathLike)) or (
            isinstance(images, np.ndarray) and images.ndim == 3
        )
        if single:
            raise InputError("images: expected several pictures, found one; write detect([image])")
        pictures = list(images) if noise is not None or posterior_noise is not None else images
        count = len(pictures) if isinstance(pictures, list) else 0
        noises = (
            self._noise("noise", noise, self._noises[0], count),
            self._noise("posterior_noise", posterior_noise, self._noises[1], count),
        )
        detections: list[Detection] = []
        for chunk in _chunks(pictures, self._batch_size):
            arrays = [_decode(picture) for picture in chunk]
            batch = prepare_batch(arrays, self.manifest.image)
            sizes = [(array.shape[0], array.shape[1]) for array in arrays]
            place = slice(len(detections), len(detections) + len(chunk))
            detections += self._run(batch, sizes, *(_part(values, place) for values in noises))
        return detections

    def detect_prepared(
        self, batch: FloatArray, picture_sizes: Sequence[tuple[int, int]]
    ) -> list[Detection]:
        """Detections for pictures that `diad_deploy.preprocess` has prepared, run as one batch.

        Args:
            batch: float32 `[B, 3, S, S]`.
            picture_sizes: (height, width) in pixels of each picture before it was prepared.

        Raises:
            OptionError: another shape or type, or another number of sizes.
            BackendError: the detector is closed, or the model failed.
        """
        self._open_stages()
        side = self.manifest.image.size_px
        if batch.dtype != np.float32 or batch.shape[1:] != (3, side, side):
            raise OptionError(
                f"batch: expected float32 [B, 3, {side}, {side}], found {batch.dtype} "
                f"{list(batch.shape)}; prepare pictures with diad_deploy.preprocess"
            )
        if len(picture_sizes) != len(batch):
            raise OptionError(
                f"picture_sizes: expected one for each of {len(batch)} pictures, found "
                f"{len(picture_sizes)}"
            )
        return self._run(batch, picture_sizes, *self._noises)

    def close(self) -> None:
        """Let go of the model once running calls are done; safe to call again."""
        with self._lock:
            stages, self._stages = self._stages, None
            if stages is not None:
                stages.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open_stages(self) -> Stages[FloatArray]:
        if self._stages is None:
            raise BackendError("the detector is closed; open it again with Detector.open")
        return self._stages

    def _noise(
        self, name: str, given: npt.ArrayLike | None, stored: FloatArray, count: int
    ) -> FloatArray:
        """`stored`, or `given` once checked: `[C, h, w]` or `[count, C, h, w]` float32."""
        if given is None:
            return stored
        one = stored.shape
        try:
            with np.errstate(over="ignore"):
                values = np.asarray(given, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise OptionError(f"{name}: expected an array of numbers, found {error}") from error
        if values.shape not in (one, (count, *one)):
            raise OptionError(
                f"{name}: expected {list(one)}, or {[count, *one]} for these {count} pictures, "
                f"found {list(values.shape)}"
            )
        if not np.isfinite(values).all():
            raise OptionError(f"{name}: expected finite float32 numbers, found others")
        return values

    def _run(
        self,
        batch: FloatArray,
        sizes: Sequence[tuple[int, int]],
        noise: FloatArray,
        posterior_noise: FloatArray,
    ) -> list[Detection]:
        if not len(batch):
            return []
        count = len(batch)
        drawn, posterior = _for_batch(noise, count), _for_batch(posterior_noise, count)
        with self._lock:
            result = pipeline.run(self._open_stages(), batch, drawn, posterior, self._steps)
        if not np.isfinite(result.image_score).all():
            raise BackendError(
                "the model gave a score that is not a number, so nothing can be said of the "
                "picture; build the bundle again at a higher precision"
            )
        # copies: one kept detection must not keep its whole batch in memory
        return [
            Detection(
                score=float(result.image_score[place]),
                anomaly_map=result.anomaly_map[place].copy(),
                reconstruction=result.reconstruction[place].copy(),
                picture_size_px=size,
                image=self.manifest.image,
            )
            for place, size in enumerate(sizes)
        ]


def _decode(picture: Picture) -> PictureArray:
    if isinstance(picture, (str, os.PathLike)):
        from diad_deploy.images import read_picture

        return read_picture(Path(picture))
    check_picture(picture)
    return picture


def _chunks(pictures: Iterable[Picture], size: int) -> Iterator[list[Picture]]:
    rest = iter(pictures)
    while chunk := list(islice(rest, size)):
        yield chunk


def _part(noise: FloatArray, place: slice) -> FloatArray:
    """The noise of some pictures, where each has its own."""
    return noise[place] if noise.ndim == 4 else noise


def _for_batch(noise: FloatArray, count: int) -> FloatArray:
    one = noise if noise.ndim == 4 else noise[np.newaxis]
    return np.ascontiguousarray(np.broadcast_to(one, (count, *one.shape[1:])))
