"""The detector: images in, detections out."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from diad_deploy.arrays import FloatArray
from diad_deploy.backends import AUTO, OpenedModel
from diad_deploy.backends.several_devices import SharedModel
from diad_deploy.bundle.folder import Bundle
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.deprecated import deprecated_attribute
from diad_deploy.detection import Detection
from diad_deploy.detection.batch import Found, all_detections
from diad_deploy.detector.batches import Batches
from diad_deploy.detector.opening import load_model, open_again, open_reader
from diad_deploy.detector.options import ModelOptions
from diad_deploy.errors import DiadError, InputError, NotFiniteError
from diad_deploy.images.inputs import ImageInput
from diad_deploy.images.preprocess import check_prepared
from diad_deploy.images.reader import ImageReader
from diad_deploy.streaming.pending import collect_in_order
from diad_deploy.thresholds.decide import Decider
from diad_deploy.thresholds.file import Thresholds, check_belongs, find_thresholds, scoring_sha256


class Detector:
    """A model ready to run. A context manager; safe to use from several threads.

    Threads may share a detector: one thread at a time submits a batch to a device, which uses all
    cores or the GPU for it; reading and preparing images, and waiting for results, run beside
    that. Each thread gets the numbers it would get alone, and all share the speed of the model.
    They take turns batch by batch, in the order of their arrival.

    A pickled detector, as for a pool of processes, opens again in the other process: the bundle
    at the same path, which must hold the same model, with the same arguments and thresholds.

    >>> with Detector.open("bundle") as detector:
    ...     [detection] = detector.detect(["part.png"])
    """

    def __init__(
        self,
        *,
        bundle: Bundle,
        opened: OpenedModel,
        options: ModelOptions,
        decider: Decider,
        reader: ImageReader,
    ) -> None:
        self._bundle = bundle
        self._options = options
        # absolute now: later this process, or the one it is unpickled in, may be in another folder
        self._path = bundle.path.absolute()
        self._opened = opened
        self._decider = decider
        self._reader = reader
        model = opened.model
        self._batches = Batches(
            bundle,
            model
            if isinstance(model, SharedModel)
            else SharedModel(dict.fromkeys(opened.devices, model)),
            reader=reader,
            decider=decider,
            batch_size=options.batch_size,
        )

    @classmethod
    def open(
        cls,
        bundle: str | os.PathLike[str] | Bundle,
        *,
        backend: str = AUTO,
        device: str = AUTO,
        threads: int | None = None,
        batch_size: int = 8,
        tf32: bool = False,
        thresholds: Thresholds | Literal["auto"] | None = "auto",
        bit_depth: int | Literal["auto"] | None = None,
        white: float | None = None,
        max_megapixels: float | None = None,
    ) -> Self:
        """Open a bundle and load its graphs.

        Args:
            bundle: a bundle's folder, which is checked, or an open bundle.
            backend, device, threads, batch_size, tf32: what runs the model, as for `ModelOptions`.
            thresholds: what decides good or defective: `auto` takes those that `diad-calibrate`
                stored in the bundle, if any; None decides nothing.
            bit_depth, white, max_megapixels: how images are read, as for `ModelOptions`.

        Raises:
            OptionError: an argument does not fit, or there is no such device.
            BundleError: the bundle or its thresholds are missing, damaged or of a newer version.
            BackendError: the backend is not installed, refuses the graphs, or finds no GPU.
        """
        options = ModelOptions(
            backend=backend,
            device=device,
            threads=threads,
            batch_size=batch_size,
            tf32=tf32,
            bit_depth=bit_depth,
            white=white,
            max_megapixels=max_megapixels,
        )
        checked = bundle if isinstance(bundle, Bundle) else Bundle.open(bundle)
        if thresholds == "auto":
            thresholds = find_thresholds(checked.path, checked.manifest)
        elif thresholds is not None:
            check_belongs(thresholds, checked.manifest, where="thresholds")
        reader = open_reader(options.reading, thresholds)
        opened = load_model(checked, options)
        try:
            return cls(
                bundle=checked,
                opened=opened,
                options=options,
                decider=Decider(thresholds=thresholds),
                reader=reader,
            )
        except BaseException:
            # an error of closing must not hide the first one
            with suppress(DiadError):
                opened.model.close()
            raise

    @property
    def manifest(self) -> Manifest:
        """The bundle's manifest: sizes, schedule, files, versions."""
        return self._bundle.manifest

    @property
    def thresholds(self) -> Thresholds | None:
        """The thresholds that decide good or defective; None where nothing decides."""
        return self._decider.thresholds

    @property
    def reader(self) -> ImageReader:
        """The reader of image files, with the options that the detector was opened with.

        Its `warnings()` name what may have made scores of the files read so far wrong.
        """
        return self._reader

    @property
    def backend(self) -> str:
        """The backend that runs the model.

        One of `tensorrt`, `tensorrt-rtx`, `onnxruntime-cuda`, `onnxruntime-cuda-tf32`
        or `onnxruntime`.
        """
        return self._opened.backend

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices it runs on: `cpu`, or `cuda:0` and so on."""
        return self._opened.devices

    @property
    def backend_reason(self) -> str:
        """Why this backend was chosen, in a few words."""
        return self._opened.reason

    @property
    def max_pending(self) -> int:
        """How many batches are worth submitting before the first is collected."""
        return self._opened.model.max_pending

    in_flight = deprecated_attribute("max_pending")

    @property
    def batch_size(self) -> int:
        """Most images that `detect` runs at once."""
        return self._options.batch_size

    def detect(
        self,
        images: Iterable[ImageInput],
        *,
        class_name: str | None = None,
        noise: npt.ArrayLike | None = None,
        posterior_noise: npt.ArrayLike | None = None,
    ) -> list[Detection]:
        """One detection per image, in the order of the images.

        Args:
            images: uint8 `[H, W, 3]` RGB arrays of any size, uint16 ones where `bit_depth` or
                `white` was given, or paths of image files.
            class_name: the class whose threshold decides. None looks for a class among the
                folders of an image's path; arrays and other folders take the overall threshold.
            noise: replaces the bundle's noise: `[C, h, w]` for all images, or `[N, C, h, w]`.
            posterior_noise: likewise for the posterior of the autoencoder; used even where the
                bundle takes the mode of the posterior.

        Raises:
            InputError: an array is not an image.
            OptionError: noise of a wrong shape or type, or a class without a threshold where
                others have one.
            ImageError: a file cannot be read.
            BackendError: the detector is closed, or the model failed; `NotFiniteError` if the
                result for an image holds NaN or infinity.
        """
        return list(
            self.detect_each(
                images, class_name=class_name, noise=noise, posterior_noise=posterior_noise
            )
        )

    def detect_each(
        self,
        images: Iterable[ImageInput],
        *,
        class_name: str | None = None,
        noise: npt.ArrayLike | None = None,
        posterior_noise: npt.ArrayLike | None = None,
    ) -> Iterator[Detection]:
        """Like `detect`, one detection after the other: for very many images, or a camera.

        Images are taken a batch at a time, when their detections are asked for. For one camera
        open the detector with `batch_size=1`, so that no image waits for the next.

        Args:
            images, class_name, noise, posterior_noise: as for `detect`; with noise, all images
                are taken at once.

        Raises:
            InputError, OptionError, ImageError, BackendError: as for `detect`; an error of one
                image is raised when its batch is reached.
        """
        _ = self._batches.model
        single = isinstance(images, (str, os.PathLike)) or (
            isinstance(images, np.ndarray) and images.ndim == 3
        )
        if single:
            raise InputError("images: expected several images, found one; write detect([image])")
        self._decider.check_class(class_name)
        given = list(images) if noise is not None or posterior_noise is not None else images
        count = len(given) if isinstance(given, list) else 0
        noises = self._batches.resolve_noises(noise, posterior_noise, count)
        begun = self._batches.submit_images(given, noises, class_name)
        return chain.from_iterable(collect_in_order(begun, max_pending=self.max_pending))

    def detect_prepared(
        self, batch: FloatArray, image_sizes: Sequence[tuple[int, int]]
    ) -> list[Detection]:
        """Detections for prepared images, which run as one batch. The overall threshold decides.

        Args:
            batch: float32 `[B, 3, S, S]`, as `diad_deploy.images.preprocess` prepares images.
            image_sizes: (height, width) in pixels of each image before it was prepared.

        Raises:
            OptionError: a wrong shape or type, or a wrong number of sizes.
            BackendError: the detector is closed, or the model failed.
        """
        return self.submit_prepared(batch, image_sizes)()

    def submit_prepared(
        self, batch: FloatArray, image_sizes: Sequence[tuple[int, int]]
    ) -> Callable[[], list[Detection]]:
        """Begin `detect_prepared`; calling the result waits for the detections.

        With `max_pending` batches submitted, copying to the GPU and back overlaps with the model's
        work. On the CPU the work is done in this call.

        Raises:
            OptionError, BackendError: as for `detect_prepared`; calling the result can raise
                `BackendError` too.
        """
        collect = self.submit_each(batch, image_sizes)
        return lambda: all_detections(collect())

    def submit_each(
        self, batch: FloatArray, image_sizes: Sequence[tuple[int, int]]
    ) -> Callable[[], list[Found]]:
        """Like `submit_prepared`, but one image's failure does not end the others.

        An image whose result holds NaN or infinity has a `NotFiniteError` in its place, which is
        not raised.

        Raises:
            OptionError, BackendError: as for `submit_prepared`.
        """
        _ = self._batches.model
        check_prepared(batch, image_sizes, self.manifest.image)
        collect = self._batches.submit(batch, image_sizes, self._batches.noises)
        return lambda: [
            one if isinstance(one, NotFiniteError) else self._decider.decide(one)
            for one in collect()
        ]

    def close(self) -> None:
        """Wait for running work and release the model. Can be called more than once."""
        self._batches.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        _ = self._batches.model
        arguments = {**self._options.arguments, "thresholds": self._decider.thresholds}
        return open_again, (type(self).open, self._path, scoring_sha256(self.manifest), arguments)
