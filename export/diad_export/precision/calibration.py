"""Images that a float16 build looks at, and what each graph is fed when they run through."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diad_deploy.arrays import FloatArray
from diad_deploy.bundle.folder import builtin_images
from diad_deploy.bundle.manifest import ImageSpec, ScheduleSpec
from diad_deploy.diffusion.schedule import ddim_steps
from diad_deploy.errors import InputError
from diad_deploy.images.discover import find_images
from diad_deploy.images.options import ImageOptions
from diad_deploy.images.preprocess import prepare_batch
from diad_deploy.images.reader import ImageReader
from diad_export.precision.ranges import Feed

MAX_IMAGES = 32
MAX_BUILTIN = 9
"""At the published size an image takes a quarter of a minute on two cores."""

BATCH = 3

Run = Callable[[Feed], tuple[FloatArray, ...]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationImages:
    """Model input `[N, 3, S, S]`, where the images came from, and what may be wrong with them."""

    source: str
    images: FloatArray
    warnings: tuple[str, ...] = ()


def read_calibration(
    folder: Path | None, image: ImageSpec, reading: ImageOptions | None = None
) -> CalibrationImages:
    """Up to `MAX_IMAGES` of `folder`, spread over it, or the built-in ones.

    Raises:
        InputError: there is no such folder, or no image in it.
        ImageError: one cannot be read.
    """
    if folder is not None and not folder.is_dir():
        raise InputError(
            f"--calibration {folder}: expected a folder of good images, found "
            f"{'a file' if folder.exists() else 'nothing'}"
        )
    files = find_images([folder or builtin_images()])
    most = MAX_IMAGES if folder else MAX_BUILTIN
    reader = ImageReader.with_options(reading or ImageOptions())
    taken = np.unique(np.linspace(0, len(files) - 1, most).round().astype(int))
    return CalibrationImages(
        source=folder.resolve().name if folder else "built-in images",
        images=prepare_batch([reader.read(files[place].path).pixels for place in taken], image),
        warnings=reader.warnings(),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """One run of a graph: what went in, by name, and what came out, in order."""

    feed: Feed
    outputs: tuple[FloatArray, ...]


class Calibration:
    """Images on their way through the four graphs, a graph at a time.

    Each graph is run on all images before the next one, so that one is in memory at a time.

    Args:
        noise, posterior_noise: the bundle's, `[C, h, w]`.
    """

    def __init__(
        self,
        source: CalibrationImages,
        noise: FloatArray,
        posterior_noise: FloatArray,
        schedule: ScheduleSpec,
    ) -> None:
        self.source = source
        self._noise, self._posterior_noise = noise, posterior_noise
        self._steps = ddim_steps(schedule)
        images = source.images
        self._images = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        self._latents: list[FloatArray] = []
        self._hints: list[FloatArray] = []
        self._reconstructions: list[FloatArray] = []

    def run_through(self, graph: str, run: Run) -> list[Seen]:
        """Run the graph of this name, by `run`, on what the graphs before it gave.

        The graphs have to come in the order in which they run.
        """
        each = {
            "encoder": self._encode,
            "denoiser": self._denoise,
            "decoder": self._decode,
            "scorer": self._score,
        }
        return list(each[graph](run))

    def _encode(self, run: Run) -> Iterator[Seen]:
        for images in self._images:
            feed = {
                "image": images,
                "noise": np.repeat(self._noise[None], len(images), axis=0),
                "posterior_noise": np.repeat(self._posterior_noise[None], len(images), axis=0),
            }
            latents, hint = outputs = run(feed)
            self._latents.append(latents)
            self._hints.append(hint)
            yield Seen(feed=feed, outputs=outputs)

    def _denoise(self, run: Run) -> Iterator[Seen]:
        for place, hint in enumerate(self._hints):
            for step in self._steps:
                feed = {
                    "latents": self._latents[place],
                    "hint": hint,
                    "timestep": np.array([step.timestep], dtype=np.float32),
                    "latents_scale": np.array([step.latents_scale], dtype=np.float32),
                    "noise_scale": np.array([step.noise_scale], dtype=np.float32),
                }
                outputs = run(feed)
                [self._latents[place]] = outputs
                yield Seen(feed=feed, outputs=outputs)

    def _decode(self, run: Run) -> Iterator[Seen]:
        for latents in self._latents:
            outputs = run({"latents": latents})
            self._reconstructions += outputs
            yield Seen(feed={"latents": latents}, outputs=outputs)

    def _score(self, run: Run) -> Iterator[Seen]:
        for images, reconstruction in zip(self._images, self._reconstructions, strict=True):
            feed = {"image": images, "reconstruction": reconstruction}
            yield Seen(feed=feed, outputs=run(feed))
