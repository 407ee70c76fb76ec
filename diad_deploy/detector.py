"""The public API: images in, detections out."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from diad_deploy.arrays import FloatArray
from diad_deploy.backends import AUTO, ModelRequest, OpenedModel, check_choice, open_model
from diad_deploy.backends.several_devices import SharedModel
from diad_deploy.detection.batch import Found, all_detections, detections_of
from diad_deploy.bundle.folder import THRESHOLDS_NAME, Bundle
from diad_deploy.bundle.manifest import Manifest
from diad_deploy.detection import Detection
from diad_deploy.diffusion.noise import for_batch, part_of, resolve_noise
from diad_deploy.diffusion.pipeline import in_order
from diad_deploy.diffusion.schedule import ddim_steps
from diad_deploy.diffusion.stages import Collect
from diad_deploy.errors import (
    BackendError,
    BundleError,
    DiadError,
    InputError,
    NotFiniteError,
    OptionError,
)
from diad_deploy.images.formats.white_level import resolve_white
from diad_deploy.images.inputs import ImageInput, decode, in_chunks, path_of
from diad_deploy.images.options import image_options_of
from diad_deploy.images.preprocess import check_prepared, prepare_batch
from diad_deploy.images.reader import ImageReader
from diad_deploy.streaming.pending import collect_in_order
from diad_deploy.thresholds.decide import Decider
from diad_deploy.thresholds.file import Thresholds, check_belongs, find_thresholds, scoring_sha256

MAX_THREADS = 1024


class Detector:
    """A model ready to run. A context manager; safe to use from several threads.

    Threads may share a detector: one at a time hands a batch to a device, which uses all cores or
    the GPU for it; images are read and prepared, and results waited for, beside that. So threads
    get the numbers that they would get alone, share the model's speed, and keep all GPUs busy. They
    take turns batch by batch, in the order of their arrival.

    Pickled, as for a pool of processes, it opens once more in the other process: the bundle at the
    same path, which must hold the same model, with the arguments and the thresholds of this one.

    >>> with Detector.open("bundle") as detector:
    ...     [detection] = detector.detect(["part.png"])
    """

    def __init__(
        self,
        *,
        bundle: Bundle,
        opened: OpenedModel,
        batch_size: int,
        judge: Decider,
        reader: ImageReader,
        given: Mapping[str, Any] | None = None,
    ) -> None:
        self._bundle = bundle
        self._given = given
        # as it is now: the other process, or this one by then, may be in another folder
        self._path = bundle.path.absolute()
        model = opened.model
        self._model: SharedModel | None = (
            model
            if isinstance(model, SharedModel)
            else SharedModel(dict.fromkeys(opened.devices, model))
        )
        self._max_pending = model.max_pending
        self._backend = opened.backend
        self._devices = opened.devices
        self._backend_reason = opened.reason
        self._batch_size = batch_size
        self._judge = judge
        self._reader = reader
        self._noises = bundle.noise()

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
            bundle: a bundle's folder, which is checked, or a bundle opened before.
            backend: `auto`, `onnxruntime`, `tensorrt` or `tensorrt-rtx`.
            device: `auto`, `cpu`, `cuda` (the first GPU), one or several GPUs such as `cuda:1` or
                `cuda:0,cuda:1`, or `cuda:all`. With `auto`, the best that the bundle and the
                machine hold: engines for this GPU, ONNX Runtime on CUDA, ONNX Runtime on the CPU.
                With several GPUs each has a model of its own, and a batch goes to the one with
                the least to do.
            threads: threads the model may use; None takes the cores this process may use.
            batch_size: most images to run at once; more need more memory.
            tf32: whether ONNX Runtime on CUDA multiplies float32 in TF32, whose numbers have 10
                bits of mantissa, as float16's have. Engines have it decided when they are built.
            thresholds: what decides good or defective: `auto` takes those that `diad-calibrate`
                stored beside the bundle, where there are any; None leaves it open.
            bit_depth: bits that the camera uses of samples of more than 8, in files and in uint16
                arrays. None takes what the thresholds were set with; where there are none, and
                with `auto`, each file's own holds.
            white: the value that is white, in place of `bit_depth`.
            max_megapixels: most pixels of an image file, in millions; None is 179.

        Raises:
            OptionError: an argument does not fit, or there is no such device.
            BundleError: the bundle or its thresholds are missing, damaged or of a newer version.
            BackendError: the backend is not installed, refuses the graphs, or finds no GPU.
        """
        check_choice(backend, device)
        if batch_size < 1:
            raise OptionError(f"batch_size {batch_size}: expected at least 1")
        if threads is not None and not 1 <= threads <= MAX_THREADS:
            raise OptionError(f"threads {threads}: expected 1 to {MAX_THREADS}")
        # what a pickled detector opens with in the other process
        given = {
            "backend": backend,
            "device": device,
            "threads": threads,
            "batch_size": batch_size,
            "tf32": tf32,
            "bit_depth": bit_depth,
            "white": white,
            "max_megapixels": max_megapixels,
        }
        checked = bundle if isinstance(bundle, Bundle) else Bundle.open(bundle)
        if thresholds == "auto":
            thresholds = find_thresholds(checked.path, checked.manifest)
        elif thresholds is not None:
            check_belongs(thresholds, checked.manifest, where="thresholds")
        judge = Decider(thresholds=thresholds)
        options = image_options_of(bit_depth=bit_depth, white=white, max_megapixels=max_megapixels)
        kept = None if thresholds is None else thresholds.white_level
        settled = resolve_white(options.white, kept, where=THRESHOLDS_NAME)
        order = in_order(ddim_steps(checked.manifest.schedule))
        request = ModelRequest(
            bundle=checked, order=order, threads=threads, batch_size=batch_size, tf32=tf32
        )
        opened = open_model(request, backend=backend, device=device)
        try:
            reader = ImageReader(settled, limit_px=options.limit_px)
            return cls(
                bundle=checked,
                opened=opened,
                batch_size=batch_size,
                judge=judge,
                reader=reader,
                given=given,
            )
        except BaseException:
            # the first error is the one to tell
            with suppress(DiadError):
                opened.model.close()
            raise

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self._bundle.manifest

    @property
    def thresholds(self) -> Thresholds | None:
        """What decides good or defective; None where there is nothing."""
        return self._judge.thresholds

    @property
    def reader(self) -> ImageReader:
        """What reads image files, with the options that the detector was opened with.

        Its `warnings()` say what of the files read so far may have made scores wrong.
        """
        return self._reader

    @property
    def backend(self) -> str:
        """Name of what runs.

        `tensorrt`, `tensorrt-rtx`, `onnxruntime-cuda`, `onnxruntime-cuda-tf32` or `onnxruntime`.
        """
        return self._backend

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of the devices that it runs on: `cpu`, or `cuda:0` and so on."""
        return self._devices

    @property
    def backend_reason(self) -> str:
        """Why that one, in a few words."""
        return self._backend_reason

    @property
    def max_pending(self) -> int:
        """How many batches are worth submitting before the first is collected."""
        return self._max_pending

    @property
    def batch_size(self) -> int:
        """Most images that `detect` runs at once."""
        return self._batch_size

    def detect(
        self,
        images: Iterable[ImageInput],
        *,
        class_name: str | None = None,
        noise: npt.ArrayLike | None = None,
        posterior_noise: npt.ArrayLike | None = None,
    ) -> list[Detection]:
        """One detection an image, in their order.

        Args:
            images: uint8 `[H, W, 3]` RGB arrays of any size, uint16 ones where `bit_depth` or
                `white` was given, or paths of image files.
            class_name: whose threshold decides. None goes by the folders of an image's path, and
                takes the overall threshold for arrays and for folders that are no class.
            noise: replaces the bundle's noise: `[C, h, w]` for all images, or `[N, C, h, w]`.
            posterior_noise: the same for the autoencoder's posterior; taken even where the
                bundle's posterior is its mode.

        Raises:
            InputError: an array is not an image. OptionError: noise of a wrong shape or kind, or
                a class without a threshold where others have one.
            ImageError: a file cannot be read.
            BackendError: the detector is closed, or the model failed; `NotFiniteError` where an
                image's result holds NaN or infinity.
        """
        given = {"noise": noise, "posterior_noise": posterior_noise}
        return list(self.detect_each(images, class_name=class_name, **given))

    def detect_each(
        self,
        images: Iterable[ImageInput],
        *,
        class_name: str | None = None,
        noise: npt.ArrayLike | None = None,
        posterior_noise: npt.ArrayLike | None = None,
    ) -> Iterator[Detection]:
        """What `detect` gives, one by one as they come: for very many images, or a camera.

        Images are taken a batch at a time, as their detections are asked for. With one camera
        open the detector with `batch_size=1`, so that no image waits for the next.

        Args:
            images, class_name, noise, posterior_noise: as of `detect`; where noise is given, all
                images are taken at once.

        Raises:
            InputError, OptionError, ImageError, BackendError: as of `detect`; those about one
                image when its batch is reached.
        """
        self._open_model()
        single = isinstance(images, (str, os.PathLike)) or (
            isinstance(images, np.ndarray) and images.ndim == 3
        )
        if single:
            raise InputError("images: expected several images, found one; write detect([image])")
        self._judge.check_class(class_name)
        given = list(images) if noise is not None or posterior_noise is not None else images
        count = len(given) if isinstance(given, list) else 0
        noises = (
            resolve_noise("noise", noise, self._noises[0], count),
            resolve_noise("posterior_noise", posterior_noise, self._noises[1], count),
        )
        begun = self._submit_images(given, noises, class_name)
        return chain.from_iterable(collect_in_order(begun, max_pending=self._max_pending))

    def detect_prepared(
        self, batch: FloatArray, image_sizes: Sequence[tuple[int, int]]
    ) -> list[Detection]:
        """Detections for images that `images.preprocess` has prepared, run as one batch.

        The overall threshold decides.

        Args:
            batch: float32 `[B, 3, S, S]`.
            image_sizes: (height, width) in pixels of each image before it was prepared.

        Raises:
            OptionError: another shape or type, or another number of sizes.
            BackendError: the detector is closed, or the model failed.
        """
        return self.submit_prepared(batch, image_sizes)()

    def submit_prepared(
        self, batch: FloatArray, image_sizes: Sequence[tuple[int, int]]
    ) -> Callable[[], list[Detection]]:
        """Begin what `detect_prepared` does, and give what waits for its detections.

        With as many batches under way as `max_pending`, copying them to a GPU and back overlaps the
        model's work; on the CPU the work is done here.

        Raises:
            OptionError, BackendError: as of `detect_prepared`; what comes back can raise
                `BackendError` too.
        """
        collect = self.submit_each(batch, image_sizes)
        return lambda: all_detections(collect())

    def submit_each(
        self, batch: FloatArray, image_sizes: Sequence[tuple[int, int]]
    ) -> Callable[[], list[Found]]:
        """Begin what `submit_prepared` does; one image's failure does not end the others.

        An image whose result holds NaN or infinity has a `NotFiniteError` in its place, which is
        not raised.

        Raises:
            OptionError, BackendError: as of `submit_prepared`.
        """
        self._open_model()
        check_prepared(batch, image_sizes, self.manifest.image)
        collect = self._submit(batch, image_sizes, *self._noises)
        return lambda: [
            one if isinstance(one, NotFiniteError) else self._judge.judge(one) for one in collect()
        ]

    def close(self) -> None:
        """Let go of the model once running calls are done; safe to call again."""
        model, self._model = self._model, None
        if model is not None:
            model.close()

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
        self._open_model()
        if self._given is None:
            raise BackendError("this detector cannot be pickled: expected one of Detector.open")
        given = {**self._given, "thresholds": self._judge.thresholds}
        return _open_again, (type(self), self._path, scoring_sha256(self.manifest), given)

    def _open_model(self) -> SharedModel:
        if self._model is None:
            raise BackendError("the detector is closed; open it again with Detector.open")
        return self._model

    def _submit_images(
        self, images: Iterable[ImageInput], noises: Sequence[FloatArray], class_name: str | None
    ) -> Iterator[Callable[[], list[Detection]]]:
        begun = 0
        for chunk in in_chunks(images, self._batch_size):
            arrays = [decode(image, self._reader) for image in chunk]
            batch = prepare_batch(arrays, self.manifest.image)
            sizes = [(array.shape[0], array.shape[1]) for array in arrays]
            place = slice(begun, begun + len(chunk))
            begun += len(chunk)
            collect = self._submit(batch, sizes, *(part_of(values, place) for values in noises))
            yield partial(self._judged, collect, [path_of(p) for p in chunk], class_name)

    def _judged(
        self,
        collect: Callable[[], list[Found]],
        paths: Sequence[Path | None],
        class_name: str | None,
    ) -> list[Detection]:
        found = [
            NotFiniteError(f"{one.picture} ({path})", one.reason)
            if isinstance(one, NotFiniteError) and path is not None
            else one
            for one, path in zip(collect(), paths, strict=True)
        ]
        return [
            self._judge.judge(detection, path, class_name=class_name)
            for detection, path in zip(all_detections(found), paths, strict=True)
        ]

    def _submit(
        self,
        batch: FloatArray,
        sizes: Sequence[tuple[int, int]],
        noise: FloatArray,
        posterior_noise: FloatArray,
    ) -> Callable[[], list[Found]]:
        count = len(batch)
        if not count:
            return list
        drawn, posterior = for_batch(noise, count), for_batch(posterior_noise, count)
        collect = self._open_model().submit(batch, drawn, posterior)
        return partial(self._collect, collect, list(sizes))

    def _collect(self, collect: Collect, sizes: Sequence[tuple[int, int]]) -> list[Found]:
        return detections_of(collect(), sizes, self.manifest)


def _open_again(kind: type[Detector], path: Path, scoring: str, given: dict[str, Any]) -> Detector:
    """What a pickled detector is on arrival.

    Raises:
        BundleError: there is another model at `path`, or as of `Detector.open`.
        OptionError, BackendError: as of `Detector.open`.
    """
    bundle = Bundle.open(path)
    found = scoring_sha256(bundle.manifest)
    if found != scoring:
        raise BundleError(
            f"{path}: another bundle than the detector was opened with before it was pickled "
            f"(expected {scoring[:12]}…, found {found[:12]}…); open it again with Detector.open"
        )
    return kind.open(bundle, **given)
