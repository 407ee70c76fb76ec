"""Images in batches through the model, with the bundle's noise, to detections."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from logging import DEBUG
from pathlib import Path

import numpy.typing as npt

from diad_deploy.arrays import FloatArray
from diad_deploy.backends.several_devices import SharedModel
from diad_deploy.bundle.folder import Bundle
from diad_deploy.detection import Detection
from diad_deploy.detection.batch import Found, all_detections, detections_of
from diad_deploy.diffusion.noise import broadcast_noise, resolve_noise, slice_noise
from diad_deploy.diffusion.stages import Collect
from diad_deploy.errors import BackendError, NotFiniteError
from diad_deploy.images.inputs import ImageInput, decode, in_chunks, source_path
from diad_deploy.images.preprocess import prepare_batch
from diad_deploy.images.reader import ImageReader
from diad_deploy.log import get_logger
from diad_deploy.thresholds.decide import Decider

log = get_logger(__name__)

Noises = tuple[FloatArray, FloatArray]
"""Of the diffusion and of the posterior: each `[C, h, w]`, or `[N, C, h, w]` for N images."""


class Batches:
    """Submits batches to the model and decides about what comes back.

    Args:
        bundle: what runs.
        model: runs it; closed with this object.
        reader: reads image files.
        decider: gives detections their thresholds.
        batch_size: most images of a batch.
    """

    def __init__(
        self,
        bundle: Bundle,
        model: SharedModel,
        *,
        reader: ImageReader,
        decider: Decider,
        batch_size: int,
    ) -> None:
        self._manifest = bundle.manifest
        self._model: SharedModel | None = model
        self._reader = reader
        self._decider = decider
        self._batch_size = batch_size
        self.noises: Noises = bundle.noise()

    @property
    def model(self) -> SharedModel:
        """The open model.

        Raises:
            BackendError: it is closed.
        """
        if self._model is None:
            raise BackendError("the detector is closed; open it again with Detector.open")
        return self._model

    def close(self) -> None:
        """Close the model once running work is done. Can be called more than once."""
        model, self._model = self._model, None
        if model is not None:
            model.close()

    def resolve_noises(
        self, noise: npt.ArrayLike | None, posterior_noise: npt.ArrayLike | None, count: int
    ) -> Noises:
        """The noise that is given, else the bundle's.

        Raises:
            OptionError: a wrong shape or type, or noise for another number of images than `count`.
        """
        return (
            resolve_noise("noise", noise, self.noises[0], count),
            resolve_noise("posterior_noise", posterior_noise, self.noises[1], count),
        )

    def submit(
        self, batch: FloatArray, image_sizes: Sequence[tuple[int, int]], noises: Noises
    ) -> Callable[[], list[Found]]:
        """Begin one batch; calling the result waits for its detections, not decided yet.

        Args:
            batch: float32 `[B, 3, S, S]`.
            image_sizes: (height, width) of each image in pixels.
            noises: for these images.
        """
        count = len(batch)
        if not count:
            return list
        noise, posterior_noise = (broadcast_noise(values, count) for values in noises)
        began = time.perf_counter()
        collect = self.model.submit(batch, noise, posterior_noise)
        return partial(self._collect, collect, list(image_sizes), began)

    def submit_images(
        self, images: Iterable[ImageInput], noises: Noises, class_name: str | None
    ) -> Iterator[Callable[[], list[Detection]]]:
        """Begin a batch whenever one is taken; images are taken a batch at a time.

        Raises:
            InputError, ImageError: an image of the batch cannot be used.
        """
        begun = 0
        for chunk in in_chunks(images, self._batch_size):
            arrays = [decode(image, self._reader) for image in chunk]
            batch = prepare_batch(arrays, self._manifest.image)
            sizes = [(array.shape[0], array.shape[1]) for array in arrays]
            place = slice(begun, begun + len(chunk))
            begun += len(chunk)
            noise, posterior_noise = (slice_noise(values, place) for values in noises)
            collect = self.submit(batch, sizes, (noise, posterior_noise))
            yield partial(
                self._decided, collect, [source_path(image) for image in chunk], class_name
            )

    def _decided(
        self,
        collect: Callable[[], list[Found]],
        paths: Sequence[Path | None],
        class_name: str | None,
    ) -> list[Detection]:
        found = [
            NotFiniteError(f"{one.image} ({path})", one.reason)
            if isinstance(one, NotFiniteError) and path is not None
            else one
            for one, path in zip(collect(), paths, strict=True)
        ]
        return [
            self._decider.decide(
                detection if path is None else replace(detection, path=path),
                path,
                class_name=class_name,
            )
            for detection, path in zip(all_detections(found), paths, strict=True)
        ]

    def _collect(
        self, collect: Collect, image_sizes: Sequence[tuple[int, int]], began: float
    ) -> list[Found]:
        result = collect()
        if log.isEnabledFor(DEBUG):
            ms = 1000 * (time.perf_counter() - began)
            log.debug("batch of %d: %.1f ms from submission to result", len(image_sizes), ms)
        return detections_of(result, image_sizes, self._manifest)
